"""Price: what a visitor pays, and for how many answers."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from teahouse.errors import DeclarationError, likely

WRITTEN = re.compile(r"(\d{1,7}(?:\.\d{1,3})?)\s*([A-Za-z]{3})\Z")
BOUNDS = {
    "AED": ("2.00", 2000), "AUD": ("0.50", 800), "BRL": ("2.50", 2500), "CAD": ("0.50", 800), "CHF": ("0.50", 500),
    "CZK": ("15.00", 15_000), "DKK": ("2.50", 4000), "EUR": ("0.50", 500), "GBP": ("0.50", 500), "HKD": ("4.00", 4000),
    "HUF": ("175", 200_000), "INR": ("40.00", 50_000), "JPY": ("50", 80_000), "MXN": ("10.00", 10_000),
    "MYR": ("2.00", 2000), "NOK": ("3.00", 5000), "NZD": ("0.50", 800), "PLN": ("2.00", 2000), "RON": ("2.00", 2500),
    "SEK": ("3.00", 5000), "SGD": ("0.50", 800), "THB": ("10.00", 20_000), "USD": ("0.50", 500),
}  # fmt: skip
"""What one payment may be, of each currency. Least: what Stripe takes
(https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts); more than that in GBP, BRL and INR, where the
card fee would take all of it. Most: about 500 EUR. A currency without a minimum of its own there is not sold in."""
CURRENCIES = list(BOUNDS)
WHOLE = frozenset("CLP JPY KRW VND".split())
"""Currencies without a minor unit (ISO 4217), those of old orders too; Stripe counts all others of these in hundredths,
HUF too."""


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
            rounded = told(round(minor), self.currency).replace(",", "")
            raise DeclarationError(f"{price} has more digits than {self.currency} has.", "", f'Write "{rounded}".')
        if not minor:
            raise DeclarationError("A price of nothing can not be paid.", "", "Leave price out: the app is free then.")
        least, most = BOUNDS[self.currency]
        if not Decimal(least) <= amount <= most:
            raise DeclarationError(
                f"{price} can not be asked for.",
                f"A payment is {least} to {most:,} {self.currency}: of less the card fee takes all.",
                "Sell more answers at once, such as 50.",
            )
        if isinstance(predictions, bool) or not isinstance(predictions, int) or not 1 <= predictions <= 1_000_000:
            raise DeclarationError(
                f"Price(predictions={predictions!r}) can not be used.", "It is a number from 1 to 1,000,000.", ""
            )
        self.amount, self.predictions = int(minor), predictions

    def json(self) -> dict[str, Any]:
        """As it stands in the declaration."""
        return {"amount": self.amount, "currency": self.currency, "predictions": self.predictions}

    def __repr__(self) -> str:
        return f"Price({told(self.amount, self.currency).replace(',', '')!r}, predictions={self.predictions})"


def told(amount: int, currency: str) -> str:
    """An amount in minor units as it is written: "2.00 EUR"."""
    whole = currency in WHOLE
    return f"{Decimal(amount).scaleb(0 if whole else -2):,.{0 if whole else 2}f} {currency}"
