"""App: one model idea, declared in one file."""

import inspect
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

from teahouse.errors import DeclarationError, likely
from teahouse.spec.data import Folder
from teahouse.spec.fields import Field
from teahouse.spec.price import Price

NAME = re.compile(r"[a-z][a-z0-9-]{1,38}\Z")
UNTOLD = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # controls, and halves of characters
RESERVED = frozenset(
    "api claim docs embed healthz icons log media metrics mine offline openapi owner pass pay privacy readyz refunds "
    "shared static sw tax terms".split()
)
OPTIONS = (
    "title",
    "input",
    "output",
    "data",
    "name",
    "description",
    "note",
    "held",
    "retrain_after",
    "review",
    "deadline_s",
    "samples",
    "free_per_day",
    "price",
)
REVIEWS = ("owner", "auto")
Hook = TypeVar("Hook", bound=Callable[..., Any])


class App:
    """A model idea: what goes in, what comes out, where its data is.

    `input` is a field or a dict of fields, `output` a field. `data=Folder("photos")`, or a function under `@app.data`.
    The output may be Labels, Image, Number or Text.
    held: the share of visitors whose photos are drawn to judge and never train (1/3).
    free_per_day: answers that each visitor gets in a day for nothing (None: as many as they like);
    price: what more of them cost, as Price("2.00 EUR", predictions=50).
    Raises DeclarationError, which names the parameter and the likely word, when the file is loaded."""

    def __init__(self, title: str = "", **options: Any) -> None:
        for word in options:
            if word not in OPTIONS:
                raise DeclarationError(
                    f'App has no parameter "{word}".', f"It takes {', '.join(OPTIONS)}.", likely(word, OPTIONS).strip()
                )
        self.title = _text("title", title, 80)
        if not self.title:
            raise DeclarationError(
                "App needs a title.", "It is what visitors read first.", 'Write App(title="Green tea or oolong?", …).'
            )
        self.description = _text("description", options.get("description", ""), 400)
        self.note = _text("note", options.get("note", ""), 200)
        self.name = _name(options.get("name"))
        self.fields = _fields(options.get("input"))
        self.output = _output(options.get("output"))
        self.folder = _folder(options.get("data"))
        if self.folder is not None:
            self._refuse_data_without_photo()
        self.held = _number("held", options.get("held", 1 / 3), 0.0, 0.9)
        self.deadline_s = _number("deadline_s", options.get("deadline_s", 10), 0.1, 120)
        self.retrain_after = options.get("retrain_after")
        if self.retrain_after is not None:
            self.retrain_after = int(_number("retrain_after", self.retrain_after, 1, 1_000_000))
        self.review = options.get("review")
        if self.review not in (None, *REVIEWS):
            raise DeclarationError(
                f'App(review="{self.review}") is unknown.',
                f"It is one of {', '.join(REVIEWS)}.",
                likely(str(self.review), REVIEWS).strip(),
            )
        self.free_per_day, self.price = _fare(options.get("free_per_day"), options.get("price"))
        self.samples = _text("samples", options.get("samples", "samples"), 80)
        self.hooks: dict[str, Callable[..., Any]] = {}
        self.checks: dict[str, Callable[..., Any]] = {}

    def train(self, function: Hook) -> Hook:
        """`def train(data, run)` returns the trained network.

        It is called with the inputs in their order and returns one tensor; for a picture also (pictures, score), where
        score [N] says how much the app itself likes each of them: a pool of pictures shows the best."""
        return self._hook("train", function, 2)

    def data(self, function: Hook) -> Hook:
        """`def data(folder)` writes photographs into folder/LABEL/, or into folder where answers are no labels."""
        return self._hook("data", function, 1)

    def predict(self, function: Hook) -> Hook:
        """`def predict(model, inputs)`: one item, NumPy in and out; `model(**arrays)` runs the ONNX file."""
        return self._hook("predict", function, 2)

    def evaluate(self, function: Hook) -> Hook:
        """`def metrics(outputs, targets) -> dict[str, float]`: more numbers for the report."""
        return self._hook("evaluate", function, 2)

    def check(self, function: Hook) -> Hook:
        """`def name(predict)` raises where a candidate does not behave; its name is read by people."""
        _takes(function, 1, "check")
        self.checks[function.__name__] = function
        return function

    def declaration(self) -> dict[str, Any]:
        """The app as JSON: what the site, the store and the loop know of it."""
        return {
            "app": self.name,
            "title": self.title,
            "description": self.description,
            "note": self.note,
            "fields": [field.json() for field in self.fields.values()],
            "output": self.output.json(),
            "held": self.held,
            "deadline_s": self.deadline_s,
            "retrain_after": self.retrain_after,
            "review": self.review,
            **({"free_per_day": self.free_per_day} if self.free_per_day is not None else {}),
            **({"price": self.price.json()} if self.price is not None else {}),
            "hooks": sorted(self.hooks),
            "checks": sorted(self.checks),
            "data": self.folder.json() if self.folder else {"hook": "data" in self.hooks},
        }

    def _hook(self, name: str, function: Hook, takes: int) -> Hook:
        _takes(function, takes, name)
        if name in self.hooks:
            raise DeclarationError(f"@app.{name} is used twice.", "", "Keep one of the two functions.")
        if name == "data" and self.folder is not None:
            raise DeclarationError(
                "This app has data=Folder(…) and @app.data.", "Its data comes from one place.", "Remove one of the two."
            )
        if name == "data":
            self._refuse_data_without_photo()
        self.hooks[name] = function
        return function

    def _refuse_data_without_photo(self) -> None:
        if not any(field.kind == "image" for field in self.fields.values()):
            raise DeclarationError(
                "This app has photographs as data and no photo among its inputs.",
                "A row of the data is something that goes in.",
                "Make or open what it learns from in its train function.",
            )


def _text(parameter: str, given: Any, most: int) -> str:
    if not isinstance(given, str) or len(given) > most or UNTOLD.search(given):
        raise DeclarationError(
            f"App({parameter}={given!r}) can not be used.",
            f"It is one line of text, up to {most} characters.",
            f'Write {parameter}="…".',
        )
    return given.strip()


def _name(given: str | None) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not NAME.match(given) or given in RESERVED:
        raise DeclarationError(
            f"App(name={given!r}) can not be used.",
            f"A name has 2 to 39 of a-z, 0-9 and -, starts with a letter and is none of {', '.join(sorted(RESERVED))}.",
            'Write name="tea".',
        )
    return given


def _number(parameter: str, given: Any, low: float, high: float) -> float:
    if (
        isinstance(given, bool)
        or not isinstance(given, (int, float))
        or not math.isfinite(given)
        or not low <= given <= high
    ):
        raise DeclarationError(
            f"App({parameter}={given!r}) can not be used.", f"It is a number from {low:g} to {high:g}.", ""
        )
    return given


def _field(parameter: str, given: Any) -> Field:
    if given is None:
        raise DeclarationError(
            f"App needs {parameter}=…", "", 'Write input=Image(size=96), output=Labels("green", "oolong").'
        )
    if inspect.isclass(given) or not isinstance(given, Field):
        raise DeclarationError(
            f"App({parameter}={given!r}) is not a field.",
            "A field is Image(…), Labels(…), Number(…), Choice(…), Text(…) or Seed(…).",
            f'Write {parameter}=Image(size=96) or {parameter}=Labels("green", "oolong").',
        )
    return given


def _output(given: Any) -> Field:
    field = _field("output", given)
    if not getattr(field, "answers", True):
        raise DeclarationError(
            f"App(output={type(field).__name__}(…)) can not be: it is something that goes in.",
            "An output is Labels(…), Image(…), Number(…) or Text(…).",
            'Write output=Labels("green", "oolong") for one of a few words.' if field.kind == "choice" else "",
        )
    field.name = "output"
    return field


def _fields(given: Any) -> dict[str, Field]:
    """A single input is called "input"; a dict names its own. "output" and "score" are what comes out."""
    if not isinstance(given, dict):
        field = _field("input", given)
        field.name = "input"
        return {"input": field}
    if not 1 <= len(given) <= 20:
        raise DeclarationError(f"App(input=…) has {len(given)} fields.", "It takes 1 to 20.", "")
    for name, field in given.items():
        if not isinstance(name, str) or not re.match(r"[a-z][a-z0-9_]{0,38}\Z", name) or name in ("output", "score"):
            raise DeclarationError(
                f"An input can not be called {name!r}.",
                "A name has a-z, 0-9 and _, starts with a letter and is neither output nor score.",
                "",
            )
        _field("input", field).name = name
    if len({id(field) for field in given.values()}) < len(given):
        raise DeclarationError("Two inputs are one and the same field.", "", "Write one for each of them.")
    return dict(given)


def _fare(free: Any, price: Any) -> tuple[int | None, Price | None]:
    if price is not None and not isinstance(price, Price):
        raise DeclarationError(
            f"App(price={price!r}) can not be used.", "", 'Write price=Price("2.00 EUR", predictions=50).'
        )
    if price is not None and free is None:
        raise DeclarationError(
            "App has a price and no free_per_day.",
            "Without it every answer is free, and nobody needs to buy any.",
            "Write free_per_day=5, or 0 where nothing is free.",
        )
    return (None if free is None else int(_number("free_per_day", free, 0, 1_000_000))), price


def _folder(given: Any) -> Folder | None:
    if given is None or isinstance(given, Folder):
        return given
    raise DeclarationError(
        f"App(data={given!r}) can not be used.",
        "Data is a folder of photographs; for Labels with one sub-folder a label.",
        'Write data=Folder("photos").',
    )


def _takes(function: Any, count: int, hook: str) -> None:
    if not callable(function):
        raise DeclarationError(f"@app.{hook} is for a function.", f"It was given {function!r}.", "")
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        words = {
            "train": "data, run",
            "data": "folder",
            "predict": "model, inputs",
            "evaluate": "outputs, targets",
            "check": "predict",
        }[hook]
        raise DeclarationError(
            f"@app.{hook} can not call {function.__name__}{inspect.signature(function)}.",
            f"It is called with {count} argument{'s' if count > 1 else ''}.",
            f"Write def {function.__name__}({words}).",
        ) from None
