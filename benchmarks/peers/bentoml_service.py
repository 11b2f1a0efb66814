"""BentoML, as its page on input and output types shows for a picture.

    bentoml serve bentoml_service:Teas
"""

import bentoml
from classifier import Classifier
from PIL.Image import Image


@bentoml.service
class Teas:
    def __init__(self) -> None:
        self.classifier = Classifier()

    @bentoml.api
    def predict(self, image: Image) -> dict:
        return self.classifier.answer(self.classifier.prepare(image))
