"""Price: what a visitor pays, and for how many answers."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from teahouse.errors import DeclarationError, likely

WRITTEN = re.compile(r"(\d{1,7}(?:\.\d{1,3})?)\s*([A-Za-z]{3})\Z")
CURRENCIES = (
    "AED AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EUR GBP HKD HUF IDR ILS INR ISK JPY KRW MXN MYR NOK NZD PEN PHP PLN "
    "RON SAR SEK SGD THB TRY TWD UAH USD UYU VND ZAR"
).split()
WHOLE = frozenset("CLP JPY KRW VND".split())
"""Currencies without a minor unit (ISO 4217); Stripe counts the others of these in hundredths, ISK and HUF too."""
LEAST, MOST = Decimal("0.50"), Decimal(500)  # of one payment; below it a card costs more than it brings


class Price:
    """`Price("2.00 EUR", predictions=50)`: fifty answers for two euros. amount: in minor units (200); currency: EUR.

    Raises DeclarationError, which names what is wrong with it."""

    def __init__(self, price: str, *, predictions: int) -> None:
        found = WRITTEN.match(price) if isinstance(price, str) else None
        if found is None:
            raise DeclarationError(
                f"Price({price!r}) can not be read.",
                "It is an amount with a point, and three letters of a currency.",
                'Write Price("2.00 EUR", predictions=50).',
            )
        amount, self.currency = Decimal(found[1]), found[2].upper()
        if self.currency not in CURRENCIES:
            raise DeclarationError(
                f"The currency {self.currency} is not known.",
                f"Known: {', '.join(CURRENCIES)}.",
                likely(self.currency, CURRENCIES).strip(),
            )
        minor = amount.scaleb(0 if self.currency in WHOLE else 2)
        if minor != minor.to_integral_value():
            rounded = told(round(minor), self.currency)
            raise DeclarationError(f"{price} has more digits than {self.currency} has.", "", f'Write "{rounded}".')
        if self.currency in ("EUR", "USD", "GBP", "CHF") and not LEAST <= amount <= MOST:
            raise DeclarationError(
                f"{price} can not be asked for.",
                f"A payment is {LEAST} to {MOST} {self.currency}: of less the card fee takes all.",
                "Sell more answers at once, such as 50.",
            )
        if not minor:
            raise DeclarationError("A price of nothing can not be paid.", "", "Leave price out: the app is free then.")
        if isinstance(predictions, bool) or not isinstance(predictions, int) or not 1 <= predictions <= 1_000_000:
            raise DeclarationError(
                f"Price(predictions={predictions!r}) can not be used.", "It is a number from 1 to 1,000,000.", ""
            )
        self.amount, self.predictions = int(minor), predictions

    def json(self) -> dict[str, Any]:
        """As it stands in the declaration."""
        return {"amount": self.amount, "currency": self.currency, "predictions": self.predictions}

    def __repr__(self) -> str:
        return f"Price({told(self.amount, self.currency)!r}, predictions={self.predictions})"


def told(amount: int, currency: str) -> str:
    """An amount in minor units as it is written: "2.00 EUR"."""
    whole = currency in WHOLE
    return f"{Decimal(amount).scaleb(0 if whole else -2):,.{0 if whole else 2}f} {currency}"
