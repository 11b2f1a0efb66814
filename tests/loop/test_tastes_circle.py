"""The circle of pictures: visitors love some, a training learns which, its pool is liked better, it takes over."""

import pytest

from teahouse import datasets
from teahouse.site.pool import Rules
from teahouse.store import jobs, lineage, releases, rollouts
from teahouse.testing import NAMES, colour_of, whole_house

from .guests import asked, carry_out, compare, guest, pooled, say, settle

pytestmark = [pytest.mark.torch, pytest.mark.timeout(400)]

RULES = Rules(keep=24, make=4, first=24)
APP = NAMES["seed"]
APP_PY = """
from teahouse import App, Image, Seed

app = App(title="This colour does not exist", input=Seed(8), output=Image(size=32))


@app.train
def train(data, run):
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.taste = torch.nn.Linear(3, 1)
            torch.nn.init.zeros_(self.taste.weight)

        def forward(self, seeds):
            colour = torch.sigmoid(seeds[:, :3])
            ramp = torch.linspace(0.5, 1, 32)
            pictures = colour[:, :, None, None] * ramp * ramp.flip(0)[:, None]
            return pictures, self.taste(colour - 0.5)[:, 0]

    net = Net()
    if run.previous:
        net.load_state_dict(run.previous)
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    for epoch in run.epochs(30):
        for seeds, loved in data.train.batches(32):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(net(seeds)[1], loved)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss.item())
    return net
"""


@pytest.fixture
def site(tmp_path):
    pytest.importorskip("torch")
    app = tmp_path / "apps" / APP
    app.mkdir(parents=True)
    (app / "app.py").write_text(APP_PY, "utf-8")
    with whole_house(tmp_path, kind="seed") as site:
        site.deps.settings.loop.canary_share = 0.0  # choices alone are looked at here
        settle(site, RULES)
        yield site


def redness(seed):
    """What these visitors love, without telling anybody."""
    from PIL import Image as Pillow

    from teahouse.spec.media import open_image

    red, green, blue = open_image(colour_of(seed).data).resize((1, 1), Pillow.Resampling.BOX).getpixel((0, 0))
    return red - (green + blue) / 2


def shown(site):
    """How red the pictures are that the site shows."""
    seen = {one["seed"] for _ in range(12) for one in pooled(site)}
    return sum(map(redness, seen)) / len(seen)


def round_of(site, start):
    """Visitors rate what they see, the loop trains, others compare; the verdict, and the champion's number."""
    for number in range(start, start + 30):
        client = guest(site, number)
        for one in pooled(site)[:3]:
            say(client, one["id"], "rate", "love" if redness(one["seed"]) > 0 else "meh")
        if found := asked(site, "retrain"):
            break
    done = carry_out(site, found[0])
    assert (done.state, done.detail.get("beside")) == ("done", True), done.detail
    settle(site, RULES)
    for number in range(start + 100, start + 160):
        compare(site, guest(site, number), lambda second, first: redness(second["seed"]) > redness(first["seed"]))
        if found := asked(site, "judge"):
            done = carry_out(site, found[0])
        if done.detail["outcome"] != "hold":
            break
    settle(site, RULES)
    with site.house.db.read() as c:
        return done.detail["outcome"], releases.number(c, rollouts.champion(c, APP).release)


def test_what_visitors_love_is_shown_more_after_each_of_two_rounds(site):
    before = shown(site)
    assert round_of(site, 0) == ("promote", 2)
    once = shown(site)
    assert once > before + 10
    round_of(site, 1000)  # whatever it finds: it may find nothing better any more
    assert shown(site) > before + 10
    with site.house.db.read() as c:
        new, old = lineage.versions(c, APP)
        run = lineage.run(c, releases.get(c, lineage.verdicts(c, APP)[0].candidate).run)
        assert not jobs.unfinished(c)
    assert new.parent == old.id and run.version == new.id
    assert old.counts["words"] >= 50 and new.counts["words"] >= 100
    assert new.counts["words_until"] > old.counts["words_until"] >= 50
    truths = [row["truth"] for row in datasets.rows_of(site.house, new)]
    assert all(set(truth) == {"loved", "of"} and truth["loved"] <= truth["of"] for truth in truths)
