"""A net that lives on a GPU, as after a training there, is published as it stands; and it stays there."""

import pytest

import teahouse
from teahouse import Image, Labels
from teahouse.errors import TeahouseError

torch = pytest.importorskip("torch")
from tests import cuda  # noqa: E402
from tests.publishing import eight, makers  # noqa: E402

from teahouse.publishing import nets  # noqa: E402

pytestmark = cuda.MARKS
WRAPPED = {
    "as it is": lambda net: net,
    "in half precision": lambda net: net.half(),
    "compiled": torch.compile,
    "for several GPUs": torch.nn.DataParallel,
}


def there(net, file):
    """A file as the maker's own loop gives it to a net on the GPU."""
    one = next(net.parameters())
    return eight.small(file).to(one.device, one.dtype)


@pytest.mark.parametrize("how", WRAPPED)
def test_a_classifier_on_the_gpu_is_published_as_it_stands(how, files, away):
    net = WRAPPED[how](makers.learnt(makers.Cnn()).cuda().eval())
    published = teahouse.publish(
        net,
        input=Image(32),
        output=Labels(*makers.WORDS),
        title="On a GPU",
        examples=[(file, net(there(net, file))) for file in files],
    )
    assert published.differences == () and nets.IN_TRAINING not in published.notes
    answers = away(published)
    answers.try_examples()
    assert {one.device.type for one in net.parameters()} == {"cuda"}, "theirs stays where it is"


@pytest.mark.parametrize("make", [makers.UNet, makers.Style])
def test_a_net_from_picture_to_picture_on_the_gpu_answers_on_a_cpu(make, files, away):
    net, scale = make().cuda().eval(), 255 if make is makers.Style else 1
    published = teahouse.publish(
        net,
        input=Image(256, fit="keep", normalize=eight.BYTES) if scale == 255 else Image(256, fit="keep"),
        output=Image(),
        title="On a GPU",
        examples=[(file, net(eight.opened(file).cuda() * scale)) for file in files],
    )
    assert published.differences == ()
    away(published).try_examples()


class Pinned(makers.Cnn):
    """A net that names the device in its forward, which runs nowhere else."""

    def forward(self, x):
        return super().forward(x) + torch.zeros(3, device="cuda")


def test_a_net_that_names_its_gpu_is_told_how_not_to(files, away):
    net = makers.learnt(makers.Cnn()).cuda().eval()
    pinned = Pinned().cuda().eval()
    pinned.load_state_dict(net.state_dict())
    with pytest.raises(TeahouseError) as told:
        teahouse.publish(pinned, input=Image(32), output=Labels(*makers.WORDS), title="Pinned")
    assert "device=x.device" in told.value.do_next, (told.value.what, told.value.why, told.value.do_next)
