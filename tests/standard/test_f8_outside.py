"""F8: whoever the house calls may refuse, hang, talk slowly or talk nonsense: visitors do not notice.

A house calls nobody but a mail server and a webhook, where the owner names them."""

import pytest

from teahouse import ids, testing
from teahouse.loop import notify
from teahouse.store import notices
from tests.standard import load, outside
from tests.standard.houses import RealHouse, wait_until
from tests.standard.outside import RATE, SECONDS, TIMES

pytestmark = pytest.mark.slow
KINDS = outside.KINDS if load.EXACT else ("slow",)
LOOK_S = 60


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_f8_free_predictions_do_not_wait_for_others_servers(tmp_path, capsys, kind):
    with outside.outside(kind) as server, RealHouse(tmp_path / "house") as house:
        house.prepare()
        with (house.root / "teahouse.toml").open("a") as settings:
            hook = f"http://127.0.0.1:{server.port}/"
            settings.write(f'[notify]\nemail = "kin@tea.example"\nwebhook = "{hook}"\nlocal = true\n')
        house.environment = {notify.SMTP: f"smtp://127.0.0.1:{server.port}"}
        house.start()
        load.come(house.url, seconds=2)
        before = load.come(house.url, seconds=SECONDS, rate=RATE, seed=2)
        with testing.open_house(house.data) as opened:
            opened.db.write(lambda c: notices.add(c, "rollback", "1", "Taken off.", ids.now_ms()))
        with load.coming(house.url, rate=RATE, seed=3) as crowd:
            gone = wait_until(lambda: house.logged("not-told"), "nobody was called", patience=LOOK_S)
            wait_until(lambda: len(house.logged("not-told")) == 2, "a call does not end", patience=3 * notify.SECONDS)
        health = load.come(house.url, seconds=2, rate=RATE, seed=4)
    with capsys.disabled():
        print(f"\nF8, {kind}: {len(crowd.told)} visitors meanwhile, {len(crowd.failed)} failed; p99 "
              f"{before.p99() * 1000:.0f} ms before, {crowd.p99() * 1000:.0f} ms meanwhile")  # fmt: skip
    assert gone and not crowd.failed and not health.failed
    assert load.within(crowd.p99(), TIMES * before.p99())
