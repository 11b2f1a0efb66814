"""Green tea or oolong? What goes in, what comes out, where the pictures come from, how the net is trained."""

from pathlib import Path

from teahouse import App, Image, Labels

app = App(
    name="tea",
    title="Green tea or oolong?",
    description="Show it a cup of tea, seen from above. It looks at the leaves and at the colour in the cup.",
    note="Trained on rendered pictures.",
    input=Image(size=128),
    output=Labels("green", "oolong"),
    held=3 / 7,  # of 350 photos about 200 train, and 150 judge: enough to see a gain of 8 points
    retrain_after=200,
)

PICTURES = 4000  # a minute on one core; 70 % of them train, the others judge


@app.data
def data(folder: Path) -> None:
    """Draws the pictures to train on: folder/green/*.jpg and folder/oolong/*.jpg."""
    from PIL import Image as Pillow
    from render.scene import LABELS, render

    for label in LABELS:
        (folder / label).mkdir(parents=True, exist_ok=True)
    for number in range(PICTURES):
        seed, label = number // 2, LABELS[number % 2]
        Pillow.fromarray(render(seed, label, "day", 128)).save(folder / label / f"{seed:05d}.jpg", quality=92)
        if (number + 1) % 250 == 0:
            print(f"drawn {number + 1:,} of {PICTURES:,} pictures", flush=True)


@app.train
def train(data, run):
    """A small net; PyTorch is imported here, so that serving never needs it."""
    from train import train

    return train(data, run)


@app.check
def a_mirrored_photo_keeps_its_label(predict) -> None:
    """A cup does not become oolong in a mirror. One photo in ten may be so close that it does."""
    photos = [row.array for row in predict.rows[:100]]
    changed = sum(predict(photo)["label"] != predict(photo[:, :, ::-1])["label"] for photo in photos)
    if changed > max(1, 0.1 * len(photos)):
        raise ValueError(f"{changed} of {len(photos)} photos change their label when they are mirrored.")
