"""The default fine-tune that `new --from-folder` writes: it learns, goes on, and takes given weights."""

import importlib.util
import math
from importlib.resources import files
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.torch


@pytest.fixture
def tune(tmp_path):
    """The written train.py, loaded from a folder of its own."""
    import torch

    torch.set_num_threads(1)  # small nets on a busy machine: more threads only wait for each other
    home = tmp_path / "train.py"
    home.write_text((files("teahouse.desk") / "skeleton" / "folder" / "train.py").read_text("utf-8"))
    spec = importlib.util.spec_from_file_location("written_train", home)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.EPOCHS = {"scratch": 12, "weights": 2, "again": 2}
    return module


class Photos:
    """Two labels that differ by colour; batches as a training gets them."""

    def __init__(self, count: int = 48, side: int = 48):
        import torch

        made = torch.Generator().manual_seed(1)
        self.labels = torch.arange(count) % 2
        self.photos = torch.rand(count, 3, side, side, generator=made) * 0.4
        self.photos[self.labels == 0, 0] += 0.5
        self.photos[self.labels == 1, 2] += 0.5
        self.rows = list(range(count))

    def batches(self, size: int, new: float = 0.5):
        for start in range(0, len(self.rows), size):
            yield self.photos[start : start + size], self.labels[start : start + size]


class Told:
    """Stands in for `run`."""

    previous = None

    def __init__(self):
        self.numbers = []

    def epochs(self, count):
        yield from range(count)

    def log(self, **numbers):
        self.numbers.append(numbers)


def right(net, photos) -> float:
    import torch

    with torch.no_grad():
        return (net(photos.photos).argmax(1) == photos.labels).float().mean().item()


def test_it_learns_from_nothing_and_tells_its_progress(tune):
    import torch

    torch.manual_seed(0)
    photos, run = Photos(), Told()
    net = tune.fine_tune(SimpleNamespace(train=photos, validation=Photos(20)), run, labels=2)
    assert right(net, photos) > 0.9
    assert all(math.isfinite(numbers["loss"]) for numbers in run.numbers) and "accuracy" in run.numbers[-1]


def test_a_retrain_goes_on_from_the_champion(tune):
    import torch

    torch.manual_seed(0)
    champion = tune.ResNet(2).state_dict()
    run = Told()
    run.previous = {name: value.clone() for name, value in champion.items()}
    net, start = tune.begin(2, run.previous)
    assert start == "again"
    assert all(torch.equal(value, champion[name]) for name, value in net.state_dict().items())


def test_weights_of_a_resnet_18_fit_by_name(tune, tmp_path):
    from safetensors.torch import save_file

    big = tune.ResNet(1000, widths=(64, 128, 256, 512), depths=(2, 2, 2, 2))
    save_file({name: value.contiguous() for name, value in big.state_dict().items()}, tmp_path / "weights.safetensors")
    net, start = tune.begin(3, None)
    assert start == "weights" and net.fc.out_features == 3
    assert (net.layer4[1].conv2.weight == big.layer4[1].conv2.weight).all()


def test_weights_of_another_net_are_refused_by_name(tune, tmp_path):
    from safetensors.torch import save_file

    state = {name: value.contiguous() for name, value in tune.ResNet(2).state_dict().items()}
    save_file({**state, "layer1.0.conv3.weight": state["conv1.weight"].clone()}, tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=r"layer1\.0\.conv3"):
        tune.begin(2, None)
