"""A champion of an earlier version is the same model still: its fields are read, not compared as text."""

from types import SimpleNamespace

import pytest

from teahouse import Image, Labels
from teahouse.loop.steps import _same_shape
from teahouse.testing import tiny_declaration


def declared(**changes):
    return SimpleNamespace(declaration=tiny_declaration(**changes))


def manifest(**changes):
    told = tiny_declaration(**changes)
    return {"fields": told["fields"], "output": told["output"]}


def without_labels(told):
    return {
        "fields": [{name: value for name, value in one.items() if name != "label"} for one in told["fields"]],
        "output": {name: value for name, value in told["output"].items() if name != "label"},
    }


@pytest.mark.parametrize("kind", ["labels", "picture", "seed"])
def test_a_release_without_labels_on_its_fields_goes_on(kind):
    assert _same_shape(manifest(kind=kind), declared(kind=kind))
    assert _same_shape(without_labels(manifest(kind=kind)), declared(kind=kind))


def test_another_question_is_another_model():
    assert not _same_shape(manifest(), declared(output=Labels("warm", "hot").json()))
    assert not _same_shape(manifest(), declared(fields=[Image(size=32).json()]))
    assert not _same_shape(manifest(kind="seed"), declared(kind="picture"))
    assert not _same_shape(manifest(), None)
