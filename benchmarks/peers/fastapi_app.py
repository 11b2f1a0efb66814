"""FastAPI by hand, as its chapter on file uploads shows: a plain function, so that it runs in the thread pool.

    uvicorn fastapi_app:app
"""

from classifier import Classifier
from fastapi import FastAPI, UploadFile
from PIL import Image

app = FastAPI()
classifier = Classifier()


@app.post("/predict")
def predict(file: UploadFile):
    return classifier.answer(classifier.prepare(Image.open(file.file)))
