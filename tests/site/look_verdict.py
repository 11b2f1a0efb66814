"""The verdict's page filled with demo data."""

from teahouse.site import owner_page_shapes as o

NOW = 1_764_100_000_000
EXAMPLES = tuple(o.Example(f"/owner/media/{n}", "green", "oolong", "green") for n in range(7))
SHEETS = (
    o.Sheet("All", (("the photos that decide", 154, 0.877, 0.942, 1.9, 11.0),)),
    o.Sheet("By label", (("green", 80, 0.9, 0.95, -2.0, 11.5), ("oolong", 74, 0.85, 0.93, 0.4, 15.6))),
)


def told(owner, desk):
    """The page in each state that looks different."""
    way = ("8" * 64, 8, NOW)
    return {
        "verdict, better": o.VerdictPage(
            owner, desk, *way, "promote", "On 154 judged rows it puts 11 mistakes of the champion right.", 7,
            (o.Said("All checks pass.", "good"),), EXAMPLES, EXAMPLES[:1], 11, 1,
            o.Replayed(120, 9, EXAMPLES[:5]), SHEETS, ("The champion says 90 % and is right on 88 %.",), True,
        ),
        "verdict, held": o.VerdictPage(
            owner, desk, *way, "hold", "There are 20 judged rows and a verdict takes 60.", 7,
            (o.Said("You can put it on by hand all the same. At worst it is 3 points worse."),), can_promote=True,
            replayed=o.Replayed(12, 0),
        ),
        "verdict, first": o.VerdictPage(owner, desk, *way, "first", "The first release."),
    }  # fmt: skip
