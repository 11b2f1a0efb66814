"""What a price may be."""

import pytest

from teahouse import Price
from teahouse.errors import DeclarationError
from teahouse.spec.price import BOUNDS, WHOLE, told


@pytest.mark.parametrize(
    "price",
    ["1 JPY", "0.01 SEK", "0.29 GBP", "0.49 EUR", "99.00 HUF", "0.50 INR", "501 EUR", "90000 JPY", "9999999 HUF"],
)
def test_what_the_till_would_refuse_or_nobody_means_is_refused_when_it_is_declared(price):
    with pytest.raises(DeclarationError, match="can not be asked for") as raised:
        Price(price, predictions=50)
    assert price.split()[1] in raised.value.why


@pytest.mark.parametrize("price", ["99.50 ISK", "100 ISK", "5.00 BGN", "1000 KRW", "1.00 XYZ"])
def test_a_currency_whose_minimum_is_not_known_is_not_sold_in(price):
    with pytest.raises(DeclarationError, match="is not known"):
        Price(price, predictions=50)


def test_every_currency_takes_its_bounds_and_nothing_past_them():
    for currency, (least, most) in BOUNDS.items():
        unit = 1 if currency in WHOLE else 100
        assert Price(f"{least} {currency}", predictions=1).amount == float(least) * unit
        assert Price(f"{most} {currency}", predictions=1).amount == most * unit
        step = "" if currency in WHOLE else ".01"
        with pytest.raises(DeclarationError):
            Price(f"{most + 1 if currency in WHOLE else most}{step} {currency}", predictions=1)


def test_a_price_is_told_as_it_was_written():
    price = Price("2.00 EUR", predictions=50)
    assert price.json() == {"amount": 200, "currency": "EUR", "predictions": 50}
    assert repr(Price("80000 JPY", predictions=9)) == "Price('80000 JPY', predictions=9)", "as it can be written"
    assert told(1200, "JPY") == "1,200 JPY" and told(1200, "KRW") == "1,200 KRW", "of old orders"
    with pytest.raises(DeclarationError, match="more digits") as raised:
        Price("5000.5 JPY", predictions=1)
    assert raised.value.do_next == 'Write "5000 JPY".'
    with pytest.raises(DeclarationError, match="nothing"):
        Price("0.00 EUR", predictions=1)
