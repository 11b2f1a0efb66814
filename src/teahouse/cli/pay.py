"""`teahouse pay`: connects Stripe, and checks each step from the price to the money that arrives."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from teahouse import telemetry
from teahouse.cli.doctor import Finding, is_here, play_money, tell
from teahouse.desk.where import Project

DAY_MS = 86_400_000
KEYS = "https://dashboard.stripe.com/apikeys"
EMAILS = "https://dashboard.stripe.com/settings/emails"
WEBHOOKS = "https://dashboard.stripe.com/webhooks"
RIGHTS = "Accounts: read. Checkout Sessions, Charges and Refunds, Webhook Endpoints: write. Events: read."
SECTION = re.compile(r"^[ \t]*\[[ \t]*money[ \t]*\][ \t]*(#.*)?$", re.M)
TILL = re.compile(r"""^([ \t]*till[ \t]*=[ \t]*)("[^"\n]*"|'[^'\n]*')""", re.M)
TILL_LEFT_OUT = re.compile(r"^[ \t]*#[ \t]*till[ \t]*=.*$", re.M)
DOTTED = re.compile(r"""^([ \t]*money[ \t]*\.[ \t]*till[ \t]*=[ \t]*)("[^"\n]*"|'[^'\n]*')""", re.M)
ANY_DOTTED = re.compile(r"^[ \t]*money[ \t]*\.", re.M)
NEXT = re.compile(r"^[ \t]*\[", re.M)


@click.group("pay", short_help="Connect Stripe in a few minutes, and check each step of it.")
def pay_verb() -> None:
    """Take a small fee for more answers: declare a price, try all of it with play money, then connect Stripe.

    \b
      app = App(…, free_per_day=5, price=Price("2.00 EUR", predictions=50))
      teahouse serve         buying works at once, with play money, and says so
      teahouse pay connect   real money: asks for a key of Stripe's, does the rest
      teahouse pay check     looks at each step, and names what to mend
    """


@pay_verb.command("connect", short_help="Ask for Stripe's key, make its webhook, switch the till on.")
@click.option("--play-money", "play", is_flag=True, help="Back to the test till: no real money is taken any more.")
def connect(play: bool) -> None:
    """Connect the site with a Stripe account. The key is asked for and not shown, or taken from TEAHOUSE_STRIPE_KEY;
    with a test key (sk_test_…) all works as with a real one, and no money moves.
    """
    from teahouse.desk import say
    from teahouse.desk.where import project
    from teahouse.payments import chosen

    place = project()
    if play:
        switch(place.root / "teahouse.toml", "test")
        say.step("The till takes play money again. Start the site anew.")
        return
    url = webhook_url(place)
    switched(written(place.root / "teahouse.toml"), "stripe")  # if it can not be, nothing is begun
    chosen.refuse_missing()
    key = os.environ.get("TEAHOUSE_STRIPE_KEY") or asked_key()
    with telemetry.silent():
        access = connected(place, key, url)
    switch(place.root / "teahouse.toml", "stripe")
    say.step(say.plain("The till is switched on: [money] till in teahouse.toml."))
    say.line(f"Switch one thing on at Stripe: {EMAILS}, Successful payments.", soft_wrap=True)
    say.line("Without it Stripe sends no receipts, and who loses a pass has its code nowhere.")
    if access.live:
        say.line("\nStart the site again: from then on it takes [bold]real money[/].")
    else:
        say.line("\nStart the site again: from then on it is in [bold]Stripe's test mode[/].")
        say.line("The card 4242 4242 4242 4242 pays, with any date to come and any code, and no money moves.")
    say.line("Then look at each step: [bold]teahouse pay check[/]")


def asked_key() -> str:
    """The key, as its owner pastes it."""
    from teahouse.desk import say

    say.line("1. Make an account at https://dashboard.stripe.com/register, if you have none (five minutes).")
    say.line(f"2. Copy the secret key, or a restricted one, from {KEYS}. It begins with sk_ or rk_;")
    say.line("   begin with sk_test_: everything works, and no money moves.")
    say.line(f"   The rights that a restricted one needs: {RIGHTS}", soft_wrap=True)
    return click.prompt("3. Paste it here (it is not shown)", hide_input=True).strip()


def connected(place: Project, key: str, url: str) -> Any:
    """Looks at the account, makes the webhook, and keeps the access; what opens the account now."""
    from teahouse.desk import say
    from teahouse.desk.say import CheckFailed, WrongUse
    from teahouse.payments import stripe

    if not key.startswith(("sk_", "rk_")):
        raise WrongUse("This is no secret key of Stripe's.", "A secret key begins with sk_ or rk_.", f"See {KEYS}.")
    with place.house() as house:
        till = stripe.Stripe(stripe.Access(key, "", stripe.address()), "")
        try:
            account = till.account()
            say.step(f"Stripe knows the key: account {account.get('id', '')}, {account.get('country', '')}.")
            if not account.get("charges_enabled", True):
                say.warn("The account may not take money yet: finish it at https://dashboard.stripe.com/account")
            old = [one["id"] for one in till.webhooks() if one.get("url") == url]
            secret = till.add_webhook(url)
        except stripe.StripeRefused as error:
            raise CheckFailed("Stripe refused this.", error.said, hint(key)) from error
        stripe.keep(house.data / "secrets", key, secret)
        end_webhooks(till, old)  # not before: until now the site was told of payments by these
    say.step(f"Stripe tells {url} of each payment, and signs what it tells.")
    if os.environ.get(stripe.SECRET, "") not in ("", secret):
        say.warn(
            f"{stripe.SECRET} is set, to the secret of another webhook, and goes before the one that was kept now."
        )
        say.warn("Take it out of the environment before the site starts: with it no payment would be believed.")
    return stripe.Access(key, secret)


def end_webhooks(till: Any, old: list[str]) -> None:
    """Ends the webhooks of before; one that stays does no harm, since nothing of it is believed."""
    from teahouse.desk import say
    from teahouse.errors import TeahouseError

    for id_ in old:
        try:
            till.end_webhook(id_)
        except TeahouseError:
            say.warn(f"The webhook of before, {id_}, is still there: end it at {WEBHOOKS}")


def hint(key: str) -> str:
    """What to do where Stripe refused something."""
    if key.startswith("rk_"):
        return f"Look at its rights, {KEYS}: {RIGHTS}"
    return f"Mend it at https://dashboard.stripe.com; keys are at {KEYS}."


def webhook_url(place: Project) -> str:
    """Where Stripe is to tell this site of payments."""
    from teahouse.desk.say import WrongUse

    url = place.settings.url
    if urlsplit(url).scheme != "https" or is_here(url):
        raise WrongUse(
            "Stripe can not reach this site.",
            f"Its address is {url}: payments are told to an https:// address on the open net.",
            'Set [site] url = "https://…" in teahouse.toml once the site stands there; until then play money works.',
        )
    return f"{url}/api/till/stripe"


def written(file: Path) -> str:
    """What stands in teahouse.toml."""
    return file.read_bytes().decode("utf-8")  # with its line ends


def switch(file: Path, till: str) -> None:
    """Sets [money] till in teahouse.toml, and leaves the rest of it as it is."""
    from teahouse import ids
    from teahouse.store.house import sync_folder

    file = file.resolve()  # a link stays one
    words = switched(written(file), till)
    fresh = file.with_name(f".{file.name}.{ids.text(ids.new_id())}")
    try:
        with fresh.open("xb") as out:
            out.write(words.encode())
            out.flush()
            os.fsync(out.fileno())
        shutil.copymode(file, fresh)
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(file.parent)


def switched(words: str, till: str) -> str:
    """The words of a teahouse.toml with this till. WrongUse, with the line to write by hand, where no way of writing it
    gives the same settings but for the till."""
    from teahouse.desk.say import WrongUse

    wanted = read(words)
    if wanted is not None and isinstance(wanted.setdefault("money", {}), dict):
        wanted["money"]["till"] = till
        plain = words.replace("\r\n", "\n")
        for one in (plain, *ways(plain, f'"{till}"')):
            if read(one) == wanted:
                return one.replace("\n", "\r\n") if "\r\n" in words else one
    line = f'Write till = "{till}" into [money] of it by hand, then run this again.'
    raise WrongUse("teahouse.toml can not be changed by itself.", "Its [money] is written in a way of its own.", line)


def read(words: str) -> dict[str, Any] | None:
    """The settings that these words make; None where they make none."""
    try:
        return tomllib.loads(words)
    except tomllib.TOMLDecodeError:
        return None


def ways(text: str, till: str) -> Iterator[str]:
    """The ways in which the till may be written into a teahouse.toml, the likeliest first."""
    found, dotted = SECTION.search(text), ANY_DOTTED.search(text)
    if found is not None:
        after = NEXT.search(text, found.end())
        end = after.start() if after else len(text)
        head, section, rest = text[: found.end()], text[found.end() : end], text[end:]
        yield head + TILL.sub(rf"\g<1>{till}", section, count=1) + rest
        yield head + TILL_LEFT_OUT.sub(f"till = {till}", section, count=1) + rest
        yield f"{head}\ntill = {till}{section}{rest}"
    elif dotted is not None:
        yield DOTTED.sub(rf"\g<1>{till}", text, count=1)
        yield f"{text[: dotted.start()]}money.till = {till}\n{text[dotted.start() :]}"
    else:
        yield f"{text.rstrip()}\n\n[money]\ntill = {till}\n"


@pay_verb.command("check", short_help="Look at each step from the price to the money that arrives.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")
def check(as_json: bool) -> None:
    """Look at the price, the pages, the till, the account, the webhook, the address that Stripe tells, and what Stripe
    remembers. Ends with status 1 when something is wrong."""
    from teahouse.desk.where import project

    with telemetry.silent():
        found = list(examine(project()))
    tell(found, as_json)


def examine(place: Project) -> Iterator[Finding]:
    """All findings, in the order in which one would mend them."""
    yield from prices(place)
    yield from pages(place)
    if place.settings.money.till == "test":
        yield play_money(place)
    else:
        if not place.settings.money.contact:
            yield Finding("wrong", "buyers find nobody to write to", '[money] contact = "you@example.org"')
        yield from of_stripe(place)
    yield from of_ledger(place)
    yield running(place)


def prices(place: Project) -> Iterator[Finding]:
    """Which apps cost what: as the site has it, and whether app.py says so still."""
    from teahouse.errors import DeclarationError
    from teahouse.spec.load import load_app
    from teahouse.store import apps

    with place.house() as house, house.db.read() as c:
        served = {row.name: asks(row.declaration) for row in apps.all_latest(c)}
    written = {}
    for name, folder in place.app_folders().items():
        try:
            with redirect_stdout(sys.stderr):  # what a maker's own lines print is no finding
                written[name] = asks(load_app(folder).declaration())
        except DeclarationError as error:
            yield Finding("wrong", f"apps/{name}/app.py: {error.what} {error.why}", error.do_next)
            served.pop(name, None)
    for name, words in {**served, **written}.items():
        if words != (before := served.get(name, "")):
            now = f"the site has {before}" if before else "the site sells nothing of it"
            what = f"{name}: app.py says {words or 'no price'}, and {now}"
            yield Finding("wrong", what, "Start the site anew: teahouse serve")
        elif words:
            yield Finding("ok", f"{name}: {words}")
    if not any((*served.values(), *written.values())):
        how = 'In app.py, with Price from teahouse: App(…, free_per_day=5, price=Price("2.00 EUR", predictions=50))'
        yield Finding("wrong", "no app has a price", how)


def asks(declaration: dict[str, Any]) -> str:
    """What a declaration asks, in words; "" where it has no price."""
    from teahouse.spec.price import told

    if not (price := declaration.get("price")):
        return ""
    sum_ = told(price["amount"], price["currency"])
    return f"{declaration['free_per_day']} a day are free, {price['predictions']} more {sum_}"


def pages(place: Project) -> Iterator[Finding]:
    """What buyers may read."""
    for name in ("terms", "refunds", "tax"):
        if (place.root / "pages" / f"{name}.md").is_file():
            yield Finding("ok", f"pages/{name}.md says it in your words")
        else:
            what = f"/{name} shows what Teahouse brings along, in your name"
            yield Finding("note", what, f"Read it there. What pages/{name}.md says is shown in its place.")


def of_stripe(place: Project) -> Iterator[Finding]:
    """The account, the webhook, and whether all that Stripe remembers is known here."""
    from teahouse.errors import TeahouseError
    from teahouse.payments import chosen
    from teahouse.payments.stripe import Stripe

    with place.house() as house:
        try:
            till = chosen.till_of(place.settings, house)
            assert isinstance(till, Stripe)
            account = till.account()
        except TeahouseError as error:
            yield refused(error)
            return
        mode = "real money" if till.live else "Stripe's test mode: no money moves"
        yield Finding("ok", f"Stripe knows the key: account {account.get('id', '')} ({mode})")
        for what, words in (("charges_enabled", "take money"), ("payouts_enabled", "pay it out to your bank")):
            finish = "Finish it at https://dashboard.stripe.com/account"
            may = Finding("ok", f"the account may {words}")
            yield may if account.get(what) else Finding("wrong", f"the account may not {words} yet", finish)
        yield Finding("note", "whether Stripe sends receipts, with a pass's code on them, can not be asked of it",
                      f"See that Successful payments is on: {EMAILS}")  # fmt: skip
        yield from of_secret(house)
        try:
            yield from of_webhook(till, webhook_url(place))
            yield of_events(till, house)
        except TeahouseError as error:
            yield refused(error)


def refused(error: Any) -> Finding:
    """An error as a finding; of Stripe's, in its own words."""
    from teahouse.payments.stripe import StripeRefused

    if isinstance(error, StripeRefused):
        return Finding("wrong", f"Stripe refused this: {error.said}", f"Mend it at Stripe, or with another key: {KEYS}")
    return Finding("wrong", f"{error.what} {error.why}", error.do_next)


def of_events(till: Any, house: Any) -> Finding:
    """How many of Stripe's events are not known here; it only looks."""
    from teahouse import ids
    from teahouse.store import till_events

    with house.db.read() as c:
        last = till_events.looked_at(c) or till_events.first_order_at(c) or ids.now_ms()
    told = [one.id for one in till.since(max(0, last - DAY_MS))]
    with house.db.read() as c:
        missing = len(set(told) - till_events.known(c, told))
    if missing:
        words = f"Stripe remembers {len(told)} events of late, and {missing} of them are not known here"
        return Finding("note", words, "The site takes them within the hour, or when it starts.")
    return Finding("ok", f"Stripe remembers {len(told)} events of late, and all are known here")


def of_secret(house: Any) -> Iterator[Finding]:
    """Whether the environment names another secret than the one of the webhook that was made last."""
    from teahouse.payments import stripe

    kept = stripe.kept(house.data / "secrets").get("secret", "")
    if kept and os.environ.get(stripe.SECRET, "") not in ("", kept):
        words = f"{stripe.SECRET} is not the secret of the webhook that `teahouse pay connect` made"
        yield Finding("note", words, "Take it out of the environment, unless that webhook is the one that tells.")


def of_webhook(till: Any, url: str) -> Iterator[Finding]:
    """Whether Stripe tells this site of each payment, and the site listens."""
    from teahouse.payments.stripe import EVENTS

    mine = [one for one in till.webhooks() if one.get("url") == url and one.get("status") == "enabled"]
    if not mine:
        yield Finding("wrong", f"Stripe tells {url} nothing", "Run `teahouse pay connect` again.")
        return
    heard = set(mine[0].get("enabled_events") or ())
    missing = [] if "*" in heard else sorted(set(EVENTS) - heard)
    if missing:
        yield Finding("wrong", f"Stripe does not tell of {', '.join(missing)}", "Run `teahouse pay connect` again.")
    else:
        yield Finding("ok", f"Stripe has been told to tell {url} of each payment")
    yield heard_at(url)


def heard_at(url: str) -> Finding:
    """Whether a site hears at the address that Stripe tells of payments, and buyers come back to: what is signed by
    nobody is refused there with 400."""
    import httpx

    from teahouse.errors import BadEvent

    try:
        told = httpx.post(url, content=b"{}", timeout=10)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        why = f"nobody answers at {url}, as seen from here: {type(error).__name__}"
        return Finding("wrong", why, "See that [site] url is right, that its name leads here, and that the proxy runs.")
    if told.status_code in (429, 503):
        return Finding("note", f"the site at {url} is busy (status {told.status_code})", "Look again in a minute.")
    if BadEvent.code not in told.text:
        why = f"it is not this site, with Stripe for its till, that answers at {url} (status {told.status_code})"
        return Finding("wrong", why, "See that [site] url is right, and that the site was started again.")
    return Finding("ok", f"the site answers at {url}, and refuses what Stripe did not sign")


def running(place: Project) -> Finding:
    """Whether the site runs, and with what teahouse.toml says now."""
    from teahouse import keeper

    try:
        started = json.loads(keeper.note_of(place.data).read_text("utf-8"))["started"] / 1000
    except (OSError, ValueError, KeyError, TypeError):
        started = None
    if started is None or not keeper.is_kept(place.data):
        return Finding("note", "the site does not run just now", "teahouse serve")
    if (place.root / "teahouse.toml").stat().st_mtime > started:
        words = "the site was started before teahouse.toml was changed, and goes by what stood there then"
        return Finding("wrong", words, "Stop it and start it anew: teahouse serve")
    return Finding("ok", "the site runs with these settings")


def of_ledger(place: Project) -> Iterator[Finding]:
    """Whether every chain holds."""
    from teahouse.store import ledger

    with place.house() as house, house.db.read() as c:
        broken = [f"{pass_id.hex()[:12]}: {words}" for pass_id, words in ledger.faults(c)]
    if broken:
        words = "; ".join(broken[:5])
        yield Finding("wrong", f"the ledger is damaged: {words}", "Bring a backup back: teahouse restore")
    else:
        yield Finding("ok", "the ledger is intact")
