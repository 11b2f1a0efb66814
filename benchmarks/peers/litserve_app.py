"""LitServe, as its examples with an uploaded picture show.

    python litserve_app.py PORT
"""

import sys

import litserve
from classifier import Classifier
from fastapi import UploadFile
from PIL import Image


class API(litserve.LitAPI):
    def setup(self, device):
        self.classifier = Classifier()

    def decode_request(self, request: UploadFile):
        return self.classifier.prepare(Image.open(request.file))

    def predict(self, batch):
        return self.classifier.answer(batch)

    def encode_response(self, output):
        return output


if __name__ == "__main__":
    server = litserve.LitServer(API(), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
