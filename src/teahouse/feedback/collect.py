"""Collect: what visitors say, and what they let us keep, written down once and on the right side of the split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from teahouse import ids
from teahouse.feedback import judges, tastes, teach, trust
from teahouse.spec.fields import Feedback, field_from_json
from teahouse.store import (
    apps,
    consents,
    feedback,
    inputs,
    jobs,
    labels,
    lineage,
    predictions,
    probes,
    releases,
    reviews,
    rollouts,
    visitors,
)

TRUST = "trust"  # reviews.by of what counted without the owner's look
LOOP = "loop"  # jobs.by of what the house asks of itself
PATIENCE_MS = 7 * 86_400_000  # that a challenger may wait for choices before another takes its place


@dataclass(frozen=True)
class Rules:
    """What a house does with visitors' words: `review` is owner or auto (an app's own declaration overrules it), and
    after `retrain_after` new accepted rows it asks for a training; None: somebody else does."""

    review: str = "owner"
    retrain_after: int | None = None


class Part(Protocol):
    """One field as it is kept: the cleaned photo's blob, or a value; `near` finds its near-duplicates."""

    field: str
    near: bytes
    blob: str | None
    value: Any


@dataclass(frozen=True)
class Kept:
    """What a visitor lets us keep of one prediction (its row). `before`: the yes stood before the answer was known."""

    prediction: Any
    inputs: Sequence[Part]
    purposes: Sequence[str]
    before: bool
    text_version: str
    at: int = field(default_factory=ids.now_ms)
    rules: Rules = Rules()


@dataclass(frozen=True)
class Word:
    """What a visitor says of a prediction; `truth` as the output field reads it, `idem` makes twice harmless."""

    id: bytes
    prediction: bytes
    visitor: bytes | None
    idem: str
    kind: str
    value: Any
    truth: Any = None
    at: int = field(default_factory=ids.now_ms)
    rules: Rules = Rules()
    other: bytes | None = None  # of a choice between two: the one that was not chosen
    network: bytes | None = None  # of a word on what was made for nobody


def split_of(near: bytes, held: bool, rows: Iterable[tuple[bytes, str]]) -> str:
    """train, test or set_aside for a new row, written once and never changed. `rows`: (near key, split) of all others.

    Near (six bits of 64) a judging row: it judges too. Near a training row: it trains, unless it was drawn to judge:
    then it is set aside, as is one that is near both."""
    sides = {split for other, split in rows if is_near(near, other)}
    judges, trains = bool(sides & {"test", "gold"}), bool(sides & {"train", "validation"})
    if trains and (judges or held):
        return "set_aside"
    if judges or held:
        return "test"
    return "train"


def is_near(one: bytes, other: bytes) -> bool:
    """Within six bits (64-bit keys), or equal (all other keys)."""
    if len(one) != 8 or len(other) != 8:
        return one == other
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count() <= judges.NEAR_BITS


def keep_photo(c: Any, kept: Kept) -> bytes:
    """Write consent, inputs and label for a prediction; the consent's id. Again for the same prediction: no second one.

    The caller has put the blobs and compared the bytes with what the prediction was given."""
    prediction = kept.prediction
    standing = consents.for_prediction(c, prediction.id, show=False)
    if standing is not None and labels.of_prediction(c, prediction.id) is not None:
        return standing.id
    given = consents.Given(
        ids.new_id(), prediction.id, prediction.visitor, list(kept.purposes), kept.before, kept.text_version, kept.at
    )
    consent = consents.give(c, given)
    for part in kept.inputs:
        row = inputs.Kept(ids.new_id(), prediction.id, consent, part.field, part.blob, part.near, part.value, kept.at)
        inputs.keep(c, row)
    near = next((part.near for part in kept.inputs if part.blob), None) or kept.inputs[0].near
    labels.add(
        c,
        {
            "at": kept.at,
            "app": prediction.app,
            "prediction": prediction.id,
            "source": "visitor",
            "inputs": {part.field: {"blob": part.blob} if part.blob else part.value for part in kept.inputs},
            "truth": _said_so_far(c, prediction),
            "consent": consent,
            "visitor": prediction.visitor,
            "network": prediction.network,
            "near": near,
            "split": split_of(near, bool(prediction.held), labels.near_rows(c, prediction.app, near)),
        },
    )
    label = labels.of_prediction(c, prediction.id)
    if label.truth is not None:  # the word may have come before the photo
        _weigh_by(c, label, kept.rules, kept.at)
    return consent


def say_word(c: Any, word: Word) -> tuple[Any, bool]:
    """Write a visitor's word down, durable before it is acted upon; (its row, whether it is new).

    It becomes the label's truth while nobody reviewed that."""
    if word.visitor:
        visitors.ensure(c, word.visitor, word.at)
    said = feedback.Said(word.id, word.prediction, word.visitor, word.idem, word.kind, word.value, word.at,
                         word.other, network=word.network)  # fmt: skip
    row, new = feedback.say(c, said)
    if new and word.truth is not None and labels.say(c, word.prediction, word.truth):
        label = labels.of_prediction(c, word.prediction)
        _weigh_by(c, label, word.rules, word.at)
    if new and word.kind in ("rate", "choose") and word.rules.retrain_after is not None:
        retrain_due(c, predictions.get(c, word.prediction).app, word.rules.retrain_after, word.at)
    return row, new


def _weigh_by(c: Any, label: labels.LabelRow, rules: Rules, at: int) -> None:
    """Weigh where the app or its house is set so, and ask for the training that was waiting for this row."""
    review = review_of(c, label.app, rules)
    if review == "auto" and weigh(c, label.id, review, at).state == "accepted" and rules.retrain_after is not None:
        retrain_due(c, label.app, rules.retrain_after, at)


def review_of(c: Any, app: str, rules: Rules) -> str:
    """Who reviews an app's rows, owner or auto: as it is declared, else as the house is set."""
    declared = apps.get(c, app)
    return (declared.declaration.get("review") if declared else None) or rules.review


def weigh(c: Any, label: bytes, review: str, at: int) -> trust.Decision:
    """Let a visitor's word count by itself where the house is set so and trust allows it; what was decided. What trust
    sets aside the owner finds again, and decides."""
    row = labels.get(c, label)
    decision = trust.decide(
        trust.Word("", row.truth, held=row.held or row.split != "train", kept=row.consent_live, scores=_scores(c, row)),
        _record(c, row, at) if review == "auto" else trust.Record(),
        _caps(c, row, review) if review == "auto" else trust.Caps(review),
    )
    if decision.state != "waiting" and row.decision is None:
        kind = "accept" if decision.state == "accepted" else "set_aside"
        truth = row.truth if kind == "accept" else None
        reviews.decide(c, reviews.Decision(label, kind, truth, TRUST, decision.reason, at))
    return decision


def weigh_again(c: Any, app: str, visitor: bytes, rules: Rules, at: int) -> int:
    """Weigh what waits of a visitor who stands otherwise than before, oldest first; how many rows count now."""
    waiting = [row for row in reviews.waiting_of(c, app, visitor) if row.truth is not None]
    before = labels.new(c, app)
    for row in waiting:
        _weigh_by(c, row, rules, at)
    return labels.new(c, app) - before if waiting else 0


def retrain_due(c: Any, app: str, retrain_after: int, at: int | None = None) -> bytes | None:
    """Ask for a retrain once enough new accepted rows are there (or words, where an app learns from these), or for a
    second look at a candidate that waits for judged rows or choices; the job's id, or None while there are too few.
    While one waits or runs, that one is the answer."""
    at = ids.now_ms() if at is None else at
    new = tastes.waiting(c, app)
    if new < retrain_after or _is_compared(c, app, at):
        return _judge_due(c, app, at)
    if under_way := jobs.unfinished(c, "retrain", app):
        return under_way[-1].id
    version = _last_version(c, app)
    args = {"new": new, "since": ids.text(version.id) if version else None}
    before = jobs.last(c, "retrain", app, LOOP)
    # One that froze no version (it failed, or caps left the rows waiting) would come to nothing again at every word.
    if before is not None and before.args.get("since") == args["since"]:
        if new < before.args.get("new", 0) + retrain_after:
            return _judge_due(c, app, at)
    return jobs.ask(c, jobs.Asked(ids.new_id(), "retrain", app, args, LOOP, None, at))[0]


def _judge_due(c: Any, app: str, at: int) -> bytes | None:
    """A candidate on hold is judged once more when the rows that were missing are there."""
    last = next(iter(lineage.verdicts(c, app, limit=1)), None)
    wanted = (last.numbers or {}).get("again_at") or {} if last is not None and last.outcome == "hold" else {}
    if not wanted:
        return None
    if "choices" in wanted:
        champion = rollouts.champion(c, app)
        if champion is None or champion.release == last.candidate:
            return None
        if feedback.count_since(c, "choose", wanted["after"]) < wanted["more"]:  # cheap to ask
            return None
        if len(judges.choices(c, app, champion.release, last.candidate)) < wanted["choices"]:
            return None
        return _ask_judge(c, app, last, at)
    most = labels.gold(c, app)  # cheap to ask, and never fewer than what the judge counts
    counted = {"gold_live": judges.live, "gold_base": judges.base}
    if not any(most.get(name, 0) >= n and counted[name](c, app) >= n for name, n in wanted.items()):
        return None
    return _ask_judge(c, app, last, at)


def _ask_judge(c: Any, app: str, last: Any, at: int) -> bytes:
    args = {"release": last.candidate}
    return jobs.ask(c, jobs.Asked(ids.new_id(), "judge", app, args, LOOP, f"judge {ids.text(last.id)}", at))[0]


def _is_compared(c: Any, app: str, at: int) -> bool:
    """Whether visitors are choosing between the champion and a challenger: another one now would take its place before
    anybody knows what it is worth."""
    shadows = [row for row in rollouts.standing(c, app).values() if row.state == "shadow" and row.by == LOOP]
    return any(at - row.at < PATIENCE_MS for row in shadows)


def _last_version(c: Any, app: str) -> Any:
    return next(iter(lineage.versions(c, app, limit=1)), None)


def _said_so_far(c: Any, prediction: Any) -> Any:
    """The right answer that the visitor's last telling word states; a photo may be kept long after it."""
    release = releases.get(c, prediction.release)
    if release is None:
        return None
    output = field_from_json(release.manifest["output"])
    for word in reversed(feedback.of_prediction(c, prediction.id)):
        truth = output.truth(Feedback(word.kind, word.value), prediction.output)
        if truth is not None:
            return truth
    return None


def _scores(c: Any, row: labels.LabelRow) -> Any:
    """What the release gave each label when it answered; None where it names none, or the answer was erased."""
    asked = predictions.get(c, row.prediction) if row.prediction else None
    return asked.output.get("scores") if asked is not None and isinstance(asked.output, Mapping) else None


def is_doubted(c: Any, app: str, visitor: bytes | None) -> bool:
    """Whether the owner saw otherwise than this visitor said, too often to let their words count unseen."""
    return visitor is not None and trust.is_doubted(*reviews.seen_of(c, app, visitor))


def _record(c: Any, row: labels.LabelRow, at: int) -> trust.Record:
    """How the visitor stands, and what other sources say of photos that look the same: those that the owner or the
    maker speaks for, and visitors with standing, by their own photo or in the teach round. Who was believed because a
    second source agreed is none: else one liar with standing would vouch for a crowd, and the crowd for itself."""
    standing = teach.standing_of(visitors.get(c, row.visitor) if row.visitor else None, row.app, at)
    looks = reviews.near_rows(c, row.app, row.near) if row.near else []
    alike = [one for one in looks if one.id != row.id and is_near(row.near, one.near)]
    others = [one for one in alike if one.is_accepted and (one.visitor is None or one.visitor != row.visitor)]
    said = [one.answer for one in others if _speaks(c, one, at)]
    said += [
        one.said
        for one in probes.said_of(c, [other.id for other in others], but=row.visitor)
        if teach.standing_in(one.standing, row.app, at).known
    ]
    agree = sum(answer == row.truth for answer in said)
    sure = any(one.answer == row.truth for one in others if one.reviewed_by == labels.OWNER or one.source == "maker")
    waiting = [one for one in alike if one.source == "visitor" and one.decision is None]
    mine = sum(one.visitor is not None and one.visitor == row.visitor for one in waiting)
    counted = sum(one.is_accepted and one.reviewed_by == TRUST for one in alike)
    seen, wrong = reviews.seen_of(c, row.app, row.visitor) if row.visitor else (0, 0)
    return trust.Record(standing, agree, len(said) - agree, sure, mine, len(waiting), counted, seen, wrong)


def _speaks(c: Any, row: labels.LabelRow, at: int) -> bool:
    """Whether a row that counts is a trusted source: not on the word of who has no standing, or is doubted."""
    if row.reviewed_by != TRUST:
        return True
    known = visitors.get(c, row.visitor) if row.visitor else None
    return teach.standing_of(known, row.app, at).known and not is_doubted(c, row.app, row.visitor)


def _caps(c: Any, row: labels.LabelRow, review: str) -> trust.Caps:
    return trust.Caps(review, *labels.new_by(c, row.app, TRUST, row.visitor, row.network))
