"""Where the page answers otherwise than the maker's own code it says why."""

from pathlib import Path

import pytest

import teahouse
from teahouse import Image, Labels
from teahouse.errors import DeclarationError
from teahouse.publishing import suspects
from teahouse.publishing.examples import HOW, said_of

torch = pytest.importorskip("torch")
from tests.publishing import eight, makers, mistakes  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.long]


@pytest.mark.parametrize("name", mistakes.MISTAKES)
def test_each_of_five_mistakes_is_noticed_and_named(name, files, away):
    plant, words = mistakes.MISTAKES[name]
    found = plant(files)
    assert found and {words in one.cause for one in found} == {True}, [one.cause for one in found]
    others = [word for other, (_, word) in mistakes.MISTAKES.items() if other != name and word in found[0].cause]
    assert others == [] and found[0].fix


def test_without_a_mistake_nothing_is_said(files, away):
    assert mistakes.published(eight.small, files=files) == ()
    assert mistakes.compared(eight.small, said=mistakes.named, files=files) == ()


def test_two_mistakes_at_once_are_both_named(files, away):
    found = mistakes.compared(lambda file: eight.small(file).flip(1) * 255, files=files)
    assert "BGR" in found[0].cause and "0..255" in found[0].cause


def test_what_no_mistake_explains_is_told_as_that(files, away):
    found = mistakes.compared(lambda file: torch.randn(1, 3, 32, 32) * 3, files=files)
    assert "none of the usual mistakes" in found[0].cause and "net.eval()" in found[0].fix


def test_another_size_is_named_where_that_is_what_explains_it(files, away):
    def look(file):
        return torch.from_numpy(makers.cropped(makers.Pillow.open(file), 64))[None]

    net = Fine()
    found = published(net, [(file, net(look(file))) for file in files])
    assert found and "pictures of size 64" in found[0].cause and found[0].fix == "Write Image(64, …)."


def test_the_middle_of_a_larger_picture_is_named_and_with_resize_it_is_the_same(files, away):
    def look(file):
        return torch.from_numpy(makers.cropped(makers.Pillow.open(file), 37)[:, 2:34, 2:34])[None]

    net = Fine()
    examples = [(file, net(look(file))) for file in files]
    found = published(net, examples)
    assert found and "the middle of a larger picture" in found[0].cause and "resize=256" in found[0].fix
    assert published(net, examples, resize=37) == ()


def test_files_that_were_not_made_smaller_are_named(files, away):
    net = Fine()
    found = published(net, [(file, net(eight.opened(file))) for file in files])
    assert found and "in their own size" in found[0].cause and 'fit="keep"' in found[0].fix


def test_the_size_is_no_suspect_where_no_other_one_explains_it(files, away):
    net = Fine()
    found = published(net, [(file, net(torch.randn(1, 3, 32, 32) * 3)) for file in files])
    assert "none of the usual mistakes" in found[0].cause and "size" not in found[0].cause + found[0].fix


class Fine(makers.nn.Module):
    """Takes any size, and sees how much happens from pixel to pixel: less where a picture has more of them."""

    def __init__(self):
        super().__init__()
        self.head = makers.nn.Linear(3, 3)
        self.eval()

    def forward(self, x):
        return self.head(40 * (x[..., 1:] - x[..., :-1]).abs().mean((2, 3)))


class Dropping(makers.Cnn):
    """A classifier that drops half of what it sees, where it is left in training mode."""

    def forward(self, x):
        return self.head(torch.nn.functional.dropout(self.body(x).mean((2, 3)), 0.5, self.training)) * 3


@pytest.mark.parametrize("make", [makers.Cnn, Dropping], ids=["batch norm", "dropout"])
def test_a_net_that_was_left_in_training_mode_is_named_as_that(make, files, away):
    net = makers.learnt(make()).train()
    app = teahouse.publish(
        net, input=Image(32), output=Labels(*makers.WORDS), title="Left in training",
        examples=[(file, net(eight.small(file)).detach()) for file in files],
    )  # fmt: skip
    assert app.differences and {one.cause for one in app.differences} == {app.differences[0].cause}
    assert "net.training is True" in app.differences[0].cause and "net.eval()" in app.differences[0].fix
    assert any("was in training mode" in note for note in app.notes) and net.training


def test_another_mistake_is_named_though_the_net_was_in_training_mode(files, away):
    net = makers.learnt(makers.Cnn()).eval()
    examples = [(file, net(eight.small(file) * 255).detach()) for file in files]
    assert "0..255" in published(net.train(), examples)[0].cause


def published(net, examples, **more):
    return teahouse.publish(
        net, input=Image(32, **more), output=Labels(*makers.WORDS), title="Planted", examples=examples
    ).differences


class Redness(makers.nn.Module):
    """Surely amber where a picture is red, surely moss where it is not: with BGR it would say the other one."""

    def __init__(self):
        super().__init__()
        self.scale = makers.nn.Parameter(torch.tensor(20.0))
        self.eval()

    def forward(self, x):
        red = (x[:, 0] - x[:, 2]).mean((1, 2)) * self.scale
        return torch.stack([red, -red], 1)


@pytest.fixture
def plain(tmp_path):
    """Three photos of one colour: red, blue, orange."""
    colours = {"red": (255, 0, 0), "blue": (0, 0, 255), "orange": (230, 60, 40)}
    for name, colour in colours.items():
        makers.Pillow.new("RGB", (200, 160), colour).save(tmp_path / f"{name}.png")
    return {name: tmp_path / f"{name}.png" for name in colours}


def of_two(net, examples, **field):
    return teahouse.publish(
        net, input=Image(32, **field), output=Labels("amber", "moss"), title="Two", examples=examples
    ).differences


def simply_wrong(one, here, yours):
    said = f'your net says "{here}" here; you say "{yours}": it may be wrong on this photo'
    return (one.told, one.cause, one.fix) == (True, said, "")


def test_a_net_that_is_wrong_on_a_word_is_told_that_and_no_more(plain, away):
    net = Redness()
    (one,) = of_two(net, [(plain["red"], "moss")])
    assert simply_wrong(one, "amber", "moss"), one
    examples = [(plain["red"], net(eight.small(plain["red"]))), (plain["blue"], "moss"), (plain["orange"], "moss")]
    (one,) = of_two(net, examples)
    assert one.example == "orange.png" and simply_wrong(one, "amber", "moss"), one
    found = of_two(net, [(plain["red"], "moss"), (plain["blue"], "moss")])
    assert [simply_wrong(one, "amber", "moss") for one in found] == [True], found


def test_the_number_of_a_class_is_a_word_and_a_plain_number_is_one(plain, away):
    (one,) = of_two(Redness(), [(plain["red"], 1)])
    assert simply_wrong(one, "amber", "moss"), one
    net = makers.nn.Sequential(makers.Cnn(1), makers.nn.Sigmoid())
    (one,) = teahouse.publish(
        net, input=Image(32), output=teahouse.Number(0, 1), title="One", examples=[(plain["red"], 0.99)]
    ).differences  # fmt: skip
    assert one.told and "your net says 0." in one.cause and "you say 0.99" in one.cause and one.fix == ""


def test_what_explains_a_nets_own_answers_is_told_of_words_that_it_mends(plain, away):
    net = Redness()
    found = of_two(net, [(plain["red"], net(eight.small(plain["red"]).flip(1))), (plain["blue"], "amber")])
    assert len(found) == 2 and all("BGR" in one.cause and not one.told for one in found), found


def test_answers_that_agree_as_they_are_rule_a_cause_out(plain, away):
    net = Redness()
    found = of_two(net, [
        (plain["red"], net(eight.small(plain["red"]).flip(1))), (plain["blue"], net(eight.small(plain["blue"]))),
    ])  # fmt: skip
    assert len(found) == 1 and "BGR" not in found[0].cause and "1 more agree" in found[0].cause, found
    assert "this very file" in found[0].fix


MAYBE = "your net may be wrong on these photos, or "


def test_another_order_of_labels_is_a_guess_where_words_alone_say_it(files, plain, away):
    found = mistakes.compared(eight.small, words=("moss", "slate", "amber"), said=mistakes.named, files=files)
    assert len(found) == len(files) and all(one.told and one.cause.startswith(MAYBE) for one in found)
    assert {one.fix.partition(" (")[0] for one in found} == {'If it is that: Write Labels("amber", "moss", "slate")'}
    unsure = Redness()
    with torch.no_grad():
        unsure.scale.fill_(0.01)  # as an untrained net, that is wrong on both and sure of neither
    found = of_two(unsure, [(plain["red"], "moss"), (plain["blue"], "amber")])
    assert simply_wrong(found[0], "amber", "moss") and simply_wrong(found[1], "moss", "amber"), found


def test_several_words_that_one_change_mends_are_told_as_a_guess(files, away):
    found = mistakes.compared(lambda file: eight.small(file).flip(1), said=mistakes.named, files=files)
    assert len(found) >= suspects.WORDS and all(one.told and one.cause.startswith(MAYBE) for one in found), found
    assert "BGR" in found[0].cause and found[0].fix.startswith("If it is that: Publish")
    found = mistakes.compared(lambda file: eight.small(file).flip(1), said=mistakes.named, files=files[:3])
    assert found and all("it may be wrong on this photo" in one.cause for one in found)


def test_one_word_is_no_order_of_labels(plain, away):
    net = Redness()
    (one,) = teahouse.publish(
        net, input=Image(32), output=Labels("moss", "amber"), title="Two",
        examples=[(plain["red"], "amber")],
    ).differences  # fmt: skip
    assert simply_wrong(one, "moss", "amber")


@pytest.mark.parametrize("seed", range(4))
def test_training_mode_is_told_first_and_alone_of_a_net_with_two_labels(seed, plain, away):
    torch.manual_seed(seed)
    net = makers.Cnn(2)
    both = torch.cat([eight.small(plain["red"]), eight.small(plain["blue"])])
    with torch.no_grad():
        net.head.weight.mul_(4)
    found = of_two(net.train(), [(plain["red"], net(both)[:1].detach())])
    assert found and {(one.cause, one.fix) for one in found} == {suspects.TRAINING}, found


def test_a_phone_photo_that_was_not_turned_is_named(tmp_path, away):
    picture, exif = makers.photo(0, 9), None
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "phone.jpg", exif=exif)
    found = mistakes.compared(eight.small, files=[tmp_path / "phone.jpg"])
    assert found == () or "upright" in found[0].cause


def test_the_fix_that_is_told_mends_it(files, away):
    half = ((0.5,) * 3, (0.5,) * 3)

    def look(file):
        return eight.small(file) * 2 - 1

    told = mistakes.published(look, files=files)
    assert "normalize=((.5, .5, .5), (.5, .5, .5))" in told[0].fix
    assert mistakes.published(look, files=files, normalize=half) == ()


def test_pictures_are_compared_too(files, away):
    net = makers.UNet().eval()
    found = teahouse.publish(
        net, input=Image(256, fit="keep"), output=Image(), title="Pictures",
        examples=[(files[0], net(eight.opened(files[0])) * 0.5)],
    ).differences  # fmt: skip
    assert len(found) == 1 and found[0].apart > 0.03


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("cat", "cat"), (3, 3), ({"label": "cat"}, "cat"), ({"cat": 0.9, "dog": 0.1}, {"cat": 0.9, "dog": 0.1}),
        ([{"label": "cat", "score": 0.75}, {"label": "dog", "score": 0.25}], {"cat": 0.75, "dog": 0.25}),
        (torch.tensor([2]), 2), (makers.Returned(torch.zeros(1, 4)).logits.shape, None),
    ][:-1],
)  # fmt: skip
def test_what_a_maker_says_is_read_in_whatever_form_it_comes(given, said):
    assert said_of(given) == said


def test_an_answer_that_comes_as_a_batch_of_one_is_taken_as_it_is(plain, away):
    net = Redness()
    batch = net(eight.small(plain["red"]))
    assert batch.shape == (1, 2) and of_two(net, [(plain["red"], batch)]) == ()
    assert of_two(net, [(plain["red"], batch[0])]) == ()


def test_guides_write_a_batch_of_one_and_install_this_checkout():
    root = Path(__file__).parents[2]
    guides = [(root / name).read_text("utf-8") for name in ("README.md", "docs/publish.md", "docs/learn/1-publish.md")]
    assert all("pip install 'PATH/TO/THIS/CHECKOUT[train]' notebook" in text for text in guides)
    assert all("pip install 'teahouse[" not in text for text in guides)
    for text in (guides[0], guides[1], teahouse.publish.__doc__, HOW):
        assert "net(transform(photo)[None])" in text and "net(transform(photo))" not in text


def test_a_file_that_is_not_there_is_told_with_the_folder(away, tmp_path):
    with pytest.raises(DeclarationError) as told:
        teahouse.publish(makers.Cnn(), input=Image(32), output=Labels(*makers.WORDS), title="x", examples=["no.jpg"])
    assert told.value.why == f"There is no such file in {tmp_path}." and "[None]" in told.value.do_next


def test_weights_are_told_with_the_right_article(away):
    with pytest.raises(DeclarationError, match="An OrderedDict can not be published"):
        teahouse.publish(makers.Cnn().state_dict(), input=Image(32), output=Labels(*makers.WORDS), title="x")


def test_arrays_lose_the_batch_they_came_in():
    assert said_of(makers.Returned(torch.zeros(1, 4, requires_grad=True))).shape == (4,)
    assert said_of(torch.zeros(1, 3, 5, 6)).shape == (3, 5, 6)


@pytest.mark.parametrize(
    ("examples", "words"),
    [
        ([("gone.jpg", "amber")], "gone.jpg"), ([({"picture": "x"}, "amber")], "no input"), ("a.jpg", "list of pairs"),
        ([(makers.photo(0, 1), "tea")], "none of"), ([(makers.photo(0, 1), [0.1, 0.2])], "2 numbers for 3 labels"),
    ],
)  # fmt: skip
def test_an_example_that_can_not_be_used_is_told_by_name(examples, words, away):
    with pytest.raises(DeclarationError, match=words):
        teahouse.publish(makers.Cnn(), input=Image(32), output=Labels(*makers.WORDS), title="x", examples=examples)
