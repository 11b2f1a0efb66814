"""Progress: what publishing is doing, as a bar in the terminal or in the cell; exporters are kept quiet meanwhile."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape

STEPS = 4
LOUD = ("torch.onnx", "onnxscript", "skl2onnx")
Step = Callable[[str], None]


@contextmanager
def told(notebook: bool) -> Iterator[Step]:
    """A function that is called with the words of each of the four steps; the bar is gone, or full, at the end."""
    loud = [logging.getLogger(name) for name in LOUD]
    before = [each.level for each in loud]
    for each in loud:
        each.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with in_cell() if notebook else in_terminal() as step:
                yield step
    finally:
        for each, level in zip(loud, before, strict=True):
            each.setLevel(level)


@contextmanager
def in_terminal() -> Iterator[Step]:
    """The bar of all verbs."""
    from teahouse.desk import say

    with say.bar(total=STEPS) as bar:
        done = iter(range(STEPS + 1))
        yield lambda words: bar.update(bar.first, description=words, completed=next(done))
        bar.update(bar.first, description="Published", completed=STEPS)


@contextmanager
def in_cell() -> Iterator[Step]:
    """A bar in the notebook's cell, in plain HTML: widgets are not installed everywhere."""
    from IPython.display import HTML, display

    handle = display(HTML(""), display_id=True)
    done = iter(range(STEPS + 1))

    def step(words: str) -> None:
        bar = f'<progress max="{STEPS}" value="{next(done)}"></progress>'
        handle.update(HTML(f'<div style="font:14px system-ui,sans-serif">{bar} {escape(words)} …</div>'))

    try:
        yield step
    finally:
        handle.update(HTML(""))
