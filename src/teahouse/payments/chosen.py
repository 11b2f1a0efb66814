"""The till that `[money] till` names."""

from __future__ import annotations

from importlib.util import find_spec

from teahouse.errors import SettingsError
from teahouse.payments.play_money import PlayMoney
from teahouse.payments.till import Till
from teahouse.settings import Settings
from teahouse.store.house import House


def till_of(settings: Settings, house: House) -> Till:
    """The house's till; SettingsError where Stripe is chosen and a part of its access is missing."""
    if settings.money.till == "test":
        return PlayMoney(house.key("till"))
    refuse_missing()
    from teahouse.payments.stripe import Stripe, access  # it loads its library, 35 MB, when it first calls

    return Stripe(access(house.data / "secrets"), site_of(house))


def refuse_missing() -> None:
    """SettingsError where Stripe's library is not installed."""
    if find_spec("stripe") is None:
        raise SettingsError("Stripe's library is not here.", "", "Run `pip install 'teahouse[pay]'`.")


def site_of(house: House) -> str:
    """What marks this house's orders at a till, among those of others with the same account."""
    return house.key("site")[:8].hex()
