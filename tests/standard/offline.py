"""A house without a network: `python -m tests.standard.offline FOLDER` starts one and plays, all in here."""

import socket
import sys
from pathlib import Path

import httpx

from teahouse.testing import NAMES, photo
from tests.standard.houses import RealHouse

ELSEWHERE = ("192.0.2.1", 443)  # of no one, and on no machine's own network (RFC 5737)
PAGES = ("/", f"/{NAMES['labels']}", "/docs", "/mine", "/log", "/openapi.json", "/manifest.webmanifest", "/sw.js")


def outside() -> str:
    """What becomes of a connection to elsewhere."""
    try:
        socket.create_connection(ELSEWHERE, timeout=2).close()
    except OSError as error:
        return error.strerror or str(error)
    return "connected"


def main(folder: Path) -> None:
    print("outside:", outside())
    with RealHouse(folder) as house:
        for kind in NAMES:
            house.prepare(kind)
        house.start()
        with httpx.Client(base_url=house.url, timeout=30, headers={"Origin": house.url}) as client:
            for page in PAGES:
                assert client.get(page).status_code == 200, page
            for kind in ("labels", "picture"):
                given = {"content": photo("warm", 1), "headers": {"Content-Type": "image/jpeg"}}
                told = client.post(f"/api/apps/{NAMES[kind]}/predictions", **given)
                assert told.status_code == 201, told.text
        assert house.stop() == 0
    print("played")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
