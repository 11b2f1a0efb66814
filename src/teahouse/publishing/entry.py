"""Entry: `teahouse.publish`: export, compare with the maker's own answers, seal, put on a site, show."""

from __future__ import annotations

import functools
import inspect
import shutil
import sys
import tempfile
import weakref
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teahouse.errors import DeclarationError, likely
from teahouse.spec.app import App

if TYPE_CHECKING:
    from teahouse.model.forms import Tried
    from teahouse.publishing.examples import Example
    from teahouse.publishing.makes import Made
    from teahouse.publishing.published import Published
    from teahouse.publishing.suspects import Difference

FASTER_S = 60.0  # that building and judging a faster form may take; with a few examples it takes none
SIDE = 1024  # pixels of the longer side of an example that a release keeps


@dataclass(frozen=True)
class Wish:
    """What `publish` is asked for besides the model."""

    input: Any
    output: Any
    title: str
    name: str | None = None
    examples: Sequence[Any] = ()
    description: str = ""
    folder: Path | str | None = None
    open: bool | None = None
    note: str = field(default="", repr=False)


def takes_wish(fn: Callable[[Any, Wish], Published]) -> Callable[..., Published]:
    """Let a function of (model, wish) be called with the wish's own words, and tell a wrong one."""
    names = inspect.signature(Wish).parameters

    @functools.wraps(fn)
    def call(model: Any, **wish: Any) -> Published:
        for word in wish:
            if word not in names:
                raise DeclarationError(
                    f'publish has no parameter "{word}".', f"It takes {', '.join(names)}.", likely(word, names).strip()
                )
        missing = [word for word in ("input", "output", "title") if word not in wish]
        if missing:
            raise DeclarationError(
                f"publish needs {', '.join(f'{word}=…' for word in missing)}", "",
                'Write publish(net, input=Image(224, normalize="imagenet"), output=Labels("cat", "dog"), title="…").',
            )  # fmt: skip
        return fn(model, Wish(**wish))

    model = inspect.Parameter("model", inspect.Parameter.POSITIONAL_ONLY)
    given = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in names.values()]
    call.__signature__ = inspect.Signature([model, *given])  # type: ignore[attr-defined]
    return call


@takes_wish
def publish(model: Any, wish: Wish) -> Published:
    """A trained model as a page to play with, from a notebook or a script.

        teahouse.publish(net, input=Image(224, normalize="imagenet"), output=Labels(*classes), title="Cat or dog?",
                         examples=[("cat.jpg", net(transform(photo)[None]))])

    model: a torch.nn.Module (one of Hugging Face's too), the path of an ONNX file, or a fitted scikit-learn pipeline on
    flattened pictures. input, output: fields as in `App`. examples: files, each with what your own code says of it; the
    page's answer for the same file is compared with that, and a difference is told with its likely cause. Shares,
    pictures and masks are recognised. folder: the project it goes to (the one around, else ./teahouse-site).

    Starts the site where none runs, as a process of its own: `teahouse open`, `status`, `stop`. On a machine that
    nobody can reach (Colab, Kaggle) NAME.teahouse is written in place of a site. Raises TeahouseError, with what to do,
    where the model can not be exported or is not what was declared."""
    from teahouse.publishing import examples, kernel

    app = declared(wish)
    given = examples.read(app, wish.examples)
    folder = Path(tempfile.mkdtemp(prefix="teahouse-publish-"))
    try:
        whole = published(model, app, given, folder, wish)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(whole, shutil.rmtree, folder, True)
    if not kernel.here().notebook:
        print(whole, file=sys.stderr)
        if whole.url and (wish.open or (wish.open is None and sys.stdout.isatty())):
            webbrowser.open(whole.url)
    return whole


def published(model: Any, app: App, given: Sequence[Example], folder: Path, wish: Wish) -> Published:
    """Export, compare, seal, and stand: `folder` becomes the release."""
    from teahouse.publishing import kernel, makes, progress, suspects
    from teahouse.publishing.published import Published
    from teahouse.training import forms

    place = kernel.here()
    with progress.told(place.notebook) as step:
        step("Exporting the model")
        made = makes.make(model, app, [one.given for one in given], folder)
        step("Comparing the page's answers with yours")
        found = suspects.differences(suspects.Page(app, folder, made.reading, made.kind, made.own), given)
        step("Building a faster form")
        own = forms.of_files(app, [one.given for one in given])
        tried = forms.int8(app, folder, own, outputs(app, folder), FASTER_S)
        step("Sealing the release")
        release = seal(app, folder, Told(made, tried, card(app, made, given, found)), given)
        step("Starting the site" if place.reachable else "Writing the bundle")
        where = stood(app, wish, folder) if place.reachable else packed(app, folder, place.elsewhere)
    notes = (*made.notes, *samples_note(app, given), *order_note(app, given), *where.pop("notes", ()))
    return Published(
        app=app.name, title=app.title, release=release, declaration=app.declaration(), sealed=folder,
        differences=tuple(found), notes=notes, **where,
    )  # fmt: skip


def samples_note(app: App, given: Sequence[Example]) -> tuple[str, ...]:
    """That the page's samples are made up, where the maker gave none of their own and a page begins with a file."""
    if given or not any(each.binary for each in app.fields.values()):
        return ()
    return (
        "You gave no examples, so the samples on the page are made-up pictures of colourful noise. Give files of your "
        "own, each with what your code says of it: `examples=[('cat.jpg', net(transform(photo)[None]))]`.",
    )


def order_note(app: App, given: Sequence[Example]) -> tuple[str, ...]:
    """That nobody has looked at the order of the labels: numbers are in whatever order the net has, a word is not."""
    if app.output.json()["kind"] != "labels" or any(isinstance(one.said, (str, Mapping)) for one in given):
        return ()
    words = "Give examples by their words: `examples=[('ant.jpg', 'ant'), ('bee.jpg', 'bee')]`."
    return (f"The order of the labels was not checked. {words}",)


def declared(wish: Wish) -> App:
    """The app as it is asked for, with a name of its title's where none is given."""
    from teahouse.desk import layout

    app = App(title=wish.title, input=wish.input, output=wish.output, description=wish.description, note=wish.note,
              name=wish.name)  # fmt: skip
    app.name = app.name or layout.suggested(app.title).rstrip("-")
    while "--" in app.name:
        app.name = app.name.replace("--", "-")
    return app


@dataclass(frozen=True)
class Told:
    """What a release tells of how it was made: its model, its faster form, the words of its card."""

    made: Made
    tried: Tried
    card: str


def outputs(app: App, folder: Path) -> Callable[[str], Any]:
    """From a file of the release to what it answers to a batch."""
    from teahouse.training.candidate import Predict

    return lambda file: Predict(app, folder, [], file).outputs


def seal(app: App, folder: Path, told: Told, given: Sequence[Example]) -> str:
    """Write the card's words, the examples (the maker's, else made-up ones) and the manifest; the release's id."""
    from teahouse.spec import media
    from teahouse.training import forms, sealing, tries
    from teahouse.training.candidate import Predict

    shown = [
        {name: media.clean(value, SIDE).data if app.fields[name].binary else value for name, value in one.given.items()}
        for one in given[: sealing.EXAMPLES]
    ]
    if not shown:
        shown = [dict(one.inputs) for one in tries.stand_ins(app, folder / "nowhere")]
        shown = [
            {key: media.clean(value).data if app.fields[key].binary else value for key, value in one.items()}
            for one in shown
        ]
    photo = next((name for name, each in app.fields.items() if each.kind == "image" and each.fit != "keep"), None)
    familiar = None
    if photo and len(given) >= 30:
        import numpy

        familiar = sealing.write_familiar(
            numpy.stack([app.fields[photo].tensor(one.given[photo]) for one in given]), folder
        )
    (folder / "card.md").write_text(told.card, "utf-8")
    rows = sealing.write_examples(app, folder, shown, Predict(app, folder, []))
    tried = forms.held(app, folder, told.tried, shown, outputs(app, folder))
    facts = sealing.Facts(parity=told.made.parity, examples=rows, familiar=familiar, tried=tried)
    return sealing.seal(app, folder, facts)


def card(app: App, made: Made, given: Sequence[Example], found: Sequence[Difference]) -> str:
    """The model's card, for people."""
    kind = {"torch": "a PyTorch module", "onnx": "an ONNX file", "sklearn": "a scikit-learn pipeline"}[made.kind]
    lines = [f"# {app.title}", "", app.description, "", f"- Published from {kind}."]
    apart, rows = made.parity["max_abs"], made.parity["rows"]
    lines.append(f"- Run beside that on {rows} rows: they differ by at most {apart:.1e}.")
    lines.append(f"- {compared(sum(one.said is not None for one in given), found)}")
    return "\n".join([*lines, *(f"- {note}" for note in made.notes)]) + "\n"


def compared(files: int, found: Sequence[Difference]) -> str:
    """What came of asking the page and the maker the same files; no file's name, for the card goes along."""
    if not files:
        return "Its maker gave no answers of their own to compare with."
    if not found:
        return f"Its answers are its maker's own on all {files} files that were compared."
    own, words = [one for one in found if not one.told], [one for one in found if one.told]
    said = []
    if own:
        causes = "; ".join(dict.fromkeys(one.cause for one in own))
        far = max(one.apart for one in own)
        said.append(
            f"It answers otherwise than its maker's own code on {len(own)} of the {files} files that were compared, by "
            f"up to {far:.2f}: {causes}."
        )
    if words:
        said.append(f"It says otherwise than its maker of {len(words)} of the {files} files: it may be wrong there.")
    return " ".join(said)


def stood(app: App, wish: Wish, folder: Path) -> dict[str, Any]:
    """The app on a site of this machine."""
    from teahouse.publishing import standing

    project = standing.project_for(wish.folder)
    release = standing.put_on(project, app, folder)
    site = standing.start(project, app.name, release)
    phone = f"{site.phone}/{app.name}" if site.phone else ""
    return {"url": f"{site.url}/{app.name}", "phone": phone, "project": project.root, "notes": site.notes}


def packed(app: App, folder: Path, elsewhere: str) -> dict[str, Any]:
    """The app as one file in the working directory."""
    from teahouse.model import archive, signing

    file = Path.cwd() / f"{app.name}.teahouse"
    archive.pack(folder, file, signing.own())
    return {"bundle": file, "elsewhere": elsewhere}
