"""Running a release's ONNX file. The only place that imports onnxruntime."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy

from teahouse import child
from teahouse.errors import InputError, ReleaseBroken
from teahouse.model.onnx_file import check_onnx

os.environ.update(child.QUIET)  # it looks for this once, before its first line of ours
import onnxruntime  # noqa: E402

__all__ = ["Session", "check_onnx"]
TYPES = {"tensor(float)": numpy.float32, "tensor(int64)": numpy.int64}


class Session:
    """One loaded form of a release. `predict` may be called from several threads at once.

    The arena is off: it would keep its peak for good. One thread a call: a small host runs several side by side."""

    def __init__(self, folder: Path, threads: int = 1, file: str = "model.onnx") -> None:
        options = onnxruntime.SessionOptions()
        options.enable_cpu_mem_arena = False
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait for the next inference by turning in circles take the cores from decoding and from the web.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        path = Path(folder) / file
        check_onnx(path)
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except (
            Exception
        ) as error:  # edge: onnxruntime has a dozen exceptions of its own for a file that it can not load
            raise ReleaseBroken(
                f"{file} cannot be loaded.", f"{type(error).__name__}: {error}", "Export it again."
            ) from error
        self._types = {each.name: TYPES.get(each.type) for each in self._session.get_inputs()}
        self.names = list(self._types)
        self.outputs = [each.name for each in self._session.get_outputs()]
        if len(self.outputs) > 2:
            raise ReleaseBroken(
                f"{file} cannot be used.",
                f"It has {len(self.outputs)} outputs; there is one, or one and its score.",
                "Return one tensor, or a tensor and a score [N].",
            )

    def fed(self, batch: Mapping[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
        """The batch as the file takes it: its own name for an only input, its own types."""
        if set(batch) != set(self.names) and len(batch) == len(self.names) == 1:
            batch = {self.names[0]: next(iter(batch.values()))}
        return {name: numpy.asarray(array, dtype=self._types.get(name)) for name, array in batch.items()}

    def predict(self, batch: dict[str, numpy.ndarray]) -> numpy.ndarray:
        """[N, ...] of each input in, [N, ...] out. ReleaseBroken where the answer has another N or is not finite."""
        return self.predict_all(batch)["output"]

    def predict_all(self, batch: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
        """The same with all that the model says: "output" [N, ...], and "score" float32 [N] where it likes some of its
        answers better than others. Whole numbers are handed over as int64 where the model takes such."""
        batch = self.fed(batch)
        try:
            made = self._session.run(None, batch)
        except ValueError as error:
            raise InputError("The model cannot take this input.", str(error)) from error
        except MemoryError:
            raise
        except Exception as error:  # edge: see above; what runs out of memory inside says so in words alone
            if "allocat" in str(error).lower() or "bad_alloc" in str(error):
                raise MemoryError(str(error)) from error
            raise ReleaseBroken("The model stopped on this input.", f"{type(error).__name__}: {error}") from error
        count = len(next(iter(batch.values())))
        for out in made:
            _refuse_unsound(out, count)
        if len(made) == 2 and made[1].size != count:
            raise ReleaseBroken("The model's score has the wrong shape.", f"{count} in, {made[1].shape} out.")
        return {"output": made[0], **({"score": made[1].reshape(count)} if len(made) == 2 else {})}


def _refuse_unsound(out: object, count: int) -> None:
    if not isinstance(out, numpy.ndarray) or out.ndim < 1 or len(out) != count:
        raise ReleaseBroken(
            "The model's answer has the wrong shape.",
            f"{count} in, {getattr(out, 'shape', type(out).__name__)} out.",
            "Keep the first axis for the batch.",
        )
    if out.dtype.kind == "f" and not numpy.isfinite(out).all():
        raise ReleaseBroken(
            "The model's answer is not a number.", "It holds NaN or infinity.", "Train it again with a lower rate."
        )
