"""D1: eight clients act, the whole house is killed at a random moment, and nothing acknowledged is lost or doubled."""

import os
import random
import threading
import time
from statistics import median

import pytest

from teahouse import ids, testing
from teahouse.store import rollouts
from teahouse.store.house import House
from tests.standard.acting import Journal, acting, look
from tests.standard.houses import RealHouse

# Nightly 500 (`make nightly`). The moments are spread over the whole span, so that no part of it is left out.
KILLS = int(os.environ.get("TEAHOUSE_KILLS", "50"))
FIRST_S, LAST_S = 0.05, 1.5
READY_S = 5.0  # of the median start: one start on a machine that does other work says nothing of the house


def promote(house: RealHouse, releases: list[str], acked: list[int], end: threading.Event) -> None:
    """The owner at the command line: promotes by turns, as another process of the house would."""
    with House.open(house.data) as own:
        while not end.wait(0.05):
            seq = own.db.write(
                lambda c: rollouts.append(
                    c, testing.APP, releases[len(acked) % 2], "full", by="owner", why="test", at=ids.now_ms()
                )
            )
            acked.append(seq)


def moments(dice: random.Random, count: int) -> list[float]:
    """Seconds after the start at which to kill: at random, one in each part of the span, the parts in random order."""
    parts = [FIRST_S + (LAST_S - FIRST_S) * (part + dice.random()) / count for part in range(count)]
    return dice.sample(parts, count)


def test_d1_the_moments_leave_no_part_of_the_span_out():
    found = sorted(moments(random.Random(1), 20))
    assert FIRST_S <= found[0] and found[-1] <= LAST_S
    assert all(int((at - FIRST_S) / (LAST_S - FIRST_S) * 20) == part for part, at in enumerate(found))


@pytest.mark.slow
@pytest.mark.timeout(120 + 20 * KILLS)
def test_d1_nothing_acknowledged_is_lost_or_doubled(tmp_path, capsys):
    dice = random.Random(20261125)
    journals, acked, starts = [Journal() for _ in range(8)], [], []
    with RealHouse(tmp_path / "house") as house:
        first = house.prepare()
        with testing.open_house(house.data) as own:
            second = testing.install_tiny(own, note="the second one")
        for moment in moments(dice, KILLS):
            starts.append(house.start())
            end = threading.Event()
            promoting = threading.Thread(target=promote, args=(house, [first, second], acked, end))
            with acting(house, journals):
                promoting.start()
                time.sleep(moment)  # the random moment that the row asks for
                house.kill()
                end.set()
            promoting.join(20)
        starts.append(house.start())
        assert house.stop() == 0
        look(house, journals, acked)
    told = sum(len(journal.answered) + len(journal.said) + len(journal.kept) for journal in journals) + len(acked)
    with capsys.disabled():
        print(
            f"\nD1: {KILLS} kills, {told} acknowledged acts, 0 lost, 0 twice; "
            f"ready in {median(starts):.2f} s, slowest {max(starts):.2f} s"
        )
    assert told > 10 * KILLS, "the clients hardly acted: the row would say nothing"
    assert median(starts) <= READY_S
    assert max(starts) <= 4 * READY_S
