"""What was published can be kept: as app.py, as a project that serves unchanged, as one file."""

import shutil
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

import teahouse
from teahouse import App, Choice, Image, Labels, Number, Seed, Text
from teahouse.desk import opening
from teahouse.desk.where import find_project
from teahouse.errors import Conflict
from teahouse.publishing import entry, kernel, save, show
from teahouse.publishing.published import Published
from teahouse.publishing.suspects import Difference
from teahouse.spec.load import load_app
from teahouse.store import rollouts

torch = pytest.importorskip("torch")
from tests.publishing import makers  # noqa: E402

APPS = [
    App(title='Say "tea"?', name="tea", input=Image(96), output=Labels("green tea", "oolong")),
    App(title="Cut", name="cut", input=Image(96, resize=110), output=Labels("a", "b")),
    App(title="A seed", name="seed", input=Seed(48, truncation=0.9), output=Image(64, label="a pot")),
    App(
        title="Many", name="many", description="Of all kinds: ä, é, 茶.", note="From nowhere.",
        input={
            "photo": Image((320, 240), fit="keep", normalize="imagenet", label="your photo"),
            "style": Choice("night", "day", start="day"), "much": Number(0, 1, step=0.1, start=0.5), "words": Text(40),
        },
        output=Number(-1, 1),
    ),
]  # fmt: skip


@pytest.mark.parametrize("app", APPS, ids=[app.name for app in APPS])
def test_a_written_app_declares_the_same(app, tmp_path):
    (tmp_path / "app.py").write_text(save.app_source(app.declaration()), "utf-8")
    assert load_app(tmp_path).declaration() == app.declaration()


@pytest.fixture
def published(away):
    return teahouse.publish(makers.Cnn(), input=Image(32), output=Labels(*makers.WORDS), title="Amber?", name="amber")


def champion(root):
    with find_project(root).house() as house, house.db.read() as c:
        return rollouts.champion(c, "amber").release


@pytest.mark.torch
def test_a_saved_project_serves_the_same_release_after_it_was_only_copied(published, tmp_path):
    published.save(tmp_path / "kept")
    shutil.copytree(tmp_path / "kept", tmp_path / "elsewhere")
    opening.prepare(find_project(tmp_path / "elsewhere"))
    assert champion(tmp_path / "elsewhere") == published.release
    opening.prepare(find_project(tmp_path / "elsewhere"))  # and once only
    assert champion(tmp_path / "elsewhere") == published.release


@pytest.mark.torch
def test_the_commands_that_are_told_bring_a_bundle_to_a_site(published, tmp_path, monkeypatch):
    from teahouse.cli import teahouse as verbs

    (tmp_path / "home").mkdir()
    shutil.copy(published.bundle, tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    first, second = published.next_commands()
    assert second == "cd amber && teahouse serve"
    done = CliRunner().invoke(verbs, first.split()[1:], catch_exceptions=False)
    assert done.exit_code == 0 and "teahouse serve" in done.output and "teahouse train" not in done.output
    assert champion(tmp_path / "home" / "amber") == published.release


@pytest.mark.torch
def test_a_bundle_may_get_another_name(published, tmp_path, monkeypatch):
    from teahouse.cli import teahouse as verbs

    done = CliRunner().invoke(verbs, ["new", "other", "--bundle", str(published.bundle)], catch_exceptions=False)
    assert done.exit_code == 0
    assert load_app(tmp_path / "other" / "apps" / "other").name == "other"


@pytest.mark.torch
def test_an_app_of_the_makers_own_is_never_overwritten(published, tmp_path):
    own = published.save(tmp_path / "kept") / "apps" / "amber" / "app.py"
    own.write_text(own.read_text("utf-8").partition("\n")[2], "utf-8")
    with pytest.raises(Conflict, match="your own"):
        published.save(tmp_path / "kept")


def test_what_a_cell_shows_is_escaped():
    bad = Difference("<b>.jpg", 0.5, "<script>", "&")
    shown = Published(app="x", title="<script>alert(1)</script>", release="0", url="http://127.0.0.1:1/x",
                      phone="http://192.0.2.1:1/x", differences=(bad, bad))._repr_html_()  # fmt: skip
    assert "<script" not in shown and "&lt;script&gt;" in shown and shown.count("&lt;b&gt;.jpg") == 2
    assert "<svg" in shown and 'src="http://127.0.0.1:1/x/embed"' in shown


def shown(**more):
    return Published(app="x", title="X", release="0", url="http://127.0.0.1:1/x", **more)


def test_the_card_is_light_or_dark_as_the_page_in_it():
    told = shown()._repr_html_()
    assert "@media (prefers-color-scheme:dark){.teahouse-card{--th-ink:#f5e9d7" in told
    body = told.partition("</style>")[2]
    assert "#fffdf8" not in body and "#222" not in body and "color:#555" not in body and "var(--th-paper)" in body


def test_an_empty_frame_has_the_link_under_it():
    under = shown()._repr_html_().partition("</iframe>")[2]
    assert "Nothing here?" in under and 'href="http://127.0.0.1:1/x"' in under


def test_what_stands_between_backticks_is_code():
    told = shown(notes=("Run `teahouse <stop>` now.",))._repr_html_()
    assert "Run <code>teahouse &lt;stop&gt;</code> now." in told and "`" not in told.partition("</style>")[2]


def test_a_word_that_the_net_does_not_say_is_told_beside_what_differs():
    said = 'your net says "cat" here; you say "fish": it may be wrong on this photo'
    one = shown(differences=(Difference("o.jpg", 0.75, said, "", True),))
    assert "otherwise than your own code" not in str(one) + one._repr_html_()
    assert f"? On o.jpg (0.75 apart): {said}." in str(one) and "it may be wrong on this photo" in one._repr_html_()
    assert "--th-bad)" not in one._repr_html_().partition("</style>")[2]


def test_who_gives_no_examples_is_told_what_stands_there_instead():
    (note,) = entry.samples_note(App(title="X", input=Image(8), output=Labels("a", "b")), [])
    assert "made-up pictures of colourful noise" in note and "net(transform(photo)[None])" in note
    assert entry.samples_note(App(title="X", input=Seed(8), output=Image()), []) == ()
    assert entry.samples_note(App(title="X", input=Image(8), output=Labels("a", "b")), [object()]) == ()


def test_a_large_bundle_is_not_carried_along_in_the_cell(tmp_path):
    file = tmp_path / "x.teahouse"
    file.write_bytes(b"\0" * (show.INLINE + 1))
    assert "base64" not in show.download(file) and ".download()" in show.download(file)
    file.write_bytes(b"small")
    assert "data:application/octet-stream;base64,c21hbGw=" in show.download(file)


@pytest.mark.parametrize(
    ("found", "name"), [("COLAB_RELEASE_TAG", "Google Colab"), ("KAGGLE_KERNEL_RUN_TYPE", "Kaggle")]
)
def test_a_kernel_that_nobody_can_reach_is_known_by_its_environment(found, name):
    place = kernel.here({found: "release"})
    assert (place.elsewhere, place.reachable) == (name, False)
    assert kernel.here({}).reachable and not kernel.here({"COLAB_GPU": ""}).elsewhere


def test_a_notebook_is_told_from_a_script(monkeypatch):
    import sys

    assert not kernel.here({}).notebook
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    assert kernel.here({}).notebook
