"""Toon it: a photo goes in, a cartoon comes out; where the pictures come from, how the net is trained."""

from pathlib import Path

from teahouse import App, Choice, Image

app = App(
    name="toon",
    title="Toon it",
    description="Show it a photo: a face, a cat, a cup. It draws it as a comic, in pastel or by night.",
    note="Trained on painted scenes, rendered cups of tea and ten photographs.",
    input={
        "photo": Image(size=512, fit="keep"),
        "palette": Choice("comic", "pastel", "night", start="comic"),
    },
    output=Image(),
)


@app.data
def data(folder: Path) -> None:
    """Gathers what it trains on: painted scenes, cups of tea, scikit-image's photographs, and yours from photos/."""
    from photos import gather

    gather(folder, own=Path(__file__).parent / "photos")


@app.train
def train(data, run):
    """A small net that learns from a slow teacher; PyTorch is imported here, so that serving never needs it."""
    from train import train

    return train(data, run)


@app.check
def a_drawing_has_the_shape_of_its_photo(predict) -> None:
    """Upright photos become upright drawings, to the pixel: else before and after could not be laid over each other."""
    for row in predict.rows[:8]:
        if predict(row.arrays).shape != row.arrays["photo"].shape:
            raise ValueError("A drawing has another size than its photo.")
