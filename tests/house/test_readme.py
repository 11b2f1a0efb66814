"""What README and the docs tell somebody to type exists, and the one-file example loads."""

import re
from pathlib import Path

import pytest

from teahouse.cli import VERBS
from teahouse.spec.load import load_app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_one_file_example_loads(tmp_path):
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)[1]
    (tmp_path / "tea").mkdir()
    (tmp_path / "tea" / "app.py").write_text(example)
    app = load_app(tmp_path / "tea")
    assert app.name == "tea" and app.output.words() == ["green", "oolong"] and "train" in app.hooks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_verb_that_is_told_exists(page):
    told = set(re.findall(r"(?:^ {4}|`|&& )teahouse ([a-z]+)", page.read_text("utf-8"), re.M))
    assert told <= set(VERBS), told - set(VERBS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_word_that_is_told_exists(page):
    words = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    told = set(re.findall(r"(?:^ {4}|`)make ([a-z]+)", page.read_text("utf-8"), re.M))
    assert told <= words, told - words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_linked_exists(page):
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
    missing = [link for link in links if not (page.parent / link).exists() and link != "docs/play.png"]
    assert missing == []


def test_the_changelog_knows_this_version():
    import teahouse

    assert f"## {teahouse.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
