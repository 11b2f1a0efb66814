"""What each peer does with a photo: Pillow, ONNX Runtime with its default options, softmax."""

import os

import numpy
import onnxruntime
from PIL import Image, ImageOps


class Classifier:
    """The release's own model.onnx ($SERVING_MODEL) and its labels ($SERVING_LABELS)."""

    def __init__(self):
        self.session = onnxruntime.InferenceSession(os.environ["SERVING_MODEL"], providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.labels = os.environ["SERVING_LABELS"].split(",")

    def prepare(self, picture: Image.Image) -> numpy.ndarray:
        """float32 [1, 3, 224, 224] 0..1: the middle of the picture."""
        picture = ImageOps.fit(picture.convert("RGB"), (224, 224), Image.Resampling.BICUBIC)
        return (numpy.asarray(picture, dtype=numpy.float32) / 255).transpose(2, 0, 1)[None]

    def answer(self, batch: numpy.ndarray) -> dict:
        """The label and the score of each."""
        logits = self.session.run(None, {self.input: batch})[0][0]
        raised = numpy.exp(logits - logits.max())
        scores = dict(zip(self.labels, (raised / raised.sum()).tolist(), strict=True))
        return {"label": max(scores, key=scores.get), "scores": scores}
