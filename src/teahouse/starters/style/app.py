"""In another hand: a photo becomes a painting in one of four styles, as strongly as you like."""

from pathlib import Path

from teahouse import App, Choice, Image, Number

app = App(
    name="style",
    title="In another hand",
    description="Show it a photo, choose a style, and say how strongly. It paints the photo anew.",
    note="Learnt from four pictures that a program painted, and from photographs that come with scikit-image.",
    input={
        "photo": Image(size=512, fit="keep"),
        "style": Choice("night", "woodblock", "garden", "watercolour", start="night", pictures="styles"),
        "strength": Number(0, 1, step=0.05, start=1),
    },
    output=Image(),
)


@app.data
def data(folder: Path) -> None:
    """Gathers photos to paint: scikit-image's, cups of tea, and yours from photos/. No style is in them."""
    from photos import gather

    gather(folder, own=Path(__file__).parent / "photos")


@app.train
def train(data, run):
    """One net for all styles, taught by critics; PyTorch is imported here, so that serving never needs it."""
    from train import train

    return train(data, run)


@app.check
def at_strength_0_it_is_the_photo(predict) -> None:
    """The slider begins at the visitor's own photo."""
    for row in predict.rows[:4]:
        if abs(predict({**row.arrays, "strength": 0.0}) - row.arrays["photo"]).max() > 0.01:
            raise ValueError("At strength 0 the painting differs from the photo.")
