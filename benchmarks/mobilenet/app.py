"""Six teas by a photo: the app of benchmarks/serving.py."""

from teahouse import App, Folder, Image, Labels

TEAS = ("green", "oolong", "black", "white", "yellow", "dark")

app = App(title="Which tea?", input=Image(size=224, normalize="imagenet"), output=Labels(*TEAS), data=Folder("photos"))


@app.train
def train(data, run):
    from net import learnt  # PyTorch is for the training alone: the site starts without it

    return learnt(data, run, len(TEAS))
