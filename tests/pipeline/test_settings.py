import pytest

from pipeline.errors import SettingsError, UnknownSeriesError
from pipeline.settings import Settings, override_settings, read_settings


def test_the_environment_wins_over_the_file() -> None:
    settings = read_settings('seed = 3\nrecipe = "har-range"', {"COINCAST_SEED": "5", "HOME": "/"})
    assert (settings.seed, settings.recipe) == (5, "har-range")


def test_a_list_in_a_variable_is_separated_by_commas() -> None:
    settings = read_settings("", {"COINCAST_SERIES": "binance/BTCUSDT/1d, kraken/XRPUSD/1d"})
    assert settings.series == ("binance/BTCUSDT/1d", "kraken/XRPUSD/1d")


@pytest.mark.parametrize(
    ("text", "environment", "said"),
    [
        ("sed = 1", {}, "'sed' is not a setting"),
        ("seed = ", {}, "not valid TOML"),
        ("seed = -1", {}, "'seed'"),
        ("refit_every = 0", {}, "'refit_every'"),
        ("series = []", {}, "at least one series"),
        ('metrics_file = "coincast.prom"', {}, "absolute path that ends in .prom"),
        ('metrics_file = "/var/coincast.txt"', {}, "absolute path that ends in .prom"),
        ("", {"COINCAST_SEDE": "1"}, "COINCAST_SEDE is not a setting"),
        (
            "",
            {"COINCAST_CONFIG": "a"},
            "COINCAST_SERIES, COINCAST_SETTINGS, COINCAST_SITE_URL, COINCAST_SNAPSHOTS_TO",
        ),
    ],
)
def test_what_is_not_a_setting_is_an_error(text: str, environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read_settings(text, environment)


def test_changes_are_checked_as_the_file_is() -> None:
    assert override_settings(Settings(seed=3), {"refit_every": 7}) == Settings(seed=3, refit_every=7)
    for changes, said in (({"sed": 1}, "'sed' is not a setting"), ({"seed": -1}, "'seed'")):
        with pytest.raises(SettingsError, match=said):
            override_settings(Settings(), changes)


def test_a_series_of_another_form_is_named() -> None:
    with pytest.raises(UnknownSeriesError, match="BTC-USD"):
        read_settings('series = ["BTC-USD"]', {})


def test_settings_do_not_change_and_hide_the_secret() -> None:
    settings = Settings(webhook_secret="hush")
    assert "hush" not in repr(settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.seed = 2  # type: ignore[misc]


def test_sources_are_named_once_and_known() -> None:
    assert [str(one) for one in Settings().sources] == ["cdd"]
    text = 'sources = ["cdd", "binance-archive=https://mia:pass@mirror.example/x"]\nfill_holes_from = "binance-archive"'
    given = read_settings(text, {})
    assert [(one.name, str(one.address)) for one in given.sources] == [
        ("cdd", ""),
        ("binance-archive", "https://mirror.example/x"),
    ]
    assert "pass" not in str(given.model_dump(mode="json"))
    assert override_settings(given, {"seed": 2}).sources == given.sources
    assert (
        read_settings("", {"COINCAST_SOURCES": "cdd, binance-archive"}).sources[1].name == "binance-archive"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('sources = ["binance-archiv"]', "did you mean 'binance-archive'"),
        ('sources = ["kaiko"]', "there are cdd, binance-archive"),
        ("sources = []", "at least one"),
        ('sources = ["cdd", "cdd"]', "each once"),
        ('sources = ["cdd=https://host"]', "the setting 'source'"),
        ('fill_holes_from = "binance"', "is no source"),
    ],
)
def test_sources_that_are_none_are_refused(text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        read_settings(text, {})


def test_a_site_has_a_public_address_or_none() -> None:
    assert (
        read_settings('site_url = "https://example.org/forecasts/"', {}).site_url
        == "https://example.org/forecasts"
    )
    assert read_settings("", {}).site_url == ""
    for private in (
        "http://127.0.0.1:8080",
        "http://localhost/x",
        "ftp://example.org",
        "https://me:secret@example.org",
    ):
        with pytest.raises(SettingsError, match="site_url") as refused:
            read_settings(f'site_url = "{private}"', {})
        assert "secret" not in str(refused.value)
