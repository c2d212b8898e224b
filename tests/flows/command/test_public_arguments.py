"""An address in the wrong place: whatever argument holds it, what the command says of it is its public form."""

import sys
from pathlib import Path

import pytest

from flows.command import main
from flows.edges.words import without_arguments

URLS = (
    "http://u:PW@h/x?key=K5",
    "https://user:PW/a@h/x?k=K5",
    "s3:/ACCESS:PW@bucket/x?k=K5",
    "postgresql://mia:PW@h/n?password=K5",
    "https://VENDORUSERNAMEOFTHEOLDERKIND:PWPWPWPWPWPWPWPWPWPWPWPWPWPWPWPWPW@h/x?k=K5",
)
ORDERS = (
    "train --recipe range-lstm --file {}", "train --recipe {} --file {}", "inspect {}", "backtest --file {}",
    "daily --recipe {}", "daily {}", "daily --series {}", "daily --as-of {}", "daily --now {}", "recipes show {}",
    "hub validate {}", "backfill --plan {}",
    "backfill --from 2026-01-01 --to 2026-01-02 --dry-run --plan-out {}", "compare --recipes {} --file {}",
    "compare --recipes range-lstm --file {}", "sweep --recipe {} --file {}", "leak-check --file {}",
    "snapshots accept {}", "snapshots list --series {}", "models promote {}", "{}", "daily --{}", "forecast --as-of={}",
    "daily --source {} --nothing-like-it {}", "up --prefect-port {}", "settings {}",
)  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("url", URLS)
def test_no_argument_is_repeated_with_its_credentials(
    order: str, url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["coincast", *(word.replace("{}", url) for word in order.split())])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = "".join("".join(capfd.readouterr()).split())
    assert said
    assert not [secret for secret in ("PW", "K5") if secret in said], said


def test_a_setting_of_a_sweep_is_no_credential(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "candles.csv").touch()
    order = ["coincast", "sweep", "--recipe", "guide-lstm", "--file", str(tmp_path / "candles.csv"), "--vary"]
    for vary, words in (("x=1,2", "no setting 'x'"), ("window=y", "--vary window, value y: ")):
        monkeypatch.setattr(sys, "argv", [*order, vary])
        with pytest.raises(SystemExit):
            main()
        said = capsys.readouterr().err
        assert words in said
        assert "…" not in said


def test_settings_show_no_credential_of_a_misplaced_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COINCAST_RECIPE", URLS[0])
    monkeypatch.setattr(sys, "argv", ["coincast", "settings"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    for variable in ("COINCAST_HOME", "COINCAST_SETTINGS"):
        for url in URLS:
            monkeypatch.setenv(variable, url)
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code == 2
    said = "".join(capsys.readouterr())
    assert "COINCAST_HOME is a path of this machine" in said
    assert not [secret for secret in ("PW", "K5") if secret in said], said


def test_an_argument_that_is_cut_short_is_hidden_too() -> None:
    url = "https://vendor:a-long-password@h/x"
    assert (
        without_arguments(f"--as-of is a date; got {url[:24]!r}.", [url])
        == "--as-of is a date; got 'https://h/x'."
    )
