"""Offer: what an app sells and what is left of it for one visitor, as pages show it. Values alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Offer:
    """So many answers of an app for a price. seller: who sells, by name; trial: in words, that nothing is charged, ""
    for real money."""

    app: str
    title: str
    price: str
    predictions: int
    seller: str
    trial: str = ""


@dataclass(frozen=True)
class Counted:
    """What is left where answers are counted. free: of each day; left: of today, None where the page is anybody's;
    credits: on the pass; offer: what more of them cost, None where nothing is sold."""

    free: int
    left: int | None = None
    credits: int = 0
    offer: Offer | None = None

    @property
    def words(self) -> str:
        """What is left, in words; js/purse.js says it the same way after each answer."""
        on_pass = f"{self.credits:,} left on your pass" if self.credits else ""
        if self.left is None:
            return f"{self.free:,} free a day" if self.free else "Answers come from a pass"
        if self.left:
            return " · ".join(filter(None, (f"{self.left:,} free today", on_pass)))
        return on_pass or ("None left today" if self.free else "Answers come from a pass")
