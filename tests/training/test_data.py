"""Data: batches are tensors, visitors' rows come in their share, and a seed repeats them."""

import json
from collections import Counter

import numpy
import pytest

from teahouse import Choice, Image, Number, Seed, ids
from teahouse.errors import TrainingFailed
from teahouse.testing import photo, tiny_app
from teahouse.training.data import TrainingData, piece


@pytest.fixture
def lay_out(tmp_path):
    def make(maker, visitors=0, validation=0):
        (tmp_path / "photos").mkdir(exist_ok=True)
        lines = []
        for number in range(maker + visitors + validation):
            data = photo("warm" if number % 2 else "cold", seed=number)
            (tmp_path / "photos" / ids.sha256(data)).write_bytes(data)
            source = "visitor" if maker <= number < maker + visitors else "maker"
            split = "validation" if number >= maker + visitors else "train"
            truth = {"label": "warm" if number % 2 else "cold"}
            row = {"row": f"r{number}", "inputs": {"input": {"blob": ids.sha256(data)}}, "truth": truth}
            lines.append(json.dumps({**row, "split": split, "source": source}))
        (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
        app = tiny_app()
        return TrainingData(tmp_path, app.fields, app.output, seed=7)

    return make


def sources(side, n, **how):
    """The source of each row of each batch."""
    served = []
    side._pantry.serve = lambda rows: served.append([row.source for row in rows])
    list(side.batches(n, **how))
    return served


def test_a_batch_has_photos_as_floats_and_labels_as_numbers(lay_out):
    data = lay_out(10)
    photos, labels = next(iter(data.train.batches(4)))
    photos, labels = numpy.asarray(photos), numpy.asarray(labels)
    assert (photos.shape, photos.dtype, labels.dtype) == ((4, 3, 16, 16), numpy.float32, numpy.int64)
    assert 0 <= photos.min() and photos.max() <= 1
    warm = photos[:, 0].mean((1, 2)) > photos[:, 2].mean((1, 2))
    assert (warm == (labels == 0)).all()


def test_a_declared_normalisation_reaches_the_net_as_it_will_in_the_release(lay_out):
    data = lay_out(10)
    plain = numpy.asarray(next(iter(data.train.batches(10)))[0])
    data.train.go_to(0)
    data.pantry._fields["input"] = Image(size=16, normalize=((0.5, 0.25, 0.1), (0.5, 1.0, 2.0)))
    photos = numpy.asarray(next(iter(data.train.batches(10)))[0])
    mean, std = (numpy.array(part, dtype=numpy.float32).reshape(3, 1, 1) for part in ((0.5, 0.25, 0.1), (0.5, 1, 2)))
    assert numpy.allclose(photos, (plain - mean) / std, atol=1e-6)
    assert 0 <= data.pantry.arrays(data.train.rows)["input"].min(), "what is compared and told familiar stays pixels"


def test_pixels_from_the_cache_are_those_that_were_decoded(lay_out):
    data = lay_out(6)
    first = data.pantry.arrays(data.train.rows)["input"]
    assert numpy.array_equal(first, data.pantry.arrays(data.train.rows)["input"])


def test_each_epoch_has_every_row_once_in_another_order_and_a_seed_repeats_it(lay_out):
    def order(data):
        served = []
        data.pantry.serve = lambda rows: served.extend(row.row for row in rows)
        list(data.train.batches(4))
        list(data.train.batches(4))
        return served

    one, two = order(lay_out(10)), order(lay_out(10))
    assert one == two
    assert sorted(one[:10]) == sorted(one[10:])
    assert one[:10] != one[10:]


def test_after_a_crash_the_next_epoch_is_the_one_that_would_have_come(lay_out):
    whole, later = lay_out(10), lay_out(10)
    served = {}
    for name, data in (("whole", whole), ("later", later)):
        served[name] = []
        data.pantry.serve = lambda rows, name=name: served[name].extend(row.row for row in rows)
    list(whole.train.batches(4))
    list(whole.train.batches(4))
    later.train.go_to(1)
    list(later.train.batches(4))
    assert served["later"] == served["whole"][10:]


def test_visitors_rows_are_half_of_every_batch(lay_out):
    served = sources(lay_out(40, visitors=10).train, 8)
    assert all(Counter(batch)["visitor"] == 4 for batch in served)
    assert sum(len(batch) for batch in served) == 80


def test_three_corrections_are_not_half_of_everything(lay_out):
    counted = Counter(source for batch in sources(lay_out(200, visitors=3).train, 16) for source in batch)
    assert counted == {"maker": 200, "visitor": 50}, "30 of the one label, 20 times the only one of the other"


def test_visitors_rows_come_in_the_makers_mix_of_labels_whatever_they_correct(lay_out, tmp_path):
    lay_out(40, visitors=20)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    for row in rows[40:58]:
        row["truth"] = {"label": "warm"}
    for row in rows[58:60]:
        row["truth"] = {"label": "cold"}
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    train = TrainingData(tmp_path, tiny_app().fields, tiny_app().output, seed=7).train
    served = []
    train._pantry.serve = lambda batch: served.extend(row for row in batch if row.is_new)
    list(train.batches(8))
    assert Counter(row.truth["label"] for row in served) == {"warm": 20, "cold": 20}
    assert {row.row for row in served} == {f"r{number}" for number in range(40, 60)}, "none is left out"


def test_a_share_of_nothing_new_takes_each_row_once(lay_out):
    counted = Counter(source for batch in sources(lay_out(20, visitors=4).train, 8, new=0) for source in batch)
    assert counted == {"maker": 20, "visitor": 4}


def test_validation_comes_in_order_and_a_photo_erased_meanwhile_is_left_out(lay_out, tmp_path):
    data = lay_out(4, validation=3)
    first = data.validation.rows[0]
    (tmp_path / "photos" / first.inputs["input"]["blob"]).unlink()
    served = []
    data.pantry.serve = lambda rows: served.extend(row.row for row in rows)
    list(data.validation.batches(2))
    assert served == ["r5", "r6"]


def test_a_batch_of_nothing_is_refused(lay_out):
    with pytest.raises(TrainingFailed):
        next(lay_out(4).train.batches(0))


def test_a_photo_erased_in_the_middle_of_an_epoch_is_left_out_from_then_on(lay_out, tmp_path):
    data = lay_out(9)
    served, serve = [], data.pantry.serve

    def noted(rows):
        served.extend(row.row for row in rows)
        return serve(rows)

    data.pantry.serve = noted
    batches = data.train.batches(3)
    next(batches)
    late = next(row for row in data.train.rows if row.row not in served)
    (tmp_path / "photos" / late.inputs["input"]["blob"]).unlink()
    assert sum(len(labels) for _, labels in batches) == 5
    assert late.row not in served and len(served) == 8


def test_a_photo_erased_while_a_batch_is_read_costs_its_row_alone(lay_out, tmp_path):
    data = lay_out(4)
    gone, has = data.train.rows[2], data.pantry.has
    looked = []
    (tmp_path / "photos" / gone.inputs["input"]["blob"]).rename(tmp_path / "elsewhere")
    data.pantry.has = lambda row: True if row is gone and not looked and not looked.append(row) else has(row)
    rows, arrays = data.pantry.reading(data.train.rows, data.pantry.arrays)
    assert [row.row for row in rows] == ["r0", "r1", "r3"] and len(arrays["input"]) == 3
    assert data.pantry.reading([gone], data.pantry.arrays) == ([], None)


@pytest.fixture
def painter(tmp_path):
    """The data of an app of photos that keep their shape, a strength and a style; truths as they are given."""

    def make(truths, sides=((64, 48), (48, 64), (40, 40))):
        (tmp_path / "photos").mkdir(exist_ok=True)
        lines = []
        for number, truth in enumerate(truths):
            data = png(*sides[number % len(sides)], number)
            (tmp_path / "photos" / ids.sha256(data)).write_bytes(data)
            row = {"row": f"r{number}", "inputs": {"photo": {"blob": ids.sha256(data)}}, "truth": truth}
            lines.append(json.dumps({**row, "split": "train", "source": "maker"}))
        (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
        fields = {
            "photo": Image(size=512, fit="keep", name="photo"),
            "strength": Number(0, 1, name="strength"),
            "style": Choice("sky", "wood", name="style"),
        }
        return TrainingData(tmp_path, fields, Image(name="output"), seed=7)

    return make


def png(width, height, seed):
    import io

    from PIL import Image as Pillow

    out = io.BytesIO()
    chance = numpy.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=numpy.uint8)
    Pillow.fromarray(chance).save(out, "PNG")
    return out.getvalue()


def test_photos_of_many_shapes_come_in_pieces_of_one(painter):
    data = painter([{}] * 6)
    ((inputs, targets),) = data.train.batches(6, crop=36)
    assert targets is None
    assert inputs["photo"].shape == (6, 3, 36, 36) and len(inputs["strength"]) == len(inputs["style"]) == 6
    again = next(iter(data.train.batches(6, crop=36)))[0]["photo"]
    assert not numpy.array_equal(numpy.asarray(inputs["photo"]), numpy.asarray(again)), "another piece each time"
    with pytest.raises(TrainingFailed, match="crop=128"):
        next(iter(data.train.batches(6)))
    assert sum(len(inputs["photo"]) for inputs, _ in data.train.batches(1)) == 6


def test_rows_group_by_shape(painter):
    data = painter([{}] * 6)
    groups = data.pantry.by_shape(data.train.rows)
    assert sorted(map(len, groups)) == [2, 2, 2]
    shapes = {data.pantry.arrays(group)["photo"].shape for group in groups}
    assert shapes == {(2, 3, 48, 64), (2, 3, 64, 48), (2, 3, 40, 40)}


def test_inputs_that_no_row_gives_differ_from_row_to_row_and_are_always_the_same(painter):
    data = painter([{}] * 6, sides=((40, 40),))
    one, two = data.pantry.arrays(data.train.rows), data.pantry.arrays(data.train.rows)
    assert len(set(one["strength"].tolist())) == 6 and set(one["style"].tolist()) == {0, 1}
    assert one["style"].dtype == numpy.int64 and one["strength"].dtype == numpy.float32
    assert (one["strength"] == two["strength"]).all()


def test_love_is_a_share_and_silence_is_no_number(painter):
    data = painter([{"rate": "love"}, {}, {"loved": 1, "of": 4}, None, {"rate": "meh"}, {"loved": 0, "of": 0}])
    targets = data.pantry.targets(data.train.rows)
    assert targets.dtype == numpy.float32
    assert targets.tolist()[0::2] == [1.0, 0.25, 0.0] and numpy.isnan(targets[1::2]).all()
    assert data.pantry.targets(data.train.rows[1:2]) is None


def test_seeds_with_words_are_rows(tmp_path):
    rows = [
        {"row": f"s{seed}", "inputs": {"input": seed}, "truth": {"loved": seed, "of": 4}, "split": "train"}
        for seed in range(4)
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps({**row, "source": "import"}) for row in rows) + "\n")
    data = TrainingData(tmp_path, {"input": Seed(6)}, Image(name="output"), seed=7)
    z, loved = data.train._pantry.serve(data.train.rows)
    assert numpy.allclose(numpy.asarray(z)[3], Seed(6).tensor(3)) and numpy.asarray(loved).tolist() == [
        0,
        0.25,
        0.5,
        0.75,
    ]


def test_no_rows_are_no_batches(tmp_path):
    (tmp_path / "rows.jsonl").write_text("")
    data = TrainingData(tmp_path, {"input": Seed(6)}, Image(name="output"), seed=7)
    assert list(data.train.batches(8)) == [] and len(data.train) == 0


def test_a_piece_larger_than_its_photo_is_mirrored_at_the_edges():
    photo = numpy.arange(2 * 3 * 4, dtype=numpy.float32).reshape(2, 3, 4)[:1].repeat(3, 0)
    made = piece(photo, 5, None)
    assert made.shape == (3, 5, 5)
    assert (made[:, 1:4, :4] == photo).all() and (made[:, 0] == made[:, 1]).all()
    with pytest.raises(TrainingFailed):
        piece(photo, 0, None)
