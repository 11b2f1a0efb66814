"""A declaration is caught where it is wrong, and names the likely word."""

import pytest

from teahouse import App, Choice, Folder, Image, Labels, Number, Seed
from teahouse.errors import DeclarationError

TWICE = Image()


def declare(**options):
    return App(**{"title": "Tea?", "input": Image(size=96), "output": Labels("green", "oolong"), **options})


def test_a_whole_declaration_is_json():
    declaration = declare(name="tea", data=Folder("photos")).declaration()
    assert declaration["fields"][0]["name"] == "input"
    assert declaration["output"]["words"] == ["green", "oolong"]
    assert declaration["data"] == {"folder": "photos"}
    assert declaration["held"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: declare(tilte="x"), '"title"'),
        (lambda: declare(retrain_aftr=3), '"retrain_after"'),
        (lambda: Image(siz=96), '"size"'),
        (lambda: Image(fit="crpo"), '"crop"'),
        (lambda: declare(review="owned"), '"owner"'),
    ],
)
def test_a_misspelt_word_is_suggested(make, word):
    with pytest.raises(DeclarationError) as caught:
        make()
    assert word in caught.value.do_next


@pytest.mark.parametrize(
    "options",
    [
        {"title": ""},
        {"title": "two\nlines"},
        {"input": None},
        {"output": None},
        {"input": Image},
        {"data": "photos"},
        {"name": "Tea"},
        {"name": "api"},
        {"held": 2},
        {"held": True},
        {"deadline_s": float("nan")},
        {"input": {}},
        {"input": {"A b": Image()}},
        {"input": {"output": Image()}},
        {"input": {"score": Image()}},
        {"input": {"one": TWICE, "other": TWICE}},
        {"output": Seed()},
        {"output": Choice("a", "b")},
        {"input": Seed(), "data": Folder("photos")},
        {"retrain_after": 0},
    ],
)
def test_a_wrong_declaration_says_what_and_why(options):
    with pytest.raises(DeclarationError) as caught:
        declare(**options)
    assert caught.value.what


def test_a_hook_with_the_wrong_arguments_is_refused_when_it_is_declared():
    app = declare()
    with pytest.raises(DeclarationError, match=r"def train\(data, run\)"):

        @app.train
        def train(data):
            pass


def test_a_hook_is_declared_once():
    app = declare()
    app.train(lambda data, run: None)
    with pytest.raises(DeclarationError, match="twice"):
        app.train(lambda data, run: None)


def test_data_comes_from_one_place():
    app = declare(data=Folder("photos"))
    with pytest.raises(DeclarationError, match="one place"):
        app.data(lambda folder: None)


def test_an_app_without_a_photo_has_no_photographs_as_data():
    app = declare(input=Seed())
    with pytest.raises(DeclarationError, match="no photo among its inputs"):
        app.data(lambda folder: None)


def test_several_inputs_go_by_their_names_in_their_order():
    app = declare(input={"photo": Image(label="your photo"), "how_strong": Number(0, 1)}, output=Image())
    assert [(one["name"], one["label"]) for one in app.declaration()["fields"]] == [
        ("photo", "your photo"),
        ("how_strong", "how strong"),
    ]
    assert (app.output.name, app.declaration()["output"]["label"]) == ("output", "output")


def test_checks_go_by_their_names():
    app = declare()

    @app.check
    def mirrored_photo_keeps_its_label(predict):
        pass

    assert list(app.checks) == ["mirrored_photo_keeps_its_label"]


@pytest.mark.parametrize(
    "words", [("one",), ("a", "A"), ("<b>", "c"), ("a\n", "b"), (" a", "b"), ("", "b"), ("{{x}}", "b")]
)
def test_labels_refuses_words_that_would_mislead(words):
    with pytest.raises(DeclarationError):
        Labels(*words)
