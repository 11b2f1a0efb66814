"""The ship log: one line a release that took over, newest month first."""

import asyncio
import re
from datetime import UTC, datetime

from teahouse import ids
from teahouse.site import pages, reconcile, shiplog
from teahouse.store import lineage, rollouts
from teahouse.testing import APP, install_tiny

HTML = {"Accept": "text/html"}
DAY = 86_400_000


def at(month, day=5):
    return int(datetime(2025, month, day, 12, tzinfo=UTC).timestamp() * 1000)


def full(site, release, when, numbers=None, champion=None, by="loop", outcome="promote"):
    """Another release takes over, by a verdict with these numbers."""
    verdict, version = ids.new_id(), ids.new_id()

    def put(c):
        if numbers is not None:
            lineage.add_version(c, lineage.Version(version, APP, "a" * 64, None, {}, "b" * 64, when))
            judged = lineage.Judged(verdict, APP, release, champion, version, outcome, [], numbers, when)
            lineage.add_verdict(c, judged)
        rollouts.append(c, APP, release, "full", by=by, verdict=verdict if numbers is not None else None, at=when)

    site.house.db.write(put)


def lines(site):
    """The words of each line."""
    text = site.client.get("/log", headers=HTML).text
    found = re.findall(r"</time></span><span>(.*?)</span></li>", text, re.S)
    return [re.sub(r"<[^>]+>", "", line).strip() for line in found], re.findall(r"<h2>(.*?)</h2>", text)


def test_months_with_what_came_out_newest_first(site):
    site.house.db.write(lambda c: c.execute(rollouts.rollouts.delete()))
    two, three, four = (install_tiny(site.house, note=note, state="") for note in ("2", "3", "4"))
    full(site, site.release, at(3))
    full(site, two, at(5, 2), {"gold": {"points": 3.6, "n": 90}}, site.release)
    full(site, two, at(5, 3))
    full(site, three, at(5, 9), {"choices": {"challenger": 31, "n": 44}}, two)
    full(site, two, at(6))
    full(site, four, at(7), {"gold": {"points": 9.0}}, site.release)
    asyncio.run(reconcile.once(site.deps))
    told, months = lines(site)
    assert months == ["July 2025", "June 2025", "May 2025", "March 2025"]
    assert told == [
        "Release 4 of Warm or cold?.",  # its verdict compared it with another one
        "Release 2 of Warm or cold? was put back.",
        "Release 3 of Warm or cold?: 31 of 44 who saw both liked it better.",
        "Release 2 of Warm or cold?: right 4 points more often.",
        "Warm or cold? opened.",
    ]


def test_what_was_put_on_by_hand_boasts_of_nothing_and_a_rollback_is_told(site):
    site.house.db.write(lambda c: c.execute(rollouts.rollouts.delete()))
    two, three = (install_tiny(site.house, note=note, state="") for note in ("2", "3"))
    better = {"gold": {"points": 5.2, "n": 90}}
    full(site, site.release, at(3))
    full(site, two, at(4), better, site.release, by="owner", outcome="hold")
    site.house.db.write(lambda c: rollouts.append(c, APP, two, "rolled_back", by="owner", at=at(5)))
    full(site, site.release, at(5), by="owner")
    full(site, three, at(6), better, site.release, by="owner")  # proven, and it was the owner who let it
    asyncio.run(reconcile.once(site.deps))
    assert lines(site)[0] == [
        "Release 3 of Warm or cold?: right 5 points more often.",
        "Release 1 of Warm or cold? was put back.",
        "Release 2 of Warm or cold?: put on by hand; not proven better; rolled back since.",
        "Warm or cold? opened.",
    ]


def test_an_empty_log_says_so(site):
    site.house.db.write(lambda c: c.execute(rollouts.rollouts.delete()))
    page = site.client.get("/log", headers=HTML)
    assert page.status_code == 200 and "Nothing came out yet" in page.text


def test_a_month_counts_its_releases_and_what_opened():
    month = [pages.Entry(at(3, day), "a", "A", day, kind) for day, kind in ((1, "opened"), (2, "release"), (3, "back"))]
    (found,) = shiplog.months(month)
    assert (found.name, found.releases, found.opened) == ("March 2025", 2, 1)
    assert [entry.release for entry in found.entries] == [3, 2, 1]


def test_a_gain_of_nothing_is_not_told():
    assert shiplog.gain({"gold": {"points": 0.2}}) == shiplog.gain({"gold": {"points": -3}}) == shiplog.gain({}) == ""
    assert shiplog.gain({"gold": {"points": 1.2}}) == "right 1 point more often"


def test_the_shelf_and_the_play_page_lead_to_it(site):
    assert 'href="/log"' in site.client.get("/", headers=HTML).text
