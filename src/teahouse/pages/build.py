"""A release as a folder that any server of plain files can hand out: the play page, its pictures, its model."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teahouse.errors import Refused
from teahouse.pages import pieces, runtime
from teahouse.pages.pieces import Piece
from teahouse.site import pages

KINDS = {"image", "labels", "number", "choice", "text", "seed"}  # what js/alone/fields.js knows
SCRIPTS = (
    "play", "api", "late", "shape", "word", "photo", "camera", "dialog", "visit", "turns", "pair", "snippet", "sharing",
    "keeping", "slider", "dropped",
)  # fmt: skip
FOLDERS = ("js/inputs/", "js/answers/", "js/alone/")
OTHERS = ("css/dialog.css", "img/icon.svg")
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'{styles}; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'{home}; worker-src 'self'; form-action 'none'; object-src 'none'; "
    "base-uri 'none'; require-trusted-types-for 'script'"
)
STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.S)
MARK = "teahouse.txt"  # by which a later build knows that the folder is one of its own
ABOUT = (
    "This folder is a page that `teahouse pages` wrote: an app that runs in the browser of who visits it.\n"
    "Any server of plain files can hand it out, GitHub Pages among them. It is written anew by each build.\n"
    "To look at it here: python -m http.server --directory THIS_FOLDER\n\n"
    "App: {app}\nRelease: {release}\n"
    f"engine/ holds ONNX Runtime Web {runtime.VERSION}, (c) Microsoft Corporation, MIT licence.\n\n"
    "A build takes these files away and no other; where there is another, it writes nothing.\n"
    "{listed}"
)
LISTED = "  sha256:"  # before each file that the marker lists
STAYS = {"CNAME", ".git"}  # what a host or a checkout puts beside a page: carried over to the next build
NO_JEKYLL = ".nojekyll"
OWN = ("engine", "model", "pool", "samples", "static")  # folders of every page: no second page fits in there


@dataclass(frozen=True)
class Wish:
    """What is to be made: the release's folder and id, where to write it, and what the page is to know.

    `home` is a site that hears what visitors say, `issues` a repository OWNER/NAME on GitHub, `address` where the page
    will be; each may be ""."""

    release: Path
    id: str
    to: Path
    home: str = ""
    issues: str = ""
    address: str = ""
    title: str = ""
    number: int = 0
    most_mb: float = 25.0


@dataclass
class Built:
    """What was written: the files with their bytes."""

    to: Path
    files: dict[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(self.files.values())


def build(wish: Wish, engine: runtime.Runtime, told: Callable[[str], None] = lambda _words: None) -> Built:
    """Writes the folder, whole or not at all; `told` hears each step.

    Refused where the app can not run in a browser, is over the budget, or the folder holds what no build wrote."""
    refuse_target(wish.to)
    from teahouse.engine.answering import Answerer

    answerer = Answerer(wish.release)
    refuse(answerer.manifest)
    refuse_newer(wish.release / answerer.form["file"])
    told("Answering the samples")
    piece = pieces.of(answerer)
    files = {**engine_files(engine), **piece.files, **static_files()}
    model = f"model/{wish.id[:12]}.onnx"
    files[model] = (wish.release / answerer.form["file"]).read_bytes()
    files["app.json"] = json.dumps(about(wish, answerer, piece, engine), ensure_ascii=False, indent=1).encode()
    files |= page(wish, answerer.manifest, piece)
    files[NO_JEKYLL] = b""  # GitHub's own builder would leave out what begins with an underscore
    files[MARK] = marker(answerer.manifest.title, wish.id, files)
    refuse_heavy(files, wish.most_mb)
    told("Writing")
    write(files, wish.to)
    return Built(wish.to, {name: len(data) for name, data in files.items()})


# ---- what can not be -------------------------------------------------------------------------------------------------


def refuse(manifest: Any) -> None:
    """Refused, with the reason, where only a site can answer for this release."""
    if "predict" in manifest.hooks:
        raise Refused(
            "This app can not run in a browser.",
            "Its answers come from a function of its own, @app.predict, which is Python.",
            "Put it on a site with `teahouse serve`, or move what the function does into the network.",
        )
    unknown = [one for one in (*manifest.fields, manifest.output) if one.get("kind") not in KINDS]
    if unknown:
        raise Refused(
            "This app can not run in a browser.",
            f'A page without a site knows no field of kind "{unknown[0].get("kind")}".',
            "Put it on a site with `teahouse serve`.",
        )


def refuse_newer(model: Path) -> None:
    """Refused where the model is written in operators that are newer than what runs it in the browser."""
    from teahouse.model.onnx_file import check_onnx

    opset = check_onnx(model)
    if opset > runtime.OPSET:
        raise Refused(
            "This model can not run in a browser.",
            f"It is written in opset {opset}; ONNX Runtime Web {runtime.VERSION} runs up to {runtime.OPSET}.",
            f"Export it with opset_version={runtime.OPSET}, or put it on a site with `teahouse serve`.",
        )


def refuse_heavy(files: dict[str, bytes], most_mb: float) -> None:
    """Refused where the folder would be over the budget, with the files that weigh most."""
    total = sum(map(len, files.values()))
    if total <= most_mb * 1e6:
        return
    heavy = sorted(files, key=lambda name: -len(files[name]))[:3]
    listed = ", ".join(f"{name} ({len(files[name]) / 1e6:.1f} MB)" for name in heavy)
    raise Refused(
        f"The page would have {total / 1e6:.1f} MB; the budget is {most_mb:g} MB.",
        f"Who visits it fetches the model first. The heaviest: {listed}.",
        f"Train a smaller network, or allow it: --most-mb {total / 1e6 + 1:.0f}",
    )


def refuse_target(to: Path) -> None:
    """Refused where something lies in the folder that no build wrote: nothing of anybody's is ever taken away.

    Of an older build all files are those that its marker lists, unchanged. CNAME, .git, and a sub-folder that is a page
    of its own are nobody's loss: they stay."""
    if to.name in OWN and (to.parent / MARK).is_file():
        raise Refused(
            f"There can be no page in {to}.",
            f'The page in {to.parent} keeps files of its own in "{to.name}".',
            f"Choose another folder: --to {to.parent / f'{to.name}-app'}",
        )
    if to.is_symlink() or (to.exists() and (strange := not_ours(to)) is not None):
        raise Refused(
            f"{to} holds something else.",
            "It is a link." if to.is_symlink() else f"{strange or 'It'} was not written by a build, or was changed.",
            "A build writes its folder anew, and nothing of yours is to be lost: move that away, or choose another "
            "folder with --to.",
        )


def not_ours(to: Path) -> str | None:
    """The first path in the folder that no build wrote as it is now ("": the folder itself); None where all is ours."""
    if not to.is_dir():
        return ""
    known, stays = listed_in(to), set(staying(to))
    for top in sorted(to.iterdir()):
        if top.name in stays:
            continue
        for path in [top, *sorted(top.rglob("*"))] if top.is_dir() and not top.is_symlink() else [top]:
            if path.is_dir() and not path.is_symlink():
                continue
            if not path.is_file():
                return path.relative_to(to).as_posix()
            name = path.relative_to(to).as_posix()
            ours = name == NO_JEKYLL or (known and (name == MARK or known.get(name) == digest(path)))
            if path.is_symlink() or not ours:
                return name
    return None


def listed_in(to: Path) -> dict[str, str]:
    """The files that the folder's marker lists, each with the SHA-256 of its bytes; {} where there is no marker."""
    try:
        lines = (to / MARK).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = [line.removeprefix(LISTED).partition(" ") for line in lines if line.startswith(LISTED)]
    return {name: told for told, _, name in pairs}


def staying(to: Path) -> list[str]:
    """What a build carries over from the folder as it is: names of STAYS, and pages of their own below."""
    pages_below = [one.name for one in to.iterdir() if one.name not in OWN and (one / MARK).is_file()]
    return sorted({*pages_below, *(name for name in STAYS if os.path.lexists(to / name))})


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def marker(title: str, release: str, files: dict[str, bytes]) -> bytes:
    """teahouse.txt: what the folder is, for people, and its files, for the next build."""
    listed = "".join(f"{LISTED}{hashlib.sha256(files[name]).hexdigest()} {name}\n" for name in sorted(files))
    return ABOUT.format(app=" ".join(title.split()), release=release, listed=listed).encode()


# ---- the parts -------------------------------------------------------------------------------------------------------


def static_files() -> dict[str, bytes]:
    """The scripts and pictures of the site that a page needs which stands alone."""
    from teahouse.site import render

    def wanted(name: str) -> bool:
        return name in OTHERS or name.startswith(FOLDERS) or name in {f"js/{one}.js" for one in SCRIPTS}

    stand = render.stand()
    return {f"static/{stand.hash}/{name}": data for name, data in stand.files.items() if wanted(name)}


def engine_files(engine: runtime.Runtime) -> dict[str, bytes]:
    """What runs the model, under an address that changes with it."""
    return {f"{engine_at(engine)}/{name}": data for name, data in engine.files.items()} | {
        f"{engine_at(engine)}/ort.wasm.gz": engine.packed
    }


def engine_at(engine: runtime.Runtime) -> str:
    return f"engine/{engine.digest[:12]}"


def about(wish: Wish, answerer: Any, piece: Piece, engine: runtime.Runtime) -> dict[str, Any]:
    """What the scripts know of the app: js/alone/engine.js and js/alone/house.js."""
    manifest, model = answerer.manifest, f"model/{wish.id[:12]}.onnx"
    at = engine_at(engine)
    return {
        "app": manifest.app,
        "title": manifest.title,
        "release": wish.id,
        "fields": manifest.fields,
        "output": manifest.output,
        "feedback": [{"kind": kind, "values": values} for kind, values in piece.feedback.items()],
        "model": {"file": model, "bytes": (wish.release / answerer.form["file"]).stat().st_size},
        "familiar": piece.familiar,
        "pool": piece.pool,
        "home": wish.home,
        "issues": f"https://github.com/{wish.issues}" if wish.issues else "",
        "engine": {
            "script": f"{at}/ort.wasm.min.mjs",
            "glue": f"{at}/ort-wasm-simd-threaded.mjs",
            "wasm": f"{at}/ort.wasm.gz",
            "bytes": len(engine.packed),
            "sha256": engine.digest,
        },
    }


def page(wish: Wish, manifest: Any, piece: Piece) -> dict[str, bytes]:
    """index.html and its style sheet, made of the site's own template; card.png."""
    from teahouse.engine import card
    from teahouse.site import accuracy, render

    shell = pages.Shell(title=wish.title or manifest.title, alone=True, home=wish.home)
    here = wish.address.rstrip("/") + "/" if wish.address else "./"
    line = manifest.description
    shown = pages.Play(
        shell=shell,
        name=manifest.app,
        title=manifest.title,
        release=wish.number,
        description=manifest.description,
        note=manifest.note,
        accuracy=accuracy.of_page(accuracy.found(manifest.metrics)),
        social=pages.Social(manifest.title, line, here, f"{here.removeprefix('./')}card.png"),
        **piece.shown,
    )
    text, sheets = render.html_alone(shown)
    texts = {"title": manifest.title, "line": line, "site": wish.title or "Teahouse"}
    return {"index.html": with_policy(text, wish.home).encode(), "card.png": card.draw(texts, piece.card), **sheets}


def with_policy(text: str, home: str) -> str:
    """The page with its content policy as a meta element, for nobody sends headers for it."""
    digests = [base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in STYLE.findall(text)]
    policy = POLICY.format(styles="".join(f" 'sha256-{one}'" for one in digests), home=f" {home}" if home else "")
    first = '<meta charset="utf-8">\n'
    if text.count(first) != 1:
        raise ValueError("the page has no one place for its content policy, and never goes out without it")
    more = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    return text.replace(first, f'{first}{more}<meta name="referrer" content="no-referrer">\n')


def write(files: dict[str, bytes], to: Path) -> None:
    """The files as the folder, in place of an older build: made beside it first."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as scratch:
        made = Path(scratch) / "made"
        for name, data in files.items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        os.chmod(made, 0o755)  # noqa: S103  a folder for a web server to read
        if to.exists():
            refuse_target(to)  # once more: it may have taken minutes
            swap(made, to)
        else:
            os.rename(made, to)


def swap(made: Path, to: Path) -> None:
    """`made` in the place of `to`, with what stays there; where that fails, all is as it was."""
    stays, aside = staying(to), Path(tempfile.mkdtemp(prefix=f".{to.name}-before-", dir=to.parent))
    before = aside / to.name
    os.rename(to, before)
    try:
        for name in stays:
            os.rename(before / name, made / name)
        os.rename(made, to)
    except BaseException:
        for name in stays:
            if os.path.lexists(made / name):
                os.rename(made / name, before / name)
        os.rename(before, to)
        aside.rmdir()
        raise
    shutil.rmtree(aside)
