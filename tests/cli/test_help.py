"""The help page: quick, complete, and the same words as each verb's own."""

import subprocess
import sys
import time

import click
import pytest

from teahouse.cli import VERBS
from teahouse.cli import teahouse as group


def test_the_help_page_takes_less_than_a_fifth_of_a_second():
    def once() -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "teahouse.cli", "--help"], capture_output=True, check=True, timeout=30)
        return time.perf_counter() - began

    assert min(once() for _ in range(5)) < 0.2


@pytest.mark.parametrize("verb", VERBS)
def test_a_verbs_line_on_the_page_is_its_own(verb):
    command = group.get_command(click.Context(group), verb)
    assert command is not None and command.name == verb
    assert command.short_help == VERBS[verb][1]
    assert command.help and len(command.help) > 40


def test_every_verb_has_help(teahouse):
    for verb in VERBS:
        assert teahouse(verb, "--help").status == 0


def test_a_misspelt_verb_is_answered_with_the_likely_one(teahouse):
    ended = teahouse("trian")
    assert ended.status == 2 and "Did you mean 'train'?" in ended.words


def test_the_version_is_told(teahouse):
    assert teahouse("--version").out.startswith("teahouse ")


def test_a_verb_outside_of_a_project_says_what_to_do(teahouse, here):
    ended = teahouse("status")
    assert ended.status == 2 and "teahouse new" in ended.words


def test_errors_are_json_where_asked(teahouse, here):
    import json

    ended = teahouse("status", "--json")
    assert json.loads(ended.err)["error"]["code"] == "wrong-use"
