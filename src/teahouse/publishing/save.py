"""Save: the published app as a project on disk: app.py, the release beside it, and what a site of its own needs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teahouse.errors import Conflict, DeclarationError
from teahouse.spec.app import App
from teahouse.spec.fields import field_from_json

MARK = "# Written by teahouse.publish, and again the next time; delete this line to keep what you change."
PARAMETERS = {  # of each kind: what may stand in app.py, and nothing else
    "choice": ("start", "label", "pictures"),
    "image": ("size", "fit", "normalize", "resize", "label"),
    "labels": ("label",),
    "number": ("low", "high", "step", "start", "label"),
    "seed": ("size", "truncation", "label"),
    "text": ("most", "label"),
}
TRAIN = """
# To learn from what visitors say, delete the first line and write how your net is trained; `run.previous` holds the
# weights of this release, `data.train.batches(64)` your rows and the visitors'.
#
# @app.train
# def train(data, run):
#     ...
#     return net
"""


def read(declared: Mapping[str, Any]) -> App:
    """The app of a declaration {app, title, description, note, fields, output}, as `App.declaration` gives it, every
    word and field of it checked as if a maker had written it: it may come from a stranger's bundle. DeclarationError
    for what no app can declare. Nothing of it is run."""
    fields = [field_from_json(dict(one)) for one in declared["fields"]]
    names = [one.name for one in fields]
    if any(not isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise DeclarationError("The inputs can not be told apart.", "Each of them has a name of its own.")
    words = {key: declared.get(key) or "" for key in ("title", "description", "note")}
    output = field_from_json(dict(declared["output"]))
    return App(name=declared["app"], input=dict(zip(names, fields, strict=True)), output=output, **words)


def app_source(declared: Mapping[str, Any]) -> str:
    """app.py of a declaration, as `read` takes it; DeclarationError as there. No word of it stands in there as code."""
    app = read(declared)
    fields, output = [one.json() for one in app.fields.values()], app.output.json()
    alone = len(fields) == 1 and fields[0]["name"] == "input"
    names = sorted({kind_name(each) for each in (*fields, output)} - {""})
    lines = [f"    name={text(app.name)},", f"    title={text(app.title)},"]
    lines += [f"    {key}={text(said)}," for key in ("description", "note") if (said := getattr(app, key))]
    if alone:
        lines.append(f"    input={written(fields[0])},")
    else:
        lines += ["    input={", *(f"        {text(each['name'])}: {written(each)}," for each in fields), "    },"]
    lines.append(f"    output={written(output)},")
    head = [MARK, f'"""{docstring(app.title)}"""', "", f"from teahouse import {', '.join(['App', *names])}"]
    strange = any(not kind_name(each) for each in (*fields, output))
    head += ["from teahouse.spec.fields import field_from_json"] if strange else []
    return "\n".join([*head, "", "app = App(", *lines, ")", ""]) + TRAIN


def kind_name(field: Mapping[str, Any]) -> str:
    """The class of a field's kind, "" for one that another package brings."""
    return str(field["kind"]).capitalize() if field["kind"] in PARAMETERS else ""


def written(field: Mapping[str, Any]) -> str:
    """The field, in the JSON that its kind gave, as a maker writes it."""
    kind = kind_name(field)
    if not kind:
        return f"field_from_json({json.loads(json.dumps(dict(field), allow_nan=False))!r})"
    given = {key: field.get(key) for key in PARAMETERS[field["kind"]]}
    options = {key: value for key, value in given.items() if value not in (None, "")}
    if kind == "Image":
        width, height = options["size"]
        options["size"] = width if width == height else (width, height)
        if options.get("fit") == "crop":
            options.pop("fit")
        if "normalize" in options:
            options["normalize"] = tuple(tuple(part) for part in options["normalize"])
        if field["name"] == "output":
            options = {key: options[key] for key in ("size", "label") if options.get(key) not in (None, 224)}
    if options.get("label") == field["name"].replace("_", " "):
        options.pop("label")
    words = field["words"] if kind in ("Choice", "Labels") else []
    parts = [*map(text, words), *(f"{key}={text(value)}" for key, value in options.items())]
    return f"{kind}({', '.join(parts)})"


def text(value: Any) -> str:
    """A checked value as Python, strings in double quotes: JSON escapes whatever could end one."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def docstring(title: str) -> str:
    """A title that can stand in a docstring."""
    said = title.replace("\\", "").replace('"', "'")
    return said if said.endswith((".", "?", "!")) else f"{said}."


def write_app(root: Path, declared: Mapping[str, Any], release: Path) -> Path:
    """apps/NAME with app.py and the release beside it; its folder. An app.py of the maker's own is never overwritten:
    Conflict."""
    folder = root / "apps" / declared["app"]
    own, source = folder / "app.py", app_source(declared)
    if own.exists() and MARK not in own.read_text("utf-8"):
        raise Conflict(
            f'The app "{declared["app"]}" is there already, and its app.py is your own.', f"{own} is left as it is.",
            'Give this one another name: publish(…, name="…").',
        )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "release.new"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(release, fresh)
    shutil.rmtree(folder / "release", ignore_errors=True)
    fresh.rename(folder / "release")
    manifest = json.loads((release / "release.json").read_bytes())
    if manifest.get("code"):  # it answers with a function of its own, and brings it
        shutil.copytree(release / "code", folder, dirs_exist_ok=True)
        brought = own.read_text("utf-8").replace(f'name="{manifest["app"]}"', f'name="{declared["app"]}"')
        own.write_text(brought, "utf-8")
    else:
        own.write_text(source, "utf-8")
    return folder


def as_project(target: Path, declared: Mapping[str, Any], release: Path) -> Path:
    """A whole project at `target` (new, or one that is there): `teahouse serve` in it answers as this app does."""
    from teahouse.desk import layout

    target = Path(target).expanduser().resolve()
    if not (target / "teahouse.toml").is_file():
        layout.make_project(target, declared["app"], {"loop": {"train": "hand"}})
    write_app(target, declared, release)
    return target
