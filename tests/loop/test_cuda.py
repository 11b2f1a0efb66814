"""A train function that moves its net to the GPU, as makers do: the circle does not mind."""

from tests import cuda

from teahouse.store import lineage, rollouts

from . import circle
from .test_circle import carry_out

pytestmark = cuda.MARKS
MOVED = {
    "net = Net()": "net = Net().cuda()",
    "net(photos), labels": "net(photos.cuda()), labels.cuda()",
    'run.picture("first photo", photos[0])': 'run.picture("first photo", photos.cuda()[0])',
}


def test_what_was_trained_on_a_gpu_is_judged_and_served_like_any_other(tmp_path):
    house, loaded = circle.open_project(circle.project(tmp_path))
    code = tmp_path / "apps" / circle.APP / "app.py"
    for theirs, there in MOVED.items():
        assert theirs in code.read_text()
        code.write_text(code.read_text().replace(theirs, there))
    for outcomes in ({"done"}, {"done", "refused"}):  # the second begins with the champion's weights
        trained = carry_out(house, loaded, "retrain")
        assert trained.state in outcomes, trained.detail
    with house.db.read() as c:
        first = rollouts.champion(c, circle.APP).release
        assert lineage.verdict_on(c, first).numbers["report"]["accuracy"]["value"] > 0.9
    house.close()
