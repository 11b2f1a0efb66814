"""Settings: teahouse.toml, environment and flags in one checked object, and where the project is."""

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from teahouse.errors import SettingsError, likely


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Site(Section):
    title: str = Field("", description="Name of the house, shown on the shelf; the app's own title where empty.")
    url: str = Field(
        "", description="Public address, for example https://tea.example; where empty, the loopback address."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8360, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")


class Store(Section):
    data: str = Field(".teahouse", description="Data directory, relative to the project; removing it is a fresh site.")


class EngineSection(Section):
    memory_mb: int = Field(1024, ge=256, description="Memory that one model worker may take, in MB.")
    deadline_s: float = Field(
        10.0,
        gt=0,
        le=120,
        description="Cleaning a photo or drawing a card is given up after so many seconds; an answer after those of "
        "its App(deadline_s=…).",
    )


class Keep(Section):
    days: int = Field(90, ge=1, description="Days that answers' records, and photos that nobody accepted, are kept.")
    most_gb: float = Field(20.0, gt=0, description="GB of visitors' photos; past it no new ones are kept.")
    forget_days: int = Field(
        30, ge=1, description="Days within which a release that learned from an erased row is to be replaced."
    )


class Loop(Section):
    retrain_after: int = Field(50, ge=1, description="Retrain when so many new accepted labels are there.")
    train: Literal["here", "hand"] = Field(
        "here", description="here: the loop trains by itself; hand: only when asked."
    )
    promote: Literal["auto", "ask"] = Field(
        "auto", description="auto: a verdict of promote is carried out; ask: the owner does."
    )
    canary_share: float = Field(
        0.05, ge=0, le=1, description="Share of visitors who get a new release first; 0: everybody gets it at once."
    )
    canary_answers: int = Field(
        200, ge=1, description="Answers to them, without trouble, after which everybody may get it."
    )
    canary_hours: float = Field(
        24.0, ge=0, description="Hours without trouble after which everybody gets it though few visitors came."
    )
    review: Literal["owner", "auto"] = Field(
        "owner",
        description="owner: every word waits for the owner; auto: trusted words count, unless the release was all but "
        "sure of something else.",
    )


class Limits(Section):
    trusted_proxies: list[str] = Field(default_factory=list, description="Addresses whose X-Forwarded-For is believed.")
    requests_per_minute: int = Field(600, ge=1, description="Requests that one network may make in a minute.")

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, given: list[str]) -> list[str]:
        for one in given:
            ipaddress.ip_network(one, strict=False)  # its ValueError names the one that is none
        return given


class Money(Section):
    till: Literal["test", "stripe"] = Field(
        "test", description="test: play money, so that all can be tried; stripe: real, after `teahouse pay connect`."
    )
    contact: str = Field(
        "", max_length=200, description="Whom buyers write to: an e-mail address, shown where passes are sold."
    )
    hour_costs: float = Field(0.0, ge=0, description="What an hour of a worker costs, in the currency of your price.")
    gb_costs: float = Field(0.0, ge=0, description="What a GB that comes in or goes out costs.")
    day_hours: float = Field(0.0, ge=0, description="Hours of work a day; then free play is closed for today. 0: any.")
    month_hours: float = Field(0.0, ge=0, description="The same for a month.")
    day_gb: float = Field(0.0, ge=0, description="GB in and out a day; then free play is closed for today. 0: any.")
    month_gb: float = Field(0.0, ge=0, description="The same for a month.")
    day_costs: float = Field(0.0, ge=0, description="What a day may cost; then free play is closed for today. 0: any.")
    month_costs: float = Field(0.0, ge=0, description="The same for a month.")


class Notify(Section):
    email: str = Field("", max_length=200, description="Who is told by e-mail; TEAHOUSE_SMTP_URL says through whom.")
    sender: str = Field("", max_length=200, description="From whom these mails come; the same address where empty.")
    webhook: str = Field("", max_length=2000, description="An https:// address that is told as JSON.")
    local: bool = Field(False, description="true: the webhook may lie in this machine's own network.")

    @property
    def is_set(self) -> bool:
        """Whether anybody is to be told."""
        return bool(self.email or self.webhook)

    @field_validator("email", "sender")
    @classmethod
    def _are_addresses(cls, given: str) -> str:
        if given and (given.count("@") != 1 or any(sign.isspace() or sign in "<>,;" for sign in given)):
            raise ValueError("write one address, such as kin@tea.example")
        return given


class Settings(BaseSettings):
    """Flag > TEAHOUSE_SECTION_KEY > teahouse.toml > default. Secrets are never settings."""

    model_config = SettingsConfigDict(
        env_prefix="TEAHOUSE_", env_nested_delimiter="_", env_nested_max_split=1, extra="forbid"
    )

    site: Site = Site()
    store: Store = Store()
    engine: EngineSection = EngineSection()
    keep: Keep = Keep()
    loop: Loop = Loop()
    limits: Limits = Limits()
    money: Money = Money()
    notify: Notify = Notify()
    project: Path = Path(".")

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type, init_settings: Any, env_settings: PydanticBaseSettingsSource, **_: Any
    ) -> tuple[Any, ...]:
        return env_settings, init_settings

    @property
    def data_dir(self) -> Path:
        """$TEAHOUSE_DATA, else [store] data in the project."""
        given = os.environ.get("TEAHOUSE_DATA")
        return Path(given).resolve() if given else (self.project / self.store.data).resolve()

    @property
    def url(self) -> str:
        """The site's address without a slash at its end."""
        everywhere = ("0.0.0.0", "::")  # noqa: S104  compared with, not bound to
        host = "127.0.0.1" if self.site.host in everywhere else self.site.host
        return self.site.url.rstrip("/") or f"http://{host}:{self.site.port}"


SECTIONS = ("site", "store", "engine", "keep", "loop", "limits", "money", "notify")


def find_project(start: Path | None = None) -> Path | None:
    """The nearest folder upwards that holds a teahouse.toml."""
    here = Path(start or Path.cwd()).resolve()
    return next((folder for folder in (here, *here.parents) if (folder / "teahouse.toml").is_file()), None)


def load(root: Path | None = None, **flags: dict[str, Any]) -> Settings:
    """The settings of the project at `root` (found upwards from here where None); `flags` as {"site": {"port": 0}} win.

    Raises SettingsError that names the key and the likely word."""
    project = Path(root) if root else (find_project() or Path.cwd())
    file = project / "teahouse.toml"
    try:
        written = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("teahouse.toml can not be read.", str(error), "Mend that line.") from error
    _refuse_unknown(written)
    try:
        merged = {section: dict(written.get(section, {})) for section in SECTIONS}
        settings = Settings(**merged, project=project.resolve())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"The setting {place} can not be used.", f"{first['msg']}.", f"Mend it in {file.name} or the environment."
        ) from error
    for section, values in flags.items():
        part = getattr(settings, section)
        setattr(
            settings,
            section,
            part.model_validate(
                {**part.model_dump(), **{key: value for key, value in values.items() if value is not None}}
            ),
        )
    return settings


def _refuse_unknown(written: dict[str, Any]) -> None:
    for section, values in written.items():
        if section not in SECTIONS:
            raise SettingsError(
                f"teahouse.toml has an unknown section [{section}].",
                f"Known: {', '.join(SECTIONS)}.",
                likely(section, SECTIONS).strip(),
            )
        known = Settings.model_fields[section].annotation.model_fields
        if not isinstance(values, dict):
            what = f"{section} in teahouse.toml is no section."
            raise SettingsError(what, do_next=f"Write [{section}] above its keys.")
        for key in values:
            if key not in known:
                raise SettingsError(
                    f"teahouse.toml has an unknown key {key} in [{section}].",
                    f"Known: {', '.join(known)}.",
                    likely(key, known).strip(),
                )
