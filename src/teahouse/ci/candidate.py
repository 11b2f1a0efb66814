"""Candidate: what a merge makes: trained in full, or the maker's bundle; judged; packed if it may go on."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teahouse.ci import judge
from teahouse.model.archive import SUFFIX

# A hold with this reason was passed by every check, and nobody here can say more: the merge is the maker's own yes.
BY_MERGE = frozenset({"checks-alone"})


@dataclass(frozen=True)
class Made:
    """What came of a candidate: the verdict's outcome, its reasons in words, and the bundle if it may go on."""

    outcome: str
    reasons: tuple[str, ...]
    bundle: Path | None
    report: dict[str, Any]


def make(ask: judge.Ask, target: Path) -> Made:
    """Train or take the candidate, judge it, and write APP.teahouse and APP.json into the folder `target` where it may
    go on. Raises what stops a side from being there at all."""
    from teahouse.model import archive

    judged = judge.judge(ask)
    report = judged.report
    reasons = [one for one in report.get("reasons", ()) if isinstance(one, dict)]
    words = tuple(str(one.get("words", "")) for one in reasons)
    by_merge = report["outcome"] == "hold" and bool(reasons) and reasons[0].get("code") in BY_MERGE
    if judged.candidate is None or not (report["outcome"] == "promote" or by_merge):
        return Made(report["outcome"], words, None, report)
    target.mkdir(parents=True, exist_ok=True)
    bundle = target / f"{ask.app}{SUFFIX}"
    if ask.candidate is not None and ask.candidate.is_file():
        shutil.copyfile(ask.candidate, bundle)  # with whatever signature its maker gave it
    else:
        archive.pack(judged.candidate, bundle, None)
    kept = {name: report.get(name) for name in ("app", "outcome", "reasons", "minutes", "data", "code", "proof")}
    bundle.with_suffix(".json").write_text(json.dumps(kept, ensure_ascii=False, indent=2, default=str) + "\n", "utf-8")
    return Made(report["outcome"], words, bundle, report)
