"""Demo data of what the house tells of itself: the monitor, the timeline, one thing followed back, the model's card."""

from math import sin
from types import SimpleNamespace

from teahouse.engine.port import EngineState
from teahouse.errors import QueueFull
from teahouse.site import owner_load
from teahouse.site import owner_page_shapes as o
from teahouse.site import pages as p
from teahouse.site.pulse import STAGES, Pulse

NOW = 1_764_100_000_000
DAY = 86_400_000
HOSTILE = "<img src=x onerror=alert(1)>\"'{{ 7*7 }}"


def curve(name, title, value, note, around, wide, band=None, **more):
    """A chart of four weeks with a gap in it."""
    values = tuple(None if i in (9, 10) else around + wide * sin(i / 3) for i in range(28))
    rows = tuple((f"{i + 1} Nov", f"{v:.2f}", str(20 + i)) for i, v in enumerate(values) if v is not None)[::-1]
    bounds = more.pop("bounds", (0.0, 1.0))
    return o.DayChart(
        name, title, value, note, values, bounds, more.pop("ends", ("0 %", "100 %")), band, (14,), rows, **more
    )


CHARTS = (
    curve(
        "brightness",
        "Brightness",
        "34 %",
        "in its training 58 %",
        0.45,
        0.12,
        (0.46, 0.7),
        drifted="Visitors' photos are darker than those it learned from.",
    ),
    curve(
        "blur",
        "Sharpness",
        "2.41",
        "in its training 2.62",
        2.5,
        0.2,
        (2.2, 2.9),
        bounds=(2.0, 3.1),
        ends=("2.00", "3.10"),
    ),
    curve(
        "side",
        "Size",
        "1,024 px",
        "in its training 128 px",
        900,
        100,
        (128, 128),
        bounds=(0, 1100),
        ends=("0 px", "1,100 px"),
    ),
    curve("confidence", "How sure it is", "88 %", "in its training 93 %", 0.88, 0.04, (0.7, 0.99)),
    curve("familiarity", "Never seen the like", "4 %", "in its training 1 % at most", 0.04, 0.02, (0.0, 0.01)),
    curve("agreement", "Visitors agree", "91 %", "of 312 words in four weeks", 0.9, 0.05),
    curve(
        "latency",
        "An answer takes",
        "14 ms",
        "on average, of 1,204 answers",
        14,
        3,
        bounds=(0, 25),
        ends=("0", "25 ms"),
    ),
    curve("errors", "Errors of ours", "0", "none in four weeks", 0, 0, bounds=(0, 4), ends=("0", "4")),
)
MIX = o.Mix(
    (("green", "61 %", "50 %"), ("oolong", "39 %", "50 %")),
    tuple(() if i in (9, 10) else (0.6 + 0.1 * sin(i), 0.4 - 0.1 * sin(i)) for i in range(28)),
    (0.5, 0.5),
)
DRIFT = o.Told(NOW, "Visitors' photos are darker than those it learned from.", (("photos counted", "46"),))
DIGEST = "4f1c22ab" * 8


def load(busy):
    """The house at rest, or on the evening on which it went viral."""
    beat, deps = Pulse(), SimpleNamespace(serving=SimpleNamespace(apps={"tea": None, "toon": None}))
    deps.pulse, state = beat, EngineState(queue=31 * busy, wait=2.1 * busy, memory=90_000_000)
    for n in range(40 * busy):
        beat.over(QueueFull("Full.") if n % 9 == 0 else None)
        beat.took({stage: 3.0 * n for stage in STAGES}, 1 + n % 2)
    return owner_load.told(deps, state)


def told(owner, desk, house):
    """The pages by name."""
    release = o.Link("Release 7", f"/owner/trace/release/{DIGEST}", "answered")
    version = o.Link("Version 4f1c22ab", "/owner/trace/version/v", "learned from")
    return {
        "monitor": o.Monitor(owner, desk, CHARTS, MIX, (DRIFT,), 1204, "71 % come from phones", 7),
        "monitor, no figures": o.Monitor(owner, desk, CHARTS[:1], photos=3, compared=1, has_figures=False),
        "monitor, nothing": o.Monitor(owner, o.Desk("tea", "Tea?")),
        "load": o.Load(owner, desk, tuple(owner_load.STAGES.items()), load(True)),
        "load, nothing": o.Load(owner, desk, tuple(owner_load.STAGES.items()), load(False)),
        "timeline": o.Timeline(
            owner,
            desk,
            (
                o.Moment(
                    NOW, "drift", release, "Visitors' photos are darker.", (o.Link("monitor", "/owner/monitor"),), "bad"
                ),
                o.Moment(NOW - DAY, "rollout", release, "answers everybody, by the loop: 14 won, 2 lost", (), "good"),
                o.Moment(NOW - DAY, "verdict", release, "is better. 14 won, 2 lost.", (version,), "good"),
                o.Moment(NOW - 2 * DAY, "erasure", o.Link("3 answers"), "erased that day, for good"),
                o.Moment(NOW - 2 * DAY, "run", o.Link("Run 0a1b2c", "/owner/trace/run/r"), HOSTILE, (version,)),
            ),
            "/owner/timeline?app=tea&before=1",
        ),
        "timeline, nothing": o.Timeline(owner, desk),
        "trace": o.Trace(
            owner,
            desk,
            "prediction",
            "green",
            NOW,
            (("answer", "green"), ("sure of it", "91 %"), ("id", DIGEST)),
            (release,),
            (o.Link("Row: Oolong", "/owner/trace/label/x", "trains"),),
            "/owner/media/1",
            o.Link("How good it is", "/owner/releases/x"),
        ),
        "trace, a commit": o.Trace(owner, desk, "commit", "Commit 4f1c22ab"),
        "card": p.ModelCard(
            house,
            "tea",
            "Green tea or oolong?",
            7,
            "Show it a cup from above",
            "Trained on rendered pictures",
            NOW,
            ("green", "oolong"),
            ("It learned from 2,960 photos.", "160 of them are from visitors who allowed it."),
            p.Accuracy(0.88, 0.82, 0.92, 164, "visitors", 0.8),
            weak=("“Oolong”: right about 80 times in 100",),
            unlike=True,
        ),
        "card, of pictures": p.ModelCard(house, "toon", HOSTILE, 2, HOSTILE, preferred="18 of 24 liked it better."),
        "card, little known": p.ModelCard(
            house, "tea", "Tea?", 1, accuracy=p.Accuracy(0.8, 0.5, 0.94, 12), few=True, answers=("a", "b", "c")
        ),
    }
