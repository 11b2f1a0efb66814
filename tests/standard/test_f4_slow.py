"""F4: clients that are slow on purpose hold hundreds of connections, and honest visitors notice nothing of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.standard import load
from tests.standard.houses import RealHouse, wait_until
from tests.standard.slow import ADDRESSES

# Nightly 1,000 connections for 120 s (`make nightly`); slow.py tells the kinds.
CONNECTIONS, KINDS = int(os.environ.get("TEAHOUSE_SLOW", "200")), 6
SECONDS = float(os.environ.get("TEAHOUSE_SLOW_S", "22"))
HONEST, BEFORE_S = 10.0, 4.0
ENDS_S = {"headers": 15, "silent": 15, "refused": 15, "blank": 20, "body": 30}  # an empty line comes after five
LATE_S = 1.0  # between the house's timer and the other process's note of it, on a machine that is busy


@pytest.mark.slow
@pytest.mark.timeout(240 + 2 * int(SECONDS))
def test_f4_honest_visitors_notice_nothing_of_slow_clients(tmp_path, capsys):
    with RealHouse(tmp_path / "house") as house:
        house.prepare()
        house.start()
        place, web = urlsplit(house.url), house.child("site.serve")
        before = load.come(house.url, rate=HONEST, seconds=BEFORE_S)
        # the visitors' own connections stay for fifteen seconds; those are none that slow clients hold
        wait_until(lambda: house_is_alone(web), "the visitors' connections have ended")
        files = web.num_fds()
        words = (place.hostname, place.port, SECONDS, CONNECTIONS // KINDS)
        command = [sys.executable, "-m", "tests.standard.slow", *map(str, words)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as slow:
            with load.coming(house.url, rate=HONEST, seed=2) as during:
                wait_until(lambda: web.num_fds() > files + CONNECTIONS / 2, "the slow clients have come")
                told = json.loads(slow.communicate()[0])
        wait_until(lambda: abs(web.num_fds() - files) <= max(2, 0.05 * files), "all is let go", patience=30)
    with capsys.disabled():
        print(f"\nF4: {CONNECTIONS} slow connections from {len(ADDRESSES)} addresses for {SECONDS:.0f} s; honest p99 "
              f"{during.p99() * 1000:.0f} ms, before {before.p99() * 1000:.0f} ms, {len(during.failed)} of "
              f"{len(during.told)} failed")  # fmt: skip
        for kind, ended in told.items():
            spans = f"after {min(ended):.1f} to {max(ended):.1f} s" if ended else ""
            print(f"  {kind}: {len(ended)} ended {spans}")
    assert not before.failed and not during.failed
    assert load.within(during.p99(), 2 * before.p99())
    for kind, most in ENDS_S.items():
        assert SECONDS < most + LATE_S or told[kind], f"no {kind} was ended"
        assert load.within(max(told[kind], default=0), most + LATE_S), kind


def house_is_alone(web):
    return not [one for one in web.net_connections("tcp") if one.status == "ESTABLISHED"]
