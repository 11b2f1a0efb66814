"""What can not be exported is told in words: the operation, its place in the net, and what to do."""

import re
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

import teahouse
from teahouse import Image, Labels
from teahouse.errors import ExportFailed
from teahouse.publishing import trouble

torch = pytest.importorskip("torch")
from tests.publishing import makers  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.long]


class Outer(nn.Module):
    """A classifier with one part that can not be exported."""

    def __init__(self, part):
        super().__init__()
        self.stem, self.part, self.end = nn.Conv2d(3, 4, 3), part, nn.Linear(4, 3)

    def forward(self, x):
        return self.end(self.part(self.stem(x)).mean((2, 3)))


class Decides(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x * 2
        return x


class Elsewhere(nn.Module):
    """One that makes a tensor on a device by its name, as where it was trained there was a GPU."""

    def forward(self, x):
        return x + torch.zeros(1, device="meta")


class Remembers(nn.Module):
    def forward(self, x):
        return x.reshape(2, 4, 30, 30)


class Together(nn.Module):
    def forward(self, x):
        return x / x.abs().mean()


class Unknown(nn.Module):
    def forward(self, x):
        return torch.special.bessel_j0(x)


class Kept(nn.Module):
    """Calls what ONNX does not know in a module of its own, deep inside."""

    def __init__(self):
        super().__init__()
        self.inner = nn.ModuleDict({"deep": Unknown()})

    def forward(self, x):
        return self.inner["deep"](x)


class Wavers(nn.Module):
    def forward(self, x):
        return torch.nn.functional.dropout(x, 0.5, training=True)


@pytest.mark.parametrize(
    ("part", "what", "do_next"),
    [
        (Decides(), "decides by the values|data", "torch.where"),
        (Together(), "beside|differs|otherwise", "batch|random"),
        (Remembers(), "size as a plain number", "x.shape"),
        (Unknown(), "bessel", "other operations"),
        (Wavers(), "otherwise", "random|dropout"),
    ],
)
def test_each_reason_is_told_with_what_to_do(part, what, do_next, away):
    with pytest.raises(ExportFailed) as told:
        teahouse.publish(Outer(part).eval(), input=Image(32), output=Labels(*makers.WORDS), title="No")
    error = told.value
    assert re.search(what, error.what), error.as_dict()
    assert re.search(do_next, error.do_next), error.as_dict()
    assert len(error.why) < 800


def test_the_module_and_the_makers_line_are_named(away):
    with pytest.raises(ExportFailed) as told:
        teahouse.publish(Outer(Decides()).eval(), input=Image(32), output=Labels(*makers.WORDS), title="No")
    assert "part (Decides)" in told.value.why and "if x.sum() > 0:" in told.value.why


class Short(makers.Cnn):
    """Its maker calls the net itself otherwise than most do, and writes the whole of it in a line."""

    def forward(net, x):  # noqa: N805
        if x.mean() > 0.5: return super().forward(x)  # noqa: E701
        return super().forward(x * 2)


def test_the_line_is_named_whatever_its_maker_calls_the_net(away):
    told = refused(Short())
    assert "decides by the values" in told.what and told.why.startswith("Short, line") or "Short (Short)" in told.why
    assert "`if x.mean() > 0.5: return" in told.why and "test_trouble.py" in told.why
    assert "step 1/3" not in str(told) and "\x1b" not in str(told) and "[96m" not in str(told)


def test_where_no_frame_shows_the_line_the_exporters_words_do_and_its_colours_are_left_out():
    words = "\x1b[96mThis is step 1/3\x1b[0m\nCould not guard on data-dependent expression Eq(u0, 1).\n"
    line = 'The following call raised this error:\n  File "net.py", line 7, in forward\n    if x.any():\n'
    told = trouble.in_words(ExportFailed("No.", words + line), nn.Identity())
    assert told.why == "line 7 of net.py: `if x.any():`."
    told = trouble.in_words(ExportFailed("No.", words), nn.Identity())
    assert "This is step 1/3" in told.why and "\x1b" not in told.why


class Picks(makers.Cnn):
    def forward(self, x):
        return super().forward(x).argmax(1)


@pytest.mark.parametrize("words", [makers.WORDS, ("a", "b")])
def test_a_net_that_ends_in_argmax_is_told_to_return_its_logits(words, away):
    net = Picks(len(words)).eval()
    with pytest.raises(ExportFailed, match="whole numbers, as argmax") as told:
        teahouse.publish(net, input=Image(32), output=Labels(*words), title="No")
    assert "Return the logits" in told.value.do_next


@pytest.mark.parametrize(("part", "path"), [(Unknown(), "part"), (Kept(), "part.inner.deep")])
def test_what_onnx_does_not_know_is_told_with_its_module_and_line(part, path, away):
    told = refused(Outer(part))
    assert told.what == f"ONNX has no operation for bessel_j0, which {path} uses."
    source = Path(__file__).read_text().splitlines()
    line = next(at for at, text in enumerate(source, 1) if "return torch.special" in text)
    where = f"{path} (Unknown), line {line} of test_trouble.py: `return torch.special.bessel_j0(x)`."
    assert told.why == where


def test_in_the_net_itself_the_nets_own_name_stands_for_the_module(away):
    told = refused(nn.Sequential(makers.Cnn(), Unknown()))
    assert "which 1 uses" in told.what and "1 (Unknown), line" in told.why
    told = refused(Whole())
    assert "which Whole uses" in told.what and told.why.startswith("Whole, line")


class Whole(makers.Cnn):
    def forward(self, x):
        return torch.special.bessel_j0(super().forward(x))


def refused(net):
    with pytest.raises(ExportFailed) as told:
        teahouse.publish(net.eval(), input=Image(32), output=Labels(*makers.WORDS), title="No")
    return told.value


@pytest.mark.parametrize("part", [Decides(), Unknown()])
def test_the_exporters_own_words_are_kept_and_not_printed(part, away, capfd):
    error = refused(Outer(part))
    printed = capfd.readouterr()
    assert "GraphModule" not in printed.err and "torch.ops" not in printed.err + printed.out
    assert "/torch/" not in "".join(traceback.format_exception(error))
    assert "\x1b" not in error.why
    assert "/torch/onnx/" in "".join(traceback.format_exception(error.__context__))


def test_a_cell_shows_the_words_alone_and_how_to_see_the_rest():
    code = (
        "from teahouse.errors import ExportFailed\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n"
        "    raise ExportFailed('It is so.', 'For this.', 'Do that.') from None\n"
    )
    python = [sys.executable, "-m", "IPython", "--colors=NoColor", "-c", code]
    cell = subprocess.run(python, capture_output=True, text=True, timeout=60)
    lines = [line for line in cell.stdout.splitlines() if line.strip()]
    assert lines[:3] == ["✗ It is so.", "  For this.", "  → Do that."], cell.stdout + cell.stderr
    assert len(lines) == 4 and "print_exception(sys.last_value.__context__)" in lines[3]


def test_a_net_for_another_size_says_so(away):
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 3))
    with pytest.raises(ExportFailed) as told:
        teahouse.publish(net, input=Image(32), output=Labels(*makers.WORDS), title="No")
    assert "[2, 3, 32, 32]" in told.value.what and "Image(size" in told.value.do_next


def test_a_net_that_names_a_device_is_told_how_not_to(away):
    with pytest.raises(ExportFailed, match="device") as told:
        teahouse.publish(Outer(Elsewhere()).eval(), input=Image(32), output=Labels(*makers.WORDS), title="Elsewhere")
    assert "device=x.device" in told.value.do_next


def test_labels_that_are_too_few_are_counted(away):
    with pytest.raises(ExportFailed, match="gives 3 numbers for 2 labels"):
        teahouse.publish(makers.Cnn(), input=Image(32), output=Labels("a", "b"), title="No")


def test_a_segmentation_that_is_declared_as_labels_is_told_what_it_is(away):
    with pytest.raises(ExportFailed) as told:
        teahouse.publish(makers.Segmenter(), input=Image(32), output=Labels(*"abcde"), title="No")
    assert "output=Image()" in told.value.do_next


def test_a_pipeline_of_another_size_is_told_the_right_one(away):
    pytest.importorskip("skl2onnx", reason="the [sklearn] extra is not here")
    with pytest.raises(ExportFailed, match=r"Image\(size=16\)"):
        teahouse.publish(makers.pipeline(), input=Image(32), output=Labels(*makers.WORDS), title="No")


def test_nothing_is_left_behind_by_what_failed(away, tmp_path):
    with pytest.raises(ExportFailed):
        teahouse.publish(makers.Cnn(), input=Image(32), output=Labels("a", "b"), title="No")
    assert list(tmp_path.iterdir()) == []
