"""Runs verbs as the terminal does, inside this process: exit status and what was printed."""

from dataclasses import dataclass

import pytest

from teahouse.cli import main
from teahouse.desk import say


@dataclass
class Ended:
    status: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """All that was printed, without the line breaks of a narrow terminal."""
        return " ".join((self.out + " " + self.err).split())


@pytest.fixture
def teahouse(monkeypatch, capsys):
    """`teahouse("new", "tea")` → Ended."""

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr("sys.argv", ["teahouse", *map(str, arguments)])
        say.console.cache_clear()
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        return Ended(int(left.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder, outside of any project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TEAHOUSE_DATA", raising=False)
    monkeypatch.delenv("TEAHOUSE_KEY", raising=False)
    return tmp_path


@pytest.fixture
def photos(here):
    """A folder of photos as people have them: two labels, a GIF under a photo's ending, a text, a damaged JPEG."""
    from teahouse.testing import photo

    for label in ("warm", "cold_ones"):
        folder = here / "photos" / label
        folder.mkdir(parents=True)
        for seed in range(3):
            (folder / f"{seed}.jpg").write_bytes(photo("warm" if label == "warm" else "cold", seed))
    (here / "photos" / "warm" / "imageNotFound.gif").write_bytes(b"GIF89a" + bytes(30))
    (here / "photos" / "warm" / "torn.jpg").write_bytes(photo("warm", 9)[:200])
    (here / "photos" / "warm" / "notes.txt").write_text("not a photo, and nobody thinks so")
    return here / "photos"
