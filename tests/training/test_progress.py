"""Progress: lines as they come, and a checkpoint that brings back the very same training."""

import json

import pytest

from teahouse.training.progress import Run, seed_all


def lines(folder):
    return [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]


def test_epochs_and_numbers_are_told_and_fast_numbers_are_averaged(tmp_path):
    run = Run(tmp_path, seed=1)
    for _ in run.epochs(2):
        for step in range(5):
            run.log(loss=float(step))
    told = lines(tmp_path)
    assert [line["name"] for line in told if line["name"] != "log"] == ["epoch", "epoch-done"] * 2
    losses = [line["numbers"]["loss"] for line in told if line["name"] == "log"]
    assert losses[:2] == [0.0, 2.5]
    assert told[0]["numbers"] == {"epoch": 1, "of": 2}


def test_a_picture_is_kept_beside_the_numbers_under_a_safe_name(tmp_path):
    import numpy

    Run(tmp_path, seed=1).picture("../../A cup, so to say", numpy.ones((3, 8, 8), dtype="float32"))
    (line,) = lines(tmp_path)
    assert line["numbers"]["file"] == "0001-a-cup-so-to-say.png"
    assert (tmp_path / "pictures" / line["numbers"]["file"]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.torch
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_training_that_was_cut_off_ends_as_if_it_had_not_been(tmp_path, device):
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device here")

    def train(folder, until):
        folder.mkdir(exist_ok=True)
        seed_all(3)
        net = torch.nn.Linear(4, 2).to(device)
        optimizer = torch.optim.Adam(net.parameters(), 0.1)
        run = Run(folder, seed=3)
        run.keep(net, optimizer)
        for epoch in run.epochs(6):
            if epoch == until:
                return net  # as if killed here
            loss = (net(torch.rand(8, 4, device=device)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return net

    whole = train(tmp_path / "whole", None)
    train(tmp_path / "cut", 3)
    resumed = train(tmp_path / "cut", None)
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), resumed.parameters(), strict=True))
    assert [line["numbers"] for line in lines(tmp_path / "cut") if line["name"] == "resumed"] == [{"epoch": 3}]


@pytest.mark.torch
def test_a_torn_checkpoint_is_no_checkpoint(tmp_path):
    torch = pytest.importorskip("torch")
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep" / "keep.safetensors").write_bytes(b"torn")
    run = Run(tmp_path, seed=1)
    run.keep(torch.nn.Linear(2, 2))
    assert run.epoch == 0


def test_a_loss_that_is_no_number_is_told_in_words_once_and_the_lines_stay_json(tmp_path):
    run = Run(tmp_path, seed=1)
    for _ in run.epochs(2):
        run.log(loss=float("nan"))
        run.log(loss=float("inf"))
    told = [
        json.loads(line, parse_constant=pytest.fail) for line in (tmp_path / "progress.jsonl").read_text().splitlines()
    ]
    assert [line["numbers"]["loss"] for line in told if line["name"] == "log"][0] is None
    (words,) = [line["numbers"]["words"] for line in told if line["name"] == "warning"]
    assert words.startswith('"loss" is no number any more in epoch 1')
