"""Gathers what the net is trained on: painted scenes, rendered cups, scikit-image's photographs where installed."""

import sys
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from teahouse.starters.tea.render import LABELS, render

SCENES, CUPS, SIZE = 48, 16, 384
# The colour photographs in scikit-image's wheel, and some grey ones. Not among them are the astronaut and the cat
# Chelsea: nothing trains on these, so that they can show what the net makes of a photo that it has never seen.
PHOTOS = ("coffee", "rocket", "motorcycle_left", "hubble_deep_field")
PHOTOS += ("camera", "coins", "grass", "gravel", "brick", "moon")
OWN = "To train on photographs of your own, put them (JPEG, PNG or WebP) into the folder photos, beside app.py."
BARE = "scikit-image is not installed (pip install 'teahouse[photos]'): this trains without photographs."


def gather(folder: Path, own: Path | None = None) -> None:
    """Fills folder/photos with JPEG pictures; `own` is the maker's own folder of photographs, if there is one."""
    import scenes  # here, for it lies beside app.py: cups and photographs serve other starters too

    target = folder / "photos"
    target.mkdir(parents=True, exist_ok=True)
    for seed in range(SCENES):
        Image.fromarray(scenes.paint(seed, SIZE)).save(target / f"scene-{seed:03d}.jpg", quality=92)
    cups(target, CUPS)
    print(f"painted {SCENES} scenes and {CUPS} cups", flush=True)
    found = photographs()
    for path in found:
        keep(path, target / f"photograph-{path.stem}.jpg")
    mine = sorted(path for path in own.rglob("*") if path.is_file()) if own and own.is_dir() else []
    for number, path in enumerate(mine):
        keep(path, target / f"own-{number:04d}.jpg")
    print(f"{len(found)} photographs from scikit-image, {len(mine)} of your own", flush=True)
    if not found:
        print(BARE, file=sys.stderr, flush=True)
    if not mine:
        print(OWN, flush=True)


def cups(target: Path, count: int, first: int = 0) -> None:
    """Rendered cups of tea, by day and by candle-light."""
    for seed in range(first, first + count):
        cup = render(seed, LABELS[seed % 2], ("day", "candle")[seed % 4 // 3], SIZE)
        Image.fromarray(cup).save(target / f"cup-{seed:03d}.jpg", quality=92)


def photographs(names: tuple[str, ...] = PHOTOS) -> list[Path]:
    """The files of scikit-image's photographs; none where it is not installed. It is not imported: files will do."""
    spec = find_spec("skimage")
    places = [Path(place) / "data" for place in (spec.submodule_search_locations or ())] if spec else []
    wanted = (place / f"{name}.{ending}" for place in places for name in names for ending in ("png", "jpg"))
    return [path for path in wanted if path.is_file()]


def keep(path: Path, target: Path, side: int = 640) -> None:
    """One picture as RGB JPEG of at most `side` pixels; what is no picture is left out, and said."""
    try:
        with Image.open(path) as found:
            picture = found.convert("RGB")
    except (OSError, ValueError) as error:
        print(f"left out {path.name}: {error}", file=sys.stderr, flush=True)
        return
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    picture.save(target, quality=94, subsampling=0)
