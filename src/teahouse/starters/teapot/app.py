"""This teapot does not exist: a seed goes in, a teapot comes out, and how much the app likes it."""

from teahouse import App, Image, Seed

app = App(
    name="teapot",
    title="This teapot does not exist",
    description="Every seed is another teapot. Say which you love: the next ones will be more like them.",
    note="Trained on rendered teapots.",
    input=Seed(size=48),
    output=Image(size=128),
    retrain_after=100,  # words on pictures; a taste is fitted in seconds
)


@app.train
def train(data, run):
    """A net that draws from 48 numbers and judges what it drew; where visitors spoke, their taste joins the score."""
    from train import train

    return train(data, run)
