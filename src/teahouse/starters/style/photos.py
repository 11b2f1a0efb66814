"""Gathers the photos that the net learns to paint: scikit-image's where it is installed, cups of tea, the maker's."""

from pathlib import Path

from teahouse.starters.toon.photos import cups, keep, photographs

# The photographs in scikit-image's wheel that have something to paint. Not among them are the astronaut and the cat
# Chelsea: nothing trains on these, so that they can show what the net makes of a photo that it has never seen.
PHOTOS = ("coffee", "rocket", "motorcycle_left", "motorcycle_right", "hubble_deep_field", "ihc", "retina", "color")
PHOTOS += ("camera", "clock_motion", "coins", "moon", "grass", "gravel", "brick")
CUPS = 8
OWN = "To train on photographs of your own, put them (JPEG, PNG or WebP) into the folder photos, beside app.py."
BARE = "scikit-image is not installed (pip install 'teahouse[photos]'): painted scenes stand in for its photographs."
SCENES = 24


def gather(folder: Path, own: Path | None = None) -> None:
    """Fills folder/photos with JPEG pictures; `own` is the maker's own folder of photographs, if there is one."""
    target = folder / "photos"
    target.mkdir(parents=True, exist_ok=True)
    cups(target, CUPS, first=5000)
    found = photographs(PHOTOS)
    for path in found:
        keep(path, target / f"photograph-{path.stem}.jpg")
    mine = sorted(path for path in own.rglob("*") if path.is_file()) if own and own.is_dir() else []
    for number, path in enumerate(mine):
        keep(path, target / f"own-{number:04d}.jpg")
    print(f"{CUPS} cups, {len(found)} photographs from scikit-image, {len(mine)} of your own", flush=True)
    if not mine:
        print(OWN, flush=True)
    if not found:
        print(BARE, flush=True)
        paint(target)


def paint(target: Path) -> None:
    """Scenes that no camera took."""
    from PIL import Image

    from teahouse.starters.toon import scenes

    for seed in range(SCENES):
        Image.fromarray(scenes.paint(seed, 512)).save(target / f"scene-{seed:03d}.jpg", quality=92)
