"""A chapter can be read in one sitting, leads to the others, and names only what there is."""

import click
import pytest

from teahouse.cli import teahouse
from tests.learn.pages import LEARN, PAGES, links, typed

APP = "galaxies"  # of the chapters

CHAPTERS = ["1-publish", "2-test", "3-feedback", "4-data", "5-ci-cd", "6-canary"]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def test_there_are_six_chapters():
    assert [page.stem for page in PAGES] == CHAPTERS


@each_page
def test_a_chapter_has_at_most_120_lines(page):
    assert len(page.read_text("utf-8").splitlines()) <= 120


@each_page
def test_a_chapter_links_to_all_others_and_to_nothing_that_is_not_there(page):
    found = links(page)
    assert {other.name for other in PAGES} - {page.name} <= found
    assert [link for link in found if not (LEARN / link).exists()] == []


@each_page
def test_a_chapter_says_what_one_has_at_the_end_what_went_on_and_what_comes_next(page):
    text = page.read_text("utf-8")
    assert [words for words in ("\nAt the end ", "\n**What went on.** ", "\nNext: ") if words not in text] == []


@each_page
def test_every_verb_and_option_that_a_chapter_names_exists(page):
    assert typed(page) and [wrong for words in typed(page) if (wrong := unknown(words))] == []


def test_a_verb_or_an_option_that_is_not_there_is_found():
    assert unknown(["train", "--whole"]) == "train --whole" and unknown(["sell"]) == "sell"
    assert unknown(["releases", "add", "x.teahouse"]) == unknown(["releases"]) == unknown(["releases", APP]) == ""
    assert unknown(["releases", "pakc"]) == "releases pakc" and unknown(["train", "-Z"]) == "train -Z"


def unknown(words: list[str]) -> str:
    """The words of a command up to the first that Teahouse does not know; "" where it knows all."""
    command, known = teahouse, []
    for word in words:
        known.append(word)
        if isinstance(command, click.Group) and not word.startswith("-"):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return "" if command.name == "releases" and word == APP else " ".join(known)
            command = found
        elif word.startswith("-"):
            names = [name for each in command.params for name in (*each.opts, *each.secondary_opts)]
            if word.partition("=")[0] not in (*names, "--help"):
                return " ".join(known)
    return ""
