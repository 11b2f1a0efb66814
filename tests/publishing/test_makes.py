"""Models of every make become a release that answers as they do."""

import numpy
import pytest

import teahouse
from teahouse import Image, Labels, Seed
from teahouse.errors import DeclarationError
from teahouse.testing import photo

torch = pytest.importorskip("torch")
from tests.publishing import eight, makers  # noqa: E402

from teahouse.publishing import nets  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.long]
WORDS = makers.WORDS


@pytest.mark.parametrize("name", eight.MODELS)
def test_each_of_eight_makes_is_exported_equal_and_playable(name, files, away):
    if name.startswith("scikit"):
        pytest.importorskip("skl2onnx", reason="the [sklearn] extra is not here")
    publish, ready = eight.MODELS[name]
    published = publish(ready(), files)
    assert eight.lines(publish) <= 10
    assert published.differences == ()
    answers = away(published)
    assert answers.manifest.parity["max_abs"] <= 1e-3
    answers.try_examples()
    given, _ = answers.examples()[0]
    answer = answers.answer(given)
    assert answer.parts or answer.output


def test_a_net_of_any_size_answers_pictures_of_any_shape(files, away):
    answers = away(eight.unet(makers.UNet().eval(), files))
    for sides in ((64, 96), (200, 40)):
        made = answers.answer({"input": makers_file(sides)}).parts[0]
        assert (made.width, made.height) == sides


@pytest.mark.parametrize("wrap", [torch.nn.DataParallel, torch.compile])
def test_a_net_in_a_wrapper_is_published_in_its_own_mode(wrap, away):
    net = makers.Cnn().eval()
    published = teahouse.publish(wrap(net), input=Image(32), output=Labels(*WORDS), title="Wrapped")
    assert nets.IN_TRAINING not in published.notes
    assert away(published).answer({"input": photo()}).output["label"] in WORDS


def makers_file(sides):
    import io

    out = io.BytesIO()
    makers.photo(0, 5, sides).save(out, "PNG")
    return out.getvalue()


def test_an_onnx_file_of_an_old_opset_and_one_row_takes_many(away, tmp_path):
    conv = torch.nn.Conv2d(3, 3, 3, 2, 1)
    (tmp_path / "net.onnx").write_bytes(makers.onnx_bytes(conv))
    picture = makers.cropped(makers.photo(1, 7), 32)
    with torch.no_grad():
        said = torch.relu(conv(torch.from_numpy(picture)[None] * 2 - 1)).mean((2, 3))
    half = ((0.5,) * 3, (0.5,) * 3)
    published = teahouse.publish(
        "net.onnx", input=Image(32, normalize=half), output=Labels(*WORDS), title="A file",
        examples=[(makers.photo(1, 7), said)],
    )  # fmt: skip
    assert published.differences == ()
    session = away(published).session
    assert session.predict({"input": numpy.zeros((5, 3, 32, 32), numpy.float32)}).shape == (5, 3)


def test_a_net_of_grey_pictures_is_given_grey_ones(away):
    net = makers.learnt(makers.Cnn(channels=1), steps=2, changed=lambda x: x.mean(1, keepdim=True))
    published = teahouse.publish(net, input=Image(32), output=Labels(*WORDS), title="Grey")
    assert any("grey" in note for note in published.notes)
    assert away(published).answer({"input": photo()}).output["label"] in WORDS


class Shares(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = makers.Cnn(width)

    def forward(self, x):
        return self.net(x).softmax(1) if self.net.head.out_features > 1 else torch.sigmoid(self.net(x))


@pytest.mark.parametrize(("width", "words"), [(3, WORDS), (1, ("cold", "warm"))])
def test_shares_that_a_net_gives_are_shown_as_they_are(width, words, away, files):
    torch.manual_seed(1)
    net = Shares(width).eval()
    said = net(eight.small(files[0]))[0].tolist()
    published = teahouse.publish(
        net, input=Image(32), output=Labels(*words), title="Shares", examples=[(files[0], said)]
    )
    assert published.differences == ()
    scores = away(published).answer({"input": files[0].read_bytes()}).output["scores"]
    assert scores[words[-1]] == pytest.approx(said[-1], abs=0.02)


def test_the_makers_net_stays_as_it_is(away):
    net = makers.Cnn().train()
    net.body[1].eval()
    teahouse.publish(net, input=Image(32), output=Labels(*WORDS), title="Still training")
    assert net.training and not net.body[1].training and net.body[4].training


def test_a_gans_pictures_differ_by_seed_and_are_the_same_again(away):
    answers = away(teahouse.publish(makers.Generator().eval(), input=Seed(16), output=Image(), title="Dreams"))
    one, again, other = (answers.answer({"input": seed}).parts[0].data for seed in (1, 1, 2))
    assert one == again != other


def test_weights_keep_the_names_that_the_maker_gave_them(away):
    from safetensors.numpy import load_file

    net = makers.Cnn()
    answers = away(teahouse.publish(net, input=Image(32), output=Labels(*WORDS), title="Names"))
    assert set(load_file(answers.folder / "weights.safetensors")) == set(net.state_dict())


@pytest.mark.parametrize(
    ("model", "words"),
    [({"weight": 1}, "load_state_dict"), ("net.pth", "never opened"), (len, "forward"), ("gone.onnx", "no file")],
)
def test_what_can_not_be_published_is_told_with_what_can(model, words, away):
    with pytest.raises(DeclarationError, match=words):
        teahouse.publish(model, input=Image(32), output=Labels(*WORDS), title="No")


def test_a_wrong_word_is_answered_with_the_likely_one():
    with pytest.raises(DeclarationError, match='Did you mean "examples"'):
        teahouse.publish(None, input=Image(32), output=Labels(*WORDS), title="No", exampels=[])
    with pytest.raises(DeclarationError, match="title=…"):
        teahouse.publish(None, input=Image(32), output=Labels(*WORDS))
