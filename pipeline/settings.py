"""What coincast.toml may say, frozen and checked."""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator

from pipeline.addresses.address import Address, WebhookAddress
from pipeline.addresses.named_address import DEFAULT_SOURCE, SOURCE_NAMES, NamedAddress
from pipeline.addresses.public import public_link
from pipeline.errors import SettingsError
from pipeline.models.callbacks import LARGEST_SEED
from pipeline.monitoring.catch_up import CatchUp
from pipeline.series import Series

ENVIRONMENT_PREFIX: Final = "COINCAST_"
# Values of what addresses refer to by {secret:NAME}; no settings.
SECRET_PREFIX: Final = f"{ENVIRONMENT_PREFIX}SECRET_"
# Read elsewhere: where state and settings lie, by what `up` knows its own, and what CI demands of the tests.
_PATHS: Final = ("COINCAST_HOME", "COINCAST_SETTINGS")
_OTHER_VARIABLES: Final = frozenset({*_PATHS, "COINCAST_REQUIRE_SERVICES", "COINCAST_SERVICE"})
_LISTS: Final = frozenset({"series", "sources"})


class Settings(BaseModel):
    """One operator's choices. Unknown keys are errors.

    An address may refer to a credential by `{secret:NAME}` instead of holding it, and so may `webhook_secret`.

    Attributes:
        series: What `daily` forecasts.
        source: URL or folder that holds the CSV files of the source `cdd`.
        sources: Where candles come from, `cdd` and `binance-archive`: the first that has a day is used. As
            `NAME=URL` (or a folder) the archive is read there.
        fill_holes_from: Source that fills holes inside the history; empty for none.
        recipe: Name of the recipe whose model is published.
        seed: Seed of every fit.
        refit_every: Days between fits on the refit calendar; 1 fits every day. Between them the last fit forecasts.
        publish_to: fsspec URL of the publication target; empty means `site/` under the state folder.
        site_url: Public address of the published site, as `https://example.org/forecasts`: a link to a page then has
            a picture where it is shared; empty for none.
        publish_truth: Whether closes may be published (the vendor's terms decide).
        database_url: SQLAlchemy URL of the ledger; empty means SQLite under the state folder.
        snapshots_to: fsspec URL of the snapshot store; empty means `snapshots/` under the state folder.
        webhook_url: Where each publication is announced; empty for nowhere.
        webhook_secret: Key of the announcement's HMAC-SHA256 signature.
        download_limit_mb: Largest file accepted from a source, in MiB.
        fit_limit_s: Seconds after which a fit is ended as failed.
        fit_processes: Processes that make a run's fits side by side; 1 for none beside the run's own, 0 for as many
            as there are processors (4 at most) where three or more series are to be fitted.
        stale_after_days: Days without a new candle after which a source is called stale.
        wait_for_source_minutes: How long the scheduled run waits for a late file before the day is called stale.
        poll_every_minutes: Minutes between two looks at a late file.
        catch_up: What missed days get: `latest` (the newest day only), `all` (those of the last 30 days too), or
            `none` (a run that starts a day late forecasts nothing).
        log_format: What commands write to standard error: `text`, or `json` for an object a line.
        metrics_file: Absolute path of a `.prom` file that each daily run writes for node-exporter; empty for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    series: tuple[str, ...] = ("binance/BTCUSDT/1d",)
    source: Address = Address("https://www.cryptodatadownload.com/cdd")
    sources: tuple[NamedAddress, ...] = (NamedAddress(DEFAULT_SOURCE),)
    fill_holes_from: str = ""
    recipe: str = "range-blend"
    seed: int = Field(default=1, ge=0, le=LARGEST_SEED)
    refit_every: int = Field(default=1, ge=1)
    publish_to: Address = Address()
    site_url: str = ""
    publish_truth: bool = False
    database_url: Address = Address()
    snapshots_to: Address = Address()
    webhook_url: WebhookAddress = WebhookAddress()
    webhook_secret: SecretStr = SecretStr("")
    download_limit_mb: int = Field(default=64, ge=1)
    fit_limit_s: float = Field(default=900.0, gt=0)
    fit_processes: int = Field(default=0, ge=0, le=64)
    stale_after_days: int = Field(default=2, ge=1)
    wait_for_source_minutes: int = Field(default=320, ge=0, le=1200)
    poll_every_minutes: int = Field(default=10, ge=1, le=120)
    catch_up: CatchUp = "latest"
    log_format: Literal["text", "json"] = "text"
    metrics_file: str = ""

    @field_validator("metrics_file")
    @classmethod
    def _metrics_are_found(cls, path: str) -> str:
        if path and not (path.startswith("/") and path.endswith(".prom")):
            raise SettingsError(
                f"Setting 'metrics_file': give an absolute path that ends in .prom; got {path[:80]!r}."
            )
        return path

    @field_validator("series")
    @classmethod
    def _series_are_series(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        if not texts:
            raise SettingsError("Setting 'series': name at least one series, as in binance/BTCUSDT/1d.")
        for text in texts:
            Series.parse(text)
        return tuple(dict.fromkeys(texts))

    @field_validator("source", "publish_to", "database_url", "snapshots_to", "webhook_url")
    @classmethod
    def _addresses_are_clear(cls, address: Address, field: ValidationInfo) -> Address:
        if address.fault:
            raise SettingsError(f"Setting {field.field_name!r}: {address.fault}.")
        return address

    @field_validator("site_url")
    @classmethod
    def _site_is_public(cls, url: str) -> str:
        if url and not public_link(url):
            raise SettingsError(
                "Setting 'site_url': expected the address at which everybody reads the site, as "
                f"https://example.org/forecasts; got {str(Address(url))[:120]!r}. Leave it empty where there is none."
            )
        return url.rstrip("/")

    @field_validator("sources")
    @classmethod
    def _sources_are_known(cls, given: tuple[NamedAddress, ...]) -> tuple[NamedAddress, ...]:
        if not given:
            raise SettingsError(f"Setting 'sources': name at least one, as in {DEFAULT_SOURCE}.")
        for one in given:
            _require_source(one.name, setting="sources")
            if one.name == DEFAULT_SOURCE and one.address:
                raise SettingsError(
                    f"Setting 'sources': write {one.name!r} alone; its address is the setting 'source'."
                )
        if len({one.name for one in given}) < len(given):
            raise SettingsError(f"Setting 'sources': name each once; got {', '.join(map(str, given))[:200]}.")
        return given

    @field_validator("fill_holes_from")
    @classmethod
    def _filler_is_known(cls, name: str) -> str:
        if name:
            _require_source(name, setting="fill_holes_from")
        return name


def read_settings(text: str, environment: Mapping[str, str]) -> Settings:
    """Settings from the text of coincast.toml, overridden by `COINCAST_<KEY>` variables.

    Lists are comma-separated in a variable: `COINCAST_SERIES=binance/BTCUSDT/1d,binance/ETHUSDT/1d`.

    Raises:
        SettingsError: The text is not TOML, a key is unknown, or a value is not usable.
    """
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"coincast.toml is not valid TOML: {error}") from error
    for name, value in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or name in _OTHER_VARIABLES:
            continue
        if name.startswith(SECRET_PREFIX):
            continue
        key = name.removeprefix(ENVIRONMENT_PREFIX).lower()
        if key not in Settings.model_fields:
            known = ", ".join(
                sorted(
                    [*_PATHS, *(f"{ENVIRONMENT_PREFIX}{field.upper()}" for field in Settings.model_fields)]
                )
            )
            raise SettingsError(f"{name} is not a setting; the variables are {known}.")
        values[key] = [part.strip() for part in value.split(",") if part.strip()] if key in _LISTS else value
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from error


def origins(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Where each setting in force comes from: a variable's name, `coincast.toml` or `default`."""
    written = tomllib.loads(text)
    variables = {key: f"{ENVIRONMENT_PREFIX}{key.upper()}" for key in Settings.model_fields}
    return {
        key: variable if variable in environment else "coincast.toml" if key in written else "default"
        for key, variable in variables.items()
    }


def override_settings(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with some of them changed, checked as those of the file are.

    Raises:
        SettingsError: A key is unknown, or a value is not usable.
    """
    try:
        return Settings(**{**settings.model_dump(), **changes})
    except ValidationError as error:
        raise SettingsError(_explain(error)) from error


def _require_source(name: str, *, setting: str) -> None:
    if name not in SOURCE_NAMES:
        near = get_close_matches(name, SOURCE_NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(SOURCE_NAMES)}."
        raise SettingsError(f"Setting {setting!r}: {name[:60]!r} is no source; {hint}")


def _explain(error: ValidationError) -> str:
    """The first fault in a line: which key, what is wrong, which keys there are."""
    fault = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{key!r} is not a setting of coincast.toml; the keys are {', '.join(Settings.model_fields)}."
    return f"Setting {key!r}: {fault['msg']}."
