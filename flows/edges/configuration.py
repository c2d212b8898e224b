"""Where settings and state lie: the one reader of the environment and of coincast.toml."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flows.edges.words import one_line
from pipeline.addresses.address import Address
from pipeline.errors import SettingsError
from pipeline.settings import Settings, origins, override_settings, read_settings

PROJECT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Places:
    """The folders and addresses of one deployment.

    Attributes:
        settings: The coincast.toml in force, which need not be there; the working directory is not looked at.
        home: State folder; everything but MLflow's store lies in it.
        recipes: The operator's own recipes, TOML files beside coincast.toml.
        mlruns: MLflow's database and artifacts, where MLFLOW_TRACKING_URI is not set.
        database_url: SQLAlchemy URL of snapshots' index, ledger, scores and backfills.
        snapshots_url: fsspec URL of the raw bytes.
        publish_url: fsspec URL of the publication.
        tracking_uri: MLflow's tracking URI.
    """

    settings: Path
    home: Path
    recipes: Path
    mlruns: Path
    database_url: Address
    snapshots_url: Address
    publish_url: Address
    tracking_uri: Address

    def __post_init__(self) -> None:
        for name in ("database_url", "snapshots_url", "publish_url", "tracking_uri"):
            address = Address(getattr(self, name))
            if address.fault:
                raise SettingsError(f"{name}: {address.fault}.")
            object.__setattr__(self, name, address)


@dataclass(frozen=True)
class Configuration:
    """Settings and places together, as every command receives them."""

    settings: Settings
    places: Places


def configuration(overrides: Mapping[str, Any] | None = None) -> Configuration:
    """Settings in force and the places that follow from them.

    Args:
        overrides: Settings given on the command line; they win over file and environment.

    Raises:
        SettingsError: coincast.toml or a variable is not usable.
    """
    settings = read_settings(_settings_text(), dict(os.environ))
    if overrides:
        settings = override_settings(settings, overrides)
    if fault := Address(os.environ.get("PREFECT_API_URL", "")).fault:
        raise SettingsError(f"PREFECT_API_URL: {fault}.")
    home = (_folder("COINCAST_HOME") or _settings_path().parent / "data").resolve()
    mlruns = PROJECT / "mlruns"
    return Configuration(
        settings=settings,
        places=Places(
            settings=_settings_path(),
            home=home,
            recipes=_settings_path().parent / "recipes",
            mlruns=mlruns,
            database_url=settings.database_url or Address(f"sqlite:///{home / 'coincast.db'}"),
            snapshots_url=settings.snapshots_to or Address(str(home / "snapshots")),
            publish_url=settings.publish_to or Address(str(home / "site")),
            tracking_uri=Address(
                os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{mlruns / 'mlflow.db'}"
            ),
        ),
    )


def setting_origins() -> dict[str, str]:
    """Where each setting in force comes from: a variable's name, `coincast.toml` or `default`."""
    return origins(_settings_text(), os.environ)


def _settings_path() -> Path:
    return (_folder("COINCAST_SETTINGS") or PROJECT / "coincast.toml").resolve()


def _folder(variable: str) -> Path | None:
    """A path of this machine that a variable names; None where it is not set."""
    text = os.environ.get(variable, "")
    if ":/" in text or str(Address(text)) != text:
        raise SettingsError(
            f"{variable} is a path of this machine, as /srv/coincast; got {str(Address(text))[:80]!r}."
            " An object store has COINCAST_PUBLISH_TO and COINCAST_SNAPSHOTS_TO."
        )
    return Path(text) if text else None


def _settings_text() -> str:
    path = _settings_path()
    if not path.is_file():
        if "COINCAST_SETTINGS" in os.environ:
            raise SettingsError(f"COINCAST_SETTINGS names {path}, which is not a file.")
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read as UTF-8 text: {one_line(error)}.") from error
