"""Every page filled with demo data, in each state that looks different."""

from dataclasses import replace
from math import exp

from teahouse.site import owner_forms as f
from teahouse.site import owner_page_shapes as o
from teahouse.site import pages as p

from . import look_money, look_paying, look_told, look_verdict

NOW = 1_764_100_000_000
HOUSE = p.Shell("Little Tea House")
MANY = p.Shell("Kin's corner", many=True)
FRAMED = p.Shell("Kin's corner", many=True, framed=True)
OWNER = p.Shell("Little Tea House", owner=True)
GOOD = p.Accuracy(0.963, 0.947, 0.975, 600)
SAMPLES = tuple(p.Sample(f"/media/{i}", f"A cup of tea, sample {i + 1}") for i in range(6))
INSECTS = ("ant", "bee", "wasp", "hover_fly", "beetle", "moth", "spider")
HOSTILE = "<img src=x onerror=alert(1)>\"'{{ 7*7 }}"


def tea(label: str, sure: float, **more) -> p.Labelled:
    other = "oolong" if label == "green" else "green"
    return p.Labelled(label, {label: sure, other: 1 - sure}, sure, **more)


def play(**more) -> p.Play:
    given = dict(
        shell=HOUSE, name="tea", title="Green tea or oolong?", labels=("green", "oolong"), release=7,
        description="Show it a cup from above.", note="Trained on rendered pictures", samples=SAMPLES,
        opening=p.Opening(SAMPLES[0], tea("green", 0.982)), accuracy=GOOD,
    )  # fmt: skip
    return p.Play(**{**given, **more})


STYLED = (
    p.Input("image", "photo", "photo"),
    p.Input("choice", "style", "style", "woodblock", chips=(p.Chip("night_sky", "/media/7"), p.Chip("woodblock"))),
    p.Input("choice", "ink", "ink", chips=tuple(p.Chip(f"ink_{n}") for n in range(20))),
    p.Input("number", "strength", "strength", 0.8, 0, 1, 0.05),
)
DRAWN = dict(
    output_kind="image", labels=(), samples=(), opening=None, accuracy=None, inputs=(p.Input("seed"),), size=(64, 64)
)

SOCIAL = p.Social(HOSTILE, "A cup.", "https://tea.example/shared/x", "https://tea.example/shared/x/card.png")
DESK = o.Desk(
    "tea", "Green tea or oolong?", (("tea", "Green tea or oolong?"), ("ants", "Ants or bees?")), 12, "epoch 4 of 12"
)
RELEASES = tuple(
    o.ReleaseLine(f"{number:064x}", number, NOW, state, share, GOOD, outcome, "right 7 points more often", pinned)
    for number, state, share, outcome, pinned in [
        (8, "canary", 0.05, "promote", False),
        (7, "full", 1.0, "promote", True),
        (6, "refused", 0.0, "reject", False),
        (5, "earlier", 0.0, "hold", False),
        (4, "shadow", 0.0, "", False),
        (1, "loaded", 0.0, "first", False),
    ]
)
LIKED = o.ReleaseLine("9" * 64, 9, NOW, "shadow", 0.0, None, "hold", "It waits for choices.", beside=True,
                      liked="18 of 24 preferred it to release 7")  # fmt: skip
REPORT = o.Report(
    RELEASES[0],
    "promote",
    "Release 8 is right more often than release 7.",
    (o.Said("11 won, 1 lost.", "good"), o.Said("As fast as before."), o.Said("Day photos lost a point.", "bad")),
    (o.Bar("judging photos", p.Accuracy(0.942, 0.893, 0.969, 154), 0.877), o.Bar("oolong", GOOD)),
    "green: right on 295 of 310",
    tuple(o.Mistake(f"/owner/media/{i}", "green", "oolong", 0.99 - i / 100) for i in range(12)),
    (("dataset version", "4f1c22ab"),),
    can_promote=True,
    can_roll_back=True,
    judged="/owner/verdicts/1",
    forms=f.Forms(
        (
            f.FormLine("fp32", "as it was trained", "52", "2 at a time"),
            f.FormLine("int8", "in whole numbers, a quarter of the size", "121", "2 at a time",
                       "3 of 1,204 answers differ", True),
        ),
        "int8 answers: it is 2.3 times as fast here.",
        wishes=("fp32", "int8"),
    ),
    replace_by=NOW,
)
RUNS = (
    o.RunLine("r8", NOW, "running", "epoch 4 of 12", "5", 41.0),
    o.RunLine("r7", NOW, "done", "ended in release 7", "4", 183.0, 7),
    o.RunLine("r6", NOW, "failed", "The loss became infinite in epoch 2."),
    o.RunLine("", NOW, "waiting", "waits for its turn"),
)
CURVES = (o.Curve("loss", tuple((float(i), exp(-i / 6)) for i in range(40))), o.Curve("held_out", ()))
SHARED = (o.ShareLine("s1", NOW, "/shared/s1", "/media/1"), o.ShareLine("s2", NOW, "/shared/s2", "", NOW))
OPERATION = p.Operation(
    "POST", "/api/apps/tea/predictions", "Ask for an answer", "One photo as the raw body.",
    (p.Parameter("app", "path", "text", "The app's name", True),), "the photo's bytes", '{"id": "…"}',
    (("201", "the answer"), ("503", "the site is full")), "curl …",
)  # fmt: skip

PAGES = {
    "play": play(),
    "play, unfamiliar": play(opening=p.Opening(SAMPLES[1], tea("oolong", 0.71, familiar=False)), standing=True),
    "play, many labels": play(
        shell=MANY, labels=INSECTS, accuracy=None, description="", note="",
        opening=p.Opening(SAMPLES[1], p.Labelled("bee", {n: (0.7 if n == "bee" else 0.05) for n in INSECTS}, 0.7)),
    ),
    "play, quite sure": play(opening=p.Opening(SAMPLES[0], tea("green", 0.998))),
    "play, nothing yet": play(opening=None, samples=()),
    "play, a picture made": play(
        output_kind="image", labels=(), opening=p.Opening(SAMPLES[0], p.Pictured("/media/9", 512, 384))
    ),
    "play, a picture to come": play(output_kind="image", labels=(), opening=p.Opening(SAMPLES[0], None)),
    "play, a picture with a style": play(
        output_kind="image", labels=(), opening=p.Opening(SAMPLES[0], p.Pictured("/media/9", 512, 384)), inputs=STYLED,
    ),
    "play, drawn": play(**DRAWN, seed=2_914_552_101, picture="/media/9", prediction="pooled", pool=(384, 96)),
    "play, drawn, none yet": play(**DRAWN),
    "play, words in": play(
        output_kind="text", labels=(), samples=(), opening=None,
        inputs=(*STYLED[1:], p.Input("text", "words", "words")),
    ),
    "play, a number out": play(
        output_kind="number", labels=(), opening=p.Opening(SAMPLES[0], p.Written("12.5", familiar=False)),
    ),
    "play, hostile": play(
        title=HOSTILE, description=HOSTILE, note=HOSTILE, labels=(HOSTILE, "b"),
        opening=p.Opening(p.Sample("/media/0", HOSTILE), p.Labelled(HOSTILE, {HOSTILE: 0.9, "b": 0.1}, 0.9)),
    ),
    "teach": p.Teach(HOUSE, "tea", "Green tea or oolong?", ("green", "oolong")),
    "teach, many labels": p.Teach(MANY, "insects", HOSTILE, (*INSECTS, HOSTILE)),
    "play, with a round": play(teach=True),
    "shared, a photo and what was made": p.Shared(
        HOUSE, "token", "The mirror", "/mirror", NOW, "", "It mirrors a photo.", "/media/1", "/media/2", (512, 384),
        SOCIAL,
    ),
    "shared, a picture": p.Shared(MANY, "token", HOSTILE, "/", NOW, picture="/media/1", size=(64, 64), social=SOCIAL),
    "shared, words": p.Shared(HOUSE, "token", "Tea?", "/tea", NOW, "Green, quite sure", social=SOCIAL),
    "shared, words on a photo": p.Shared(HOUSE, "token", "Tea?", "/tea", NOW, HOSTILE, photo="/media/1"),
    "shelf": p.Shelf(MANY, (
        p.AppCard("tea", "Tea?", "A cup.", "/media/1", GOOD, True, tea("green", 0.98), 4, 1204, 38),
        p.AppCard("clay", "Clay?", open=False),
        p.AppCard("toon", "Toon", "A cartoon.", "/media/2", answer=p.Pictured("/media/3", 512, 384), release=1),
        p.AppCard("pot", "Pots", answer=p.Pictured("/media/4", 64, 64), release=2, played=1, learned=1),
        p.AppCard("age", "How old?", photo="/media/5", answer=p.Written("12.5"), release=2),
        p.AppCard("pot-2", "More pots", release=1),
    )),
    "shelf, empty": p.Shelf(HOUSE),
    "log": p.Log(MANY, (
        p.Month("November 2025", (
            p.Entry(NOW, "tea", "Green tea or oolong?", 2, "back"),
            p.Entry(NOW - 9 * 86_400_000, "tea", "Green tea or oolong?", 3, words="right 4 points more often"),
            p.Entry(NOW - 10 * 86_400_000, "toon", "Toon me", 1, "opened"),
        ), 2, 1),
        p.Month("October 2025", (p.Entry(NOW - 30 * 86_400_000, "tea", "Green tea or oolong?", 2),), 1),
        p.Month("September 2025", (p.Entry(NOW - 60 * 86_400_000, "tea", HOSTILE, 1, "back"),)),
    )),
    "log, nothing": p.Log(HOUSE),
    "offline": p.Offline(HOUSE),
    "embed": play(shell=FRAMED),
    "embed, drawn": play(**DRAWN, shell=FRAMED, seed=7, picture="/media/9", prediction="pooled"),
    "embed, closed": p.Closed(FRAMED, "Green tea or oolong?"),
    "closed": p.Closed(HOUSE, "Green tea or oolong?"),
    "not drawn": p.Closed(
        MANY, HOSTILE, "Number 4294967295 is not drawn yet.", "Others are there, and new ones come as you play.", "/x"
    ),
    "mine": p.Mine(MANY, (
        p.MineLine("a", NOW, "Tea?", "green", 0.98, "yes", True, "/media/1"),
        p.MineLine("d", NOW, "Tea?", "green", 0.9, "yes", True, "/media/1", taught=True),
        p.MineLine("b", NOW, "Tea?", "oolong", 0.7, "green"),
        p.MineLine("c", NOW, "Tea?", "oolong", 0.5),
    ), True, "http://127.0.0.1:8360/mine/token"),
    "mine, shared": p.Mine(HOUSE, (
        p.MineLine("a", NOW, "Mirror", "a picture", None, "love", photo="/media/1", shared="/shared/t", beside=True),
        p.MineLine("b", NOW, "Mirror", "a picture", None, shared="/shared/other", hidden=True),
    )),
    "mine, nothing": p.Mine(HOUSE),
    "mine, taught": p.Mine(HOUSE, taught=15),
    "trouble, 404": p.Trouble(HOUSE, 404, "not-found", "There is nothing at this address."),
    "trouble, 503": p.Trouble(HOUSE, 503, "queue-full", "The site is full just now.", "Forty are waiting.", "", 20),
    "trouble, 507": p.Trouble(HOUSE, 507, "disk-full", "There is no room left.", "", "Come back later."),
    "docs": p.Docs(HOUSE, "0.1.0", (p.Chapter("Play", (OPERATION, p.Operation("GET", "/api/apps", "")), "Ask."),)),
    "claim": p.Claim(HOUSE, "token"),
    "log-in": p.LogIn(HOUSE),
    "today": o.Today(
        OWNER, DESK,
        (o.Figure("answers", "1,204", "yesterday 892", (1.0, 5.0, 3.0)), o.Figure("errors", "3", tone="bad"),
         o.Figure("visitors agree", "92 %", series=(2.0, 2.0), tone="good")),
        o.Circle(37, 50, 41, 60, 7, GOOD, "release 8 waits for 19 more judging photos"),
        (o.Happening(NOW, "Release 7", "is better.", "/owner/releases/x", "good"), o.Happening(NOW, "A run", "began.")),
        "One worker answers.",
    ),
    "today, sick": o.Today(OWNER, o.Desk("tea", "Tea?"), (), o.Circle(0, 50, 0, 60), sick="No worker answers."),
    "today, learning": o.Today(OWNER, DESK, (), o.Circle(
        0, 50, 70, 60, 7, GOOD, "release 8 was rolled back by you", NOW, "judging", "/owner/runs"
    )),
    "today, enough": o.Today(OWNER, DESK, (), o.Circle(50, 50, 70, 60, 7)),
    "today, compared": o.Today(OWNER, DESK, (o.Figure("visitors love it", "70 %", "31 of 44 words"),), o.Circle(
        17, 50, 24, 30, 1, None, "release 2 is shown beside it: 18 of 24 preferred it", unit="word",
        judged_by="choices",
    )),
    "today, no training": o.Today(OWNER, DESK, (), o.Circle(17, 50, 0, 60, 1, trains=False)),
    "today, pictures": o.Today(OWNER, DESK, (), o.Circle(17, 50, 0, 60, 1, unit="photo", judged_by="")),
    "predictions": o.Predictions(OWNER, DESK, tuple(
        o.PredictionLine(str(i), NOW, "green", 0.9, i != 1, 7, 3.1, word, i == 2, "/owner/media/1" if i else "")
        for i, word in enumerate(("", "yes", "no", "oolong"))
    ), "/owner/predictions?before=10"),
    "predictions, pictures": o.Predictions(OWNER, DESK, (
        o.PredictionLine("1", NOW, "a picture, 500 × 332", 0.0, None, 7, 81.2, "love", made="style woodblock, ink 0.8"),
        o.PredictionLine("2", NOW, "a picture, 500 × 332", 0.0, None, 7, 81.2, made=HOSTILE),
    )),
    "predictions, shown alone": o.Predictions(OWNER, DESK, shown=20),
    "predictions, all erased": o.Predictions(OWNER, DESK, older="/owner/predictions?before=1", erased=50),
    "predictions, none": o.Predictions(OWNER, DESK),
    "reports": o.Reports(OWNER, o.Desk("tea", "Tea?", reports=2), (
        o.ReportLine("r1", NOW, "It is against the law", HOSTILE, share=SHARED[0]),
        o.ReportLine("r2", NOW, "Something else", open=False, share=SHARED[1]),
        o.ReportLine("r3", NOW, "Something else", gone=True, open=False),
        o.ReportLine("r4", NOW, "Something else", prediction="0193"),
    ), SHARED),
    "reports, none": o.Reports(OWNER, DESK),
    "review": o.Review(OWNER, DESK, ("green", "oolong"), 12, 31, told=("19 more photos.", "About 40 visits."), aside=3),
    "review, set aside": o.Review(OWNER, DESK, ("green", "oolong"), 3, aside=3, of_aside=True),
    "review, pictures": o.Review(OWNER, DESK, ("love", "meh"), 3, 1, "photos"),
    "review, words": o.Review(OWNER, DESK, (), learns="words"),
    "review, done": o.Review(OWNER, DESK, INSECTS),
    "versions": o.Versions(OWNER, DESK, (
        o.VersionLine("v", NOW, "4f1c22ab" * 8, 3000, {"train": 2300, "test": 90}, 60, 1, (7, 8)),
        o.VersionLine("w", NOW, "4f1c22ab" * 8, 1, {}),
    )),
    "versions, none": o.Versions(OWNER, DESK),
    "runs": o.Runs(OWNER, DESK, RUNS),
    "run": o.Runs(OWNER, DESK, RUNS, RUNS[0], CURVES, 80, ("The loss is no number any more.",)),
    "run, of words": o.Runs(OWNER, DESK, RUNS, o.RunLine(
        "r9", NOW, "running", "training", "6", 3.0, learnt="it learns from 212 words on 131 pictures",
    )),
    "run, no numbers": o.Runs(OWNER, DESK, RUNS, RUNS[2]),
    "releases": o.Releases(OWNER, DESK, RELEASES),
    "release": o.Releases(OWNER, DESK, RELEASES, REPORT),
    "release, in the canary": o.Releases(OWNER, DESK, RELEASES, replace(
        REPORT, line=replace(RELEASES[0], progress=(
            "One visitor in 20 gets it, always the same ones. So far 140 answers, 0 errors; visitors said 4 of 31 "
            "times that it was wrong, and 12 of 100 times of the champion. After 200 answers that visitors agree with, "
            "or in 21 hours, it answers everybody.")), can_take_away=True, can_roll_back=False)),
    "release, rolled back": o.Releases(OWNER, DESK, RELEASES, replace(
        REPORT, line=replace(RELEASES[4], outcome="promote", state="earlier", rolled_back=NOW, off_by="guard", off_why=(
            "11 of 111 requests got no answer from it; the champion answered them where time allowed.")),
        can_try=True)),
    "release, the champion": o.Releases(OWNER, DESK, RELEASES, replace(
        REPORT, line=replace(RELEASES[1], pinned=False), can_promote=False, can_pin=True)),
    "release, first": o.Releases(OWNER, DESK, RELEASES, o.Report(
        RELEASES[5], "first", "The first release.", forms=f.Forms(
            (f.FormLine("fp32", "as it was trained"),), "fp32 answers. How fast it is here has not been measured yet.",
            ("int8 was tried and left out. It answers otherwise too often.",), "int8", ("fp32",),
        ),
    )),
    "release, refused": o.Releases(
        OWNER, DESK, RELEASES, o.Report(RELEASES[2], "reject", "It is not better.", can_promote=True)
    ),
    "release, compared": o.Releases(OWNER, DESK, (LIKED, *RELEASES[1:]), o.Report(
        LIKED, "hold", "Visitors see it beside the champion.", can_promote=True, can_take_away=True,
        bars=(o.Bar("beside release 7", p.Accuracy(0.75, 0.55, 0.88, 24), unit="choice"),),
        measures="How often visitors liked it better",
    )),
    "releases, none": o.Releases(OWNER, DESK),
    **look_told.told(OWNER, DESK, HOUSE),
    **look_paying.told(play, DRAWN, STYLED, HOSTILE),
    **look_verdict.told(OWNER, DESK),
    **look_money.told(OWNER, replace(DESK, money=True)),
}  # fmt: skip
