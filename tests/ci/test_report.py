"""What is written of a check: the verdict first, nobody's words with a meaning of their own."""

from xml.etree import ElementTree

import pytest

from teahouse.ci import curves, report
from teahouse.ci.judge import Judged
from teahouse.release.verdict import Budget, Check, History, Pair, judge

LINES = [{"ok": True, "words": "declares 'Tea?'", "do_next": ""}]


def judged(mended=0, broken=0, both=60, champion=True, checks=(), label="warm"):
    """A report as the judge makes it, of so many photos."""
    kinds = [(False, True)] * mended + [(True, False)] * broken + [(True, True)] * both
    pairs = [
        Pair(str(i), was, now, {"class": (label, "cold")[i % 2], "source": "base"})
        for i, (was, now) in enumerate(kinds)
    ]
    verdict = judge(pairs, checks, Budget(), History(first=not champion))
    side = {"release": "c" * 64, "from": "trained here", "ms": 2.0, "bytes": 2_500_000, "metrics": {}}
    photo = {"file": "pictures/broken-1.jpg", "truth": label, "candidate": {"said": "cold", "p": 0.9}, "champion": None}
    return {
        "outcome": verdict.outcome,
        "reasons": [reason.as_dict() for reason in verdict.reasons],
        "numbers": dict(verdict.numbers),
        "candidate": side,
        "champion": side | {"from": "the Release"} if champion else None,
        "rows": {"train": 200, "validation": 30, "gold": len(pairs), "left_out": 0},
        "behaviour": [{"name": one.name, "passed": one.passed, "words": one.words} for one in checks],
        "pictures": {"mended": [], "broken": [photo]},
        "proof": "here",
        "minutes": {"data": 0.1, "training": 4.0, "judging": 0.2, "all": 4.3},
    }


def whole(**changes):
    return report.whole([report.of_app("tea", "Tea?", LINES, Judged(judged(**changes)))])


@pytest.mark.parametrize(
    ("changes", "colour", "head"),
    [
        ({"mended": 20, "broken": 2}, "TIP", "Better: it may take over."),
        ({"mended": 3, "broken": 2}, "NOTE", "Not decided: the champion stays."),
        ({"mended": 0, "broken": 20}, "CAUTION", "Refused: the champion stays."),
        ({"broken": 10, "champion": False}, "CAUTION", "Refused: the champion stays."),
        ({"mended": 30, "champion": False}, "TIP", "A first release: it may go on."),
    ],
)
def test_the_verdict_comes_first_in_its_colour(changes, colour, head):
    told = whole(**changes)
    assert report.page(told).splitlines()[2:4] == [f"> [!{colour}]", f"> **{head}**"]
    assert told["ok"] == (colour != "CAUTION")
    assert report.comment(told).startswith(report.marker(told) + "\n### Tea?\n\n> [!" + colour)


def test_the_comment_shows_no_picture_and_says_where_they_are():
    told = report.comment(whole(mended=20), "https://github.com/ann/tea/actions/runs/1")
    assert "<img" not in told and "[the report](https://github.com/ann/tea/actions/runs/1)" in told
    assert "<img" in report.page(whole(mended=20))


def test_words_of_others_mean_nothing():
    hostile = "a|b\n\n# x <img src=x onerror=1> @everyone [y](javascript:1) <!-- --> `z` www.example.com"
    checks = [Check("it behaves", False, hostile)]
    told = report.comment(whole(mended=20, checks=checks, label=hostile))
    for part in ("<img", "@everyone", "](javascript", "a|b", "\n# x", "`z`"):
        assert part not in told, part
    table = [line for line in told.splitlines() if line.startswith("| a")]
    assert table and all(line.count("|") == 6 for line in table)


def test_a_wrong_line_of_the_rehearsal_makes_it_fail_whatever_the_verdict():
    wrong = [*LINES, {"ok": False, "words": "the label 'oolong' has no photos", "do_next": "Put some in photos."}]
    told = report.whole([report.of_app("tea", "Tea?", wrong, Judged(judged(mended=20)))])
    assert told["outcome"] == "failed" and not told["ok"]
    assert "oolong" in report.page(told).splitlines()[5]


def test_several_apps_stand_in_one_report_with_their_own_files(tmp_path):
    one = Judged(judged(mended=20), {"pictures/broken-1.jpg": b"jpeg"}, {"loss": [(0, 1.0), (1, 0.5)]})
    told = report.whole(
        [report.of_app(name, name.title(), LINES, one if name == "tea" else None) for name in ("tea", "ant")]
    )
    report.write(tmp_path, told, {"tea": one})
    assert (tmp_path / "tea" / "pictures" / "broken-1.jpg").read_bytes() == b"jpeg"
    assert 'src="tea/curves.svg"' in (tmp_path / "report.md").read_text()
    assert told["outcome"] == "promote" and report.marker(told) == "<!-- teahouse-check tea ant -->"


def test_curves_are_one_sound_svg():
    drawn = curves.draw({"loss<": [(0, 2.0), (1, 1.0)], "accuracy": [(0, 0.5), (1, 0.9)], "one": [(0, 1.0)]})
    tree = ElementTree.fromstring(drawn)
    assert len(tree.findall("{http://www.w3.org/2000/svg}svg")) == 2 and "loss&lt;" in drawn
    assert curves.draw({"one": [(0, 1.0)]}) == ""


def test_a_candidate_that_may_know_the_photos_is_said_so():
    told = judged(mended=20)
    seen = {"code": "may-have-seen", "words": "Nobody can say.", "numbers": {}}
    told |= {"proof": "unknown", "outcome": "hold", "reasons": [seen, *told["reasons"]], "original": told["champion"]}
    page = report.page(report.whole([report.of_app("tea", "Tea?", LINES, Judged(told))]))
    assert "it may know the photos that judge" in page and "does not name the rows" in page
    assert "Nothing may fall below the first one either" in page
