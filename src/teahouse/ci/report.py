"""Report: what a check came to, written for people: report.md beside report.json, and the comment of a pull request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from teahouse.ci import curves
from teahouse.ci.judge import Judged
from teahouse.ci.markdown import text

FORMAT = 1
WORST = ("failed", "reject", "hold", "promote", "checked")  # from the gravest on
HEADS = {
    "promote": ("TIP", "Better: it may take over"),
    "first": ("TIP", "A first release: it may go on"),
    "hold": ("NOTE", "Not decided: the champion stays"),
    "alone": ("NOTE", "Its checks pass: the rest is for visitors to say"),
    "same": ("NOTE", "Nothing changed: the champion stays"),
    "seen": ("NOTE", "Not decided: it may know the photos that judge"),
    "alike": ("NOTE", "No better: the champion stays"),
    "reject": ("CAUTION", "Refused: the champion stays"),
    "failed": ("CAUTION", "A check fails"),
    "checked": ("TIP", "All checks pass"),
}
KINDS = {  # of a hold
    "checks-alone": "alone", "same-model": "same", "same-training": "same", "may-have-seen": "seen", "as-good": "alike",
}  # fmt: skip
PROOFS = {
    "here": "The photos that judge were drawn by the project's name, and the candidate was trained here without them.",
    "same-rows": "The photos that judge were drawn by the project's name; the candidate names the same rows as its own "
    "training rows, and these are not among them.",
    "by-draw": "The photos that judge were drawn by the project's name, as every computer draws them. That the "
    "candidate, which was made elsewhere, has not been trained on any rests on that draw: where photos were added "
    "bit by bit, a few may stand on another side there.",
    "unknown": "The photos that judge were drawn by the project's name. The candidate was made elsewhere and does not "
    "name the rows that it was trained on: these may be among them.",
}
OTHER_ROWS = (
    "It was trained on other rows than lie here now; a few that judge today may be among them, which can only help it."
)


def whole(apps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """report.json: what was found of each app; `outcome` is the gravest of them, `ok` whether the check passes."""
    outcome = min((app["outcome"] for app in apps), key=WORST.index, default="checked")
    minutes = round(sum(app.get("minutes", {}).get("all", 0) for app in apps), 2)
    return {
        "format": FORMAT,
        "outcome": outcome,
        "ok": outcome not in ("failed", "reject"),
        "minutes": minutes,
        "apps": list(apps),
    }


def of_app(app: str, title: str, lines: Sequence[Mapping[str, Any]], judged: Judged | None) -> dict[str, Any]:
    """One app's part: what the rehearsal said, and what the judge found where there was one."""
    part: dict[str, Any] = {"app": app, "outcome": "checked", "reasons": [], **(judged.report if judged else {})}
    part |= {"title": title, "lines": list(lines)}
    if not all(line["ok"] for line in lines):
        part["outcome"] = "failed"
    return part


def write(folder: Path, report: Mapping[str, Any], judged: Mapping[str, Judged]) -> None:
    """report.md, report.json, an SVG of curves and the pictures, in `folder`; of several apps each in its own part."""
    folder.mkdir(parents=True, exist_ok=True)
    for app, one in judged.items():
        below = folder / prefix(report, app)
        for path, data in one.files.items():
            (below / path).parent.mkdir(parents=True, exist_ok=True)
            (below / path).write_bytes(data)
        if drawn := curves.draw(one.curves):
            below.mkdir(exist_ok=True)
            (below / "curves.svg").write_text(drawn, "utf-8")
    (folder / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", "utf-8")
    (folder / "report.md").write_text(page(report, {app for app, one in judged.items() if one.curves}), "utf-8")


def prefix(report: Mapping[str, Any], app: str) -> str:
    """Where an app's files lie in the report's folder: beside it, or in a folder of its own where there are several."""
    return f"{app}/" if len(report["apps"]) > 1 else ""


def page(report: Mapping[str, Any], with_curves: Sequence[str] | set[str] = ()) -> str:
    """report.md: all there is to see, pictures at relative addresses."""
    parts = []
    for app in report["apps"]:
        at = prefix(report, app["app"])
        parts += [f"# {text(app['title'])}", "", *verdict(app), *figures(app), *slices(app)]
        parts += [*gallery(app, at), *(_curves(at) if app["app"] in with_curves else []), *behaviour(app)]
        parts += [*_lines(app, hidden=False), *_footer(app)]
    return _joined(parts)


def comment(report: Mapping[str, Any], link: str = "") -> str:
    """The pull request's comment: the verdict, the figures, what failed; begins with its `marker`. No picture
    can be shown there; `link` is where the whole report can be had."""
    parts = [marker(report)]
    for app in report["apps"]:
        parts += [f"### {text(app['title'])}", "", *verdict(app), *figures(app), *slices(app, folded=True)]
        parts += [*behaviour(app), *_lines(app, hidden=True)]
        changed = {kind: len(app.get("pictures", {}).get(kind, ())) for kind in ("mended", "broken", "made")}
        if any(changed.values()):
            where = f"[the report]({link})" if link else "the report"
            parts += [f"Pictures of what changed are in {where}.", ""]
        parts += _footer(app)
    return _joined(parts)


def marker(report: Mapping[str, Any]) -> str:
    """What nobody sees at the beginning of a comment: the one that begins so is updated, not repeated."""
    names = " ".join(re.sub(r"[^a-z0-9-]", "", str(app["app"])) for app in report["apps"])
    return f"<!-- teahouse-check {names} -->"


def headline(app: Mapping[str, Any]) -> tuple[str, str]:
    """(GitHub's kind of note, the verdict in a few words)."""
    code = app["reasons"][0]["code"] if app["reasons"] else ""
    kind = app["outcome"]
    if kind == "promote" and code.startswith("first"):
        kind = "first"
    if kind == "hold":
        kind = KINDS.get(code, "hold")
    return HEADS[kind]


def verdict(app: Mapping[str, Any]) -> list[str]:
    """The verdict first, in words, as a note in the colour that it has."""
    colour, head = headline(app)
    wrong = [line for line in app["lines"] if not line["ok"]]
    said = [text(line["words"]) + (f" → {text(line['do_next'])}" if line.get("do_next") else "") for line in wrong]
    said += [text(reason["words"]) for reason in app["reasons"]]
    told = [f"> {said[0]}"] if len(said) == 1 else [f"> - {words}" for words in said]
    return [f"> [!{colour}]", f"> **{head}.**", *([">", *told] if told else []), ""]


def figures(app: Mapping[str, Any]) -> list[str]:
    """The table: candidate beside champion; of a first release its own figures."""
    side, champion, gold = app.get("candidate"), app.get("champion"), app.get("numbers", {}).get("gold", {})
    if not side:
        return []
    rows = []
    if gold.get("n"):
        cells = [_right(gold, "champion"), _right(gold, "challenger"), _points(gold["points"])]
        rows.append((f"Right on {gold['n']} photos that judge", *cells))
    if gold.get("n") and champion:
        rows.append(("Mistakes mended and made", "", "", f"{gold['fixed']} : {gold['broken']}"))
    before = champion if champion and "ms" in champion else {}
    for words, what, unit in (("One answer", "ms", _ms), ("Model file", "bytes", _size)):
        rows.append((words, unit(before.get(what)), unit(side.get(what)), _ratio(before, side, what)))
    if side.get("of"):
        rows.append(("Epochs", "", f"{side['epochs']} of {side['of']}" + (", cut short" if side["cut"] else ""), ""))
    rows += [
        (text(str(name).replace("_", " ").capitalize()), "", _number(str(name), value), "")
        for name, value in side.get("metrics", {}).items()
        if isinstance(value, (int, float)) and name != "validation_rows"
    ]
    heads = ("", "Champion" if champion else "Always the commonest label", "Candidate", "Change")
    return [*_table(heads, rows, "lrrr"), ""]


def slices(app: Mapping[str, Any], folded: bool = False) -> list[str]:
    """The same by label, worst loss first."""
    classes = app.get("numbers", {}).get("classes", {})
    if len(classes) < 2:
        return []
    beside = app.get("champion")
    rows = [
        (
            text(name),
            str(one["n"]),
            *([_share(one, "champion")] if beside else []),
            _right(one, "challenger"),
            *([_points(one["points"])] if beside else []),
        )
        for name, one in sorted(classes.items(), key=lambda item: _worst(item[1], bool(beside)))
    ]
    heads = ("Label", "Photos", "Champion", "Candidate", "Change") if beside else ("Label", "Photos", "Candidate")
    table = _table(heads, rows, "l" + "r" * (len(heads) - 1))
    if folded:
        return ["<details><summary>Label by label</summary>", "", *table, "", "</details>", ""]
    return ["## Label by label", "", *table, ""]


def _worst(one: Mapping[str, Any], beside: bool) -> tuple[float, float]:
    right = one["challenger"] / max(1, one["n"])
    return (one["points"] if beside else right, right)


def gallery(app: Mapping[str, Any], at: str = "") -> list[str]:
    """Photos mended beside photos broken, or what both sides made of the same input."""
    found = app.get("pictures", {})
    if found.get("made"):
        heads = ("Given", "Champion", "Candidate") if app.get("champion") else ("Given", "", "Candidate")
        rows = [
            (_image(at, one.get("file"), "given") or text(one["given"]), _image(at, one["champion"], "the champion's"),
             _image(at, one["candidate"], "the candidate's"))
            for one in found["made"]
        ]  # fmt: skip
        return ["## What it makes", "", *_table(heads, rows, "ccc"), ""]
    mended, broken = found.get("mended", []), found.get("broken", [])
    if not mended and not broken:
        return []
    parts = [("Its surest mistakes", [_photo(at, one) for one in broken])]
    if app.get("champion"):
        gold = app["numbers"]["gold"]
        parts = [
            (f"Mended: {gold['fixed']}", [_photo(at, one) for one in mended]),
            (f"Broken: {gold['broken']}", parts[0][1]),
        ]
        parts = [(head, cells) for head, cells in parts if cells]
    head = "Mended and broken" if app.get("champion") else "Mistakes"
    return [f"## {head}", "", *_beside(parts), ""]


def _beside(parts: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Parts beside each other, six photos in a row: Markdown's own tables have no cell over several columns."""
    across = 6 // len(parts)
    heads = "".join(f'<th colspan="{across}">{head}</th>' for head, _ in parts)
    rows = zip_longest(*(_in_rows(cells, across) for _, cells in parts), fillvalue=("",) * across)
    lines = ["".join(f'<td align="center" valign="top">{cell}</td>' for part in row for cell in part) for row in rows]
    return ["<table>", *(f"<tr>{cells}</tr>" for cells in (heads, *lines)), "</table>"]


def behaviour(app: Mapping[str, Any]) -> list[str]:
    """The checks that the candidate had to pass."""
    checks = app.get("behaviour", [])
    if not checks:
        return []
    passed = sum(one["passed"] for one in checks)
    lines = [
        f"- {'✓' if one['passed'] else '**✗**'} {text(one['name'])}"
        + (f": {text(one['words'])}" if one["words"] else "")
        for one in checks
    ]
    head = f"Behaviour: {passed} of {len(checks)} checks pass"
    if passed < len(checks):
        return [f"**{head}**", "", *lines, ""]
    return [f"<details><summary>{head}</summary>", "", *lines, "", "</details>", ""]


def _lines(app: Mapping[str, Any], hidden: bool) -> list[str]:
    """What the rehearsal said."""
    lines = [f"- {'✓' if line['ok'] else '**✗**'} {text(line['words'])}" for line in app["lines"]]
    if not lines:
        return []
    if hidden:
        return ["<details><summary>Rehearsal</summary>", "", *lines, "", "</details>", ""]
    return ["## Rehearsal", "", *lines, ""]


def _footer(app: Mapping[str, Any]) -> list[str]:
    told = []
    rows = app.get("rows")
    if rows and sum(rows.values()):
        out = f", {rows['left_out']} files could not be used" if rows["left_out"] else ""
        told.append(f"{rows['train']} photos train, {rows['validation']} watch, {rows['gold']} judge{out}.")
    if rows and rows["gold"] and app.get("proof") and app.get("candidate"):
        told.append(PROOFS[app["proof"]])
    if champion := app.get("champion"):
        told.append(f"Champion: {text(champion['from'])} ({champion['release'][:12]}).")
        if champion.get("other_rows"):
            told.append(OTHER_ROWS)
    if original := app.get("original"):
        told.append(
            f"Nothing may fall below the first one either: {text(original['from'])} ({original['release'][:12]})."
        )
    if side := app.get("candidate"):
        told.append(f"Candidate: {text(side['from'])} ({side['release'][:12]}).")
    if minutes := app.get("minutes"):
        parts = ", ".join(f"{name} {_minutes(spent)}" for name, spent in minutes.items() if name != "all")
        told.append(f"It took {_minutes(minutes['all'])} ({parts}).")
    return [f"<sub>{' '.join(told)}</sub>", ""] if told else []


def _curves(at: str) -> list[str]:
    return ["## The training", "", f'<img src="{at}curves.svg" alt="Curves of the training">', ""]


def _photo(at: str, one: Mapping[str, Any]) -> str:
    said = f"{text(one['candidate']['said'])} ({100 * one['candidate']['p']:.0f}&nbsp;%)"
    before = f"<br>before: {text(one['champion']['said'])}" if one.get("champion") else ""
    return f"{_image(at, one['file'], one['truth'], 120)}<br><b>{text(one['truth'])}</b><br>said {said}{before}"


def _image(at: str, path: str | None, words: str, width: int = 200) -> str:
    return f'<img src="{at}{path}" width="{width}" alt="{text(words)}">' if path else ""


def _in_rows(cells: Sequence[str], across: int) -> list[tuple[str, ...]]:
    return [tuple((*cells[i : i + across], *[""] * across)[:across]) for i in range(0, len(cells), across)]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    lines = {"l": ":--", "r": "--:", "c": ":-:"}
    return [
        f"| {' | '.join(heads)} |",
        f"| {' | '.join(lines[side] for side in sides)} |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _right(found: Mapping[str, Any], side: str) -> str:
    spread = found[f"{side}_interval"]
    return f"{_share(found, side)} ({100 * spread['low']:.0f}–{100 * spread['high']:.0f})"


def _share(found: Mapping[str, Any], side: str) -> str:
    return f"{100 * found[side] / found['n']:.1f} %" if found["n"] else ""


def _points(points: float) -> str:
    return f"**{points:+.1f}**".replace("-", "−") if abs(points) >= 0.05 else "±0"


def _number(name: str, value: float) -> str:
    return f"{100 * value:.1f} %" if "accuracy" in name and 0 <= value <= 1 else f"{value:.4g}"


def _size(size: int | None) -> str:
    if not size:
        return ""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def _ms(spent: float | None) -> str:
    return f"{spent:.1f} ms" if spent else ""


def _ratio(before: Mapping[str, Any], after: Mapping[str, Any], what: str) -> str:
    return f"× {after[what] / before[what]:.2f}" if before.get(what) and after.get(what) else ""


def _minutes(spent: float) -> str:
    return f"{spent:.1f} min" if spent >= 1 else f"{60 * spent:.0f} s"


def _joined(parts: Sequence[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).strip() + "\n"
