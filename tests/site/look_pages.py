"""Every page filled with demo data, in each state that looks different."""

from math import exp

from teahouse.site import owner_page_shapes as o
from teahouse.site import pages as p

NOW = 1_764_100_000_000
HOUSE = p.Shell("Little Tea House")
MANY = p.Shell("Kin's corner", many=True)
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
REPORT = o.Report(
    RELEASES[0],
    "promote",
    "Release 8 is right more often than release 7.",
    (o.Said("11 won, 1 lost.", "good"), o.Said("As fast as before."), o.Said("Day photos lost a point.", "bad")),
    (o.Bar("judging photos", p.Accuracy(0.942, 0.893, 0.969, 154), 0.877), o.Bar("oolong", GOOD)),
    "green: right on 295 of 310",
    tuple(o.Mistake(f"/owner/media/{i}", "green", "oolong", 0.99 - i / 100) for i in range(12)),
    (("form", "int8"), ("dataset version", "4f1c22ab")),
    can_promote=True,
    can_roll_back=True,
)
RUNS = (
    o.RunLine("r8", NOW, "running", "epoch 4 of 12", "5", 41.0),
    o.RunLine("r7", NOW, "done", "ended in release 7", "4", 183.0, 7),
    o.RunLine("r6", NOW, "failed", "The loss became infinite in epoch 2."),
    o.RunLine("", NOW, "waiting", "waits for its turn"),
)
CURVES = (o.Curve("loss", tuple((float(i), exp(-i / 6)) for i in range(40))), o.Curve("held_out", ()))
OPERATION = p.Operation(
    "POST", "/api/apps/tea/predictions", "Ask for an answer", "One photo as the raw body.",
    (p.Parameter("app", "path", "text", "The app's name", True),), "the photo's bytes", '{"id": "…"}',
    (("201", "the answer"), ("503", "the house is full")), "curl …",
)  # fmt: skip

PAGES = {
    "play": play(),
    "play, unfamiliar": play(opening=p.Opening(SAMPLES[1], tea("oolong", 0.71, familiar=False)), standing=True),
    "play, many labels": play(
        shell=MANY, labels=INSECTS, accuracy=None, description="", note="",
        opening=p.Opening(SAMPLES[1], p.Labelled("bee", {n: (0.7 if n == "bee" else 0.05) for n in INSECTS}, 0.7)),
    ),
    "play, nothing yet": play(opening=None, samples=()),
    "play, a picture made": play(
        output_kind="image", labels=(), opening=p.Opening(SAMPLES[0], tea("green", 0.9))
    ),
    "play, hostile": play(
        title=HOSTILE, description=HOSTILE, note=HOSTILE, labels=(HOSTILE, "b"),
        opening=p.Opening(p.Sample("/media/0", HOSTILE), p.Labelled(HOSTILE, {HOSTILE: 0.9, "b": 0.1}, 0.9)),
    ),
    "shelf": p.Shelf(MANY, (
        p.AppCard("tea", "Tea?", "A cup.", "/media/1", GOOD), p.AppCard("clay", "Clay?", open=False),
    )),
    "shelf, empty": p.Shelf(HOUSE),
    "closed": p.Closed(HOUSE, "Green tea or oolong?"),
    "mine": p.Mine(MANY, (
        p.MineLine("a", NOW, "Tea?", "green", 0.98, "yes", True, "/media/1"),
        p.MineLine("b", NOW, "Tea?", "oolong", 0.7, "green"),
        p.MineLine("c", NOW, "Tea?", "oolong", 0.5),
    ), True, "http://127.0.0.1:8360/mine/token"),
    "mine, nothing": p.Mine(HOUSE),
    "trouble, 404": p.Trouble(HOUSE, 404, "not-found", "There is nothing at this address."),
    "trouble, 503": p.Trouble(HOUSE, 503, "queue-full", "The house is full.", "Forty guests wait.", "", 20),
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
    "predictions": o.Predictions(OWNER, DESK, tuple(
        o.PredictionLine(str(i), NOW, "green", 0.9, i != 1, 7, 3.1, word, i == 2, "/owner/media/1" if i else "")
        for i, word in enumerate(("", "yes", "no", "oolong"))
    ), "/owner/predictions?before=10"),
    "predictions, all erased": o.Predictions(OWNER, DESK, older="/owner/predictions?before=1", erased=50),
    "predictions, none": o.Predictions(OWNER, DESK),
    "review": o.Review(OWNER, DESK, ("green", "oolong"), 12, 31),
    "review, done": o.Review(OWNER, DESK, INSECTS),
    "versions": o.Versions(OWNER, DESK, (
        o.VersionLine("v", NOW, "4f1c22ab" * 8, 3000, {"train": 2300, "test": 90}, 60, 1, (7, 8)),
        o.VersionLine("w", NOW, "4f1c22ab" * 8, 1, {}),
    )),
    "versions, none": o.Versions(OWNER, DESK),
    "runs": o.Runs(OWNER, DESK, RUNS),
    "run": o.Runs(OWNER, DESK, RUNS, RUNS[0], CURVES, 80, ("The loss is no number any more.",)),
    "run, no numbers": o.Runs(OWNER, DESK, RUNS, RUNS[2]),
    "releases": o.Releases(OWNER, DESK, RELEASES),
    "release": o.Releases(OWNER, DESK, RELEASES, REPORT),
    "release, first": o.Releases(OWNER, DESK, RELEASES, o.Report(RELEASES[5], "first", "The first release.")),
    "release, refused": o.Releases(
        OWNER, DESK, RELEASES, o.Report(RELEASES[2], "reject", "It is not better.", can_promote=True)
    ),
    "releases, none": o.Releases(OWNER, DESK),
}  # fmt: skip
