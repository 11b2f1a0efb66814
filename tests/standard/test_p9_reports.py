"""P9: a thousand reports from ten networks against one honest photo hide nothing by themselves and change no row."""

import pytest
import sqlalchemy as sa

from teahouse.settings import Limits, Settings
from teahouse.store import labels, reports, shares, tables
from teahouse.testing import APP, whole_house
from tests.standard.conftest import OWN, play

pytestmark = pytest.mark.standard

NETWORKS, EACH = 10, 100
FACTS = ("predictions", "inputs", "labels", "reviews", "feedback", "visitors", "consents", "erasures", "taught")


def test_a_thousand_reports_are_told_to_the_owner_and_do_nothing_else(tmp_path):
    settings = Settings(project=tmp_path, limits=Limits(requests_per_minute=100_000))
    with whole_house(tmp_path, settings) as site:
        honest = site.visitor("198.51.100.1")
        honest.headers.update(OWN)
        told = play(honest, 1)
        headers = {"X-Receipt": told["receipt"], "X-Consent": "show"}
        share = honest.post(f"/api/predictions/{told['id']}/share", headers=headers).json()

        def state():
            with site.house.db.read() as c:
                rows = {name: c.execute(sa.select(tables.metadata.tables[name])).all() for name in FACTS}
                return rows, [row.hidden for row in c.execute(sa.select(tables.shares))], labels.counts(c, APP)

        before, answers = state(), []
        for network in range(NETWORKS):
            for n in range(EACH):
                mob = site.visitor(f"10.0.{network}.{1 + n}")
                mob.headers.update(OWN)
                said = {"kind": "illegal", "share": share["token"], "words": "take it down"}
                answers.append(mob.post("/api/reports", json=said).status_code)
        assert set(answers) == {202, 429} and answers.count(202) == NETWORKS * 20, "of one network twenty a day"
        assert state() == before, "nothing deleted, nothing hidden, no row weighs otherwise"
        assert site.visitor().get(share["url"]).status_code == 200
        with site.house.db.read() as c:
            assert reports.waiting(c) >= 1 and shares.shown(c, share["token"]) is not None
