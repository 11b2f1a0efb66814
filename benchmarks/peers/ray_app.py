"""Ray Serve, as its tutorial of an image classifier shows: the raw body is the picture.

    python ray_app.py PORT FOLDER
"""

import io
import signal
import sys

import ray
from classifier import Classifier
from PIL import Image
from ray import serve
from starlette.requests import Request


@serve.deployment
class Teas:
    def __init__(self):
        self.classifier = Classifier()

    async def __call__(self, request: Request) -> dict:
        picture = Image.open(io.BytesIO(await request.body()))
        return self.classifier.answer(self.classifier.prepare(picture))


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, _temp_dir=sys.argv[2])
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Teas.bind(), route_prefix="/predict")
    signal.pause()
