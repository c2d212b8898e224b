"""No credential leaves the process: each is planted in every place that can hold one, and then looked for everywhere.

The daily job succeeds once and fails in every way; every byte of the state folder, the publication, MLflow's and
Prefect's stores, the output and the logs is searched for every secret in every form in which it may be written.
"""

import base64
import json
import logging
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

import pytest
from typer.testing import CliRunner

from flows.command import app, main
from flows.day import stages
from flows.edges.configuration import PROJECT, configuration
from flows.edges.credentials import full_address
from flows.edges.files.targets import publish
from flows.edges.http.demo_site import Reply, Site, serve_market
from flows.edges.http.http_file import fetch_file
from flows.edges.http.retry_policy import RetryPolicy
from flows.edges.sources.base import require_base
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.tracking.experiments import open_tracking
from flows.edges.words import without_secrets
from flows.inputs.stores import open_stores
from flows.tasks.private_flow import RedactedError
from pipeline.addresses.address import Address
from pipeline.errors import CoincastError, InputError, SettingsError
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_harness")]

# Of a vendor whose files are not simulated, so that the page says where they come from.
SERIES = Series("binance", "BTCUSDT")
FIRST, LAST = date(2023, 10, 1), date(2026, 3, 29)
CHAT = "T0SECRETPATH/B0SECRETPATH"

Planted = dict[str, str]


class Secrets:
    """Secrets by where they were planted; a sign that addresses must escape is in each."""

    def __init__(self) -> None:
        self.values: Planted = {}

    def plant(self, place: str) -> str:
        """A new secret, as it is written in an address."""
        return quote(self.values.setdefault(place, f"{place}+Zq7/{len(self.values)}x@9"), safe="")

    def forms(self) -> Iterator[tuple[str, bytes]]:
        """Every secret in every form, by its place."""
        for place, value in self.values.items():
            for form in {value, quote(value), quote(value, safe=""), quote_plus(value)}:
                yield place, form.encode()
            for other, password in self.values.items():
                if other == place.replace("user", "password"):
                    yield place, base64.b64encode(f"{value}:{password}".encode())

    def in_bytes(self, content: bytes) -> set[str]:
        """Places whose secret stands in a text."""
        return {place for place, form in self.forms() if form in content}

    def in_files(self, *roots: Path) -> set[str]:
        """Where secrets stand under folders, and in the names of what lies there."""
        files = [path for root in roots for path in (root.rglob("*") if root.is_dir() else [root])]
        found = {
            f"{place} in the name {path}" for path in files for place in self.in_bytes(str(path).encode())
        }
        for path in files:
            if path.is_file():
                found |= {f"{place} in {path}" for place in self.in_bytes(path.read_bytes())}
        return found


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


@pytest.fixture
def site() -> Iterator[Site]:
    candles = simulate_candles(seed=12, first=FIRST, last=LAST, price=20_000.0)
    with serve_market({file_name(SERIES): wire_format(candles, SERIES)}) as served:
        yield served


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A receiver that refuses everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(403)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def nowhere() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def prefect_store() -> Callable[[], list[Path]]:
    """The files of the server's database, when all that was logged has arrived there."""

    def files() -> list[Path]:
        from prefect.logging.handlers import APILogHandler
        from prefect.settings import get_current_settings

        APILogHandler().flush()
        url = str(get_current_settings().server.database.connection_url.get_secret_value())
        database = Path(url.partition(":///")[2])
        assert database.is_file(), url
        return [path for path in database.parent.glob(f"{database.name}*") if path.is_file()]

    return files


@pytest.fixture
def planted(
    secrets: Secrets, site: Site, hook: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Secrets in every variable that may hold one; the overrides of a run, which hold more."""
    plant, port = secrets.plant, hook.server_port
    variables = {
        "PREFECT_API_AUTH_STRING": f"{plant('prefect-user')}:{plant('prefect-password')}",
        "PREFECT_SERVER_API_AUTH_STRING": f"{plant('server-user')}:{plant('server-password')}",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql://u:{plant('prefect-db')}@127.0.0.1/none",
        "AWS_SECRET_ACCESS_KEY": plant("aws"),
        "MLFLOW_TRACKING_PASSWORD": plant("mlflow-variable"),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "COINCAST_WEBHOOK_SECRET": plant("hook-key"),
        "COINCAST_WEBHOOK_URL": f"http://{plant('hook-user')}:{plant('hook-password')}@127.0.0.1:{port}/{CHAT}?token="
        f"{plant('hook-query')}",
        "COINCAST_SOURCE": f"http://u:{plant('unused-source')}@127.0.0.1/cdd",
        "COINCAST_SECRET_SPARE": plant("spare"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    secrets.values["hook-path"] = CHAT
    return {"source": address(secrets, "source", site.url), "recipe": "tiny-range"}


def address(secrets: Secrets, place: str, url: str) -> str:
    """The URL with a user, a password, a key in its query and one in its fragment."""
    scheme, _, rest = url.partition("://")
    login = f"{secrets.plant(f'{place}-user')}:{secrets.plant(f'{place}-password')}"
    key, mark = secrets.plant(f"{place}-key"), secrets.plant(f"{place}-mark")
    return f"{scheme}://{login}@{rest}?k={key}#{mark}"


def run_day(overrides: dict[str, Any], *, day: date = LAST) -> list[Any]:
    from flows.daily import daily

    outcomes: list[Any] = daily(
        series=[str(SERIES)], now=f"{day + timedelta(days=1)}T00:15:00Z", overrides=overrides
    )
    return outcomes


def leave_open(home: Path) -> None:
    """State as an earlier version left it: readable for everybody."""
    before = os.umask(0o022)
    try:
        (home / "snapshots" / "objects").mkdir(parents=True)
        (home / "coincast.db").touch(mode=0o644)
    finally:
        os.umask(before)


def open_files(folder: Path, *, below: Sequence[str] = ()) -> list[str]:
    """What others may read or write, or pass through to what lies in it."""
    tops = [path for path in folder.iterdir() if path.name not in below]
    return [str(path) for path in tops if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]


def test_no_credential_leaves_a_day_that_succeeds_or_fails(
    secrets: Secrets,
    planted: dict[str, Any],
    site: Site,
    nowhere: int,
    own_state: Path,
    tmp_path: Path,
    prefect_store: Callable[[], list[Path]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.DEBUG)

    leave_open(own_state)

    (outcome,) = run_day(planted)
    assert outcome.outcome == "published"
    assert "The webhook was not told of the publication: answered 403." in outcome.warnings
    latest = json.loads((own_state / "site" / "latest.json").read_text())
    assert latest["series"][SERIES.slug]["data"]["source"] == site.url
    said = str(outcome.as_dict())
    assert site.requests[0].path.endswith(f"?k={secrets.plant('source-key')}")
    login = ":".join(secrets.values[f"source-{part}"] for part in ("user", "password"))
    assert site.requests[0].headers["Authorization"] == f"Basic {base64.b64encode(login.encode()).decode()}"
    assert stat.S_IMODE(own_state.stat().st_mode) == 0o711
    assert open_files(own_state, below=("site",)) == []
    assert open_files(tmp_path / "mlruns", below=("artifacts",)) == []
    assert stat.S_IMODE((tmp_path / "mlruns" / "artifacts").stat().st_mode) == 0o700
    for path in (own_state / "site", *(own_state / "site").rglob("*")):
        if path.name != "lock":
            assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path

    gone = f"127.0.0.1:{nowhere}"
    # A login in an s3 address is used, so a bucket would be asked for at Amazon.
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{gone}")
    failing: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
        "nobody listens": ({"source": address(secrets, "away", f"http://{gone}/cdd")}, {}),
        "no database": (
            {
                "database_url": f"postgresql://u:{secrets.plant('lost')}@{gone}/x?password={secrets.plant('query')}"
            },
            {},
        ),
        "no snapshots": ({"snapshots_to": address(secrets, "snapshots", f"ftp://{gone}/x")}, {}),
        "no MLflow": ({}, {"MLFLOW_TRACKING_URI": address(secrets, "mlflow", f"http://{gone}")}),
    }
    for overrides, variables in failing.values():
        with monkeypatch.context() as changed:
            for name, value in variables.items():
                changed.setenv(name, value)
            with pytest.raises(CoincastError) as refused:
                run_day(planted | overrides)
            said += str(refused.value)

    for overrides in (
        {
            "database_url": f"postgresql://u@{gone}/x?password={secrets.plant('more')}&no={secrets.plant('option')}"
        },
        {"database_url": f"postgresql:/u:{secrets.plant('misspelt')}@x"},
        {"snapshots_to": f"s3://K:{secrets.plant('bucket')}@bucket/x"},
        {"snapshots_to": f"nothing://u:{secrets.plant('kind')}@x/y"},
        {"snapshots_to": f"ftp:/u:{secrets.plant('folder')}@x/y"},
        {"snapshots_to": f"file://u:{secrets.plant('local')}@x/y"},
    ):
        with pytest.raises(CoincastError) as refused:
            open_stores(configuration(overrides).places).snapshots.stored()
        said += str(refused.value)
    with pytest.raises(CoincastError) as refused:
        require_base(f"ftp:/u:{secrets.plant('source')}@{gone}/x")
    said += str(refused.value)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://u:{secrets.plant('file')}@x/y")
    with pytest.raises(CoincastError) as refused:
        open_tracking(configuration().places)
    said += str(refused.value)
    target = address(secrets, "site", f"ftp://{gone}/site")
    for url in (
        target,
        f"s3://K:{secrets.plant('site-bucket')}@bucket/site",
        f"s3:/u:{secrets.plant('site')}@x",
    ):
        with pytest.raises(CoincastError) as refused:
            publish({"index.html": b"x"}, url)
        said += str(refused.value)

    assert secrets.in_bytes(said.encode()) == set()
    assert secrets.in_bytes("\n".join(record.getMessage() for record in caplog.records).encode()) == set()
    assert secrets.in_bytes("".join(capfd.readouterr()).encode()) == set()
    assert secrets.in_bytes(caplog.text.encode()) == set()
    assert secrets.in_files(own_state, tmp_path / "mlruns", *prefect_store()) == set()


def test_no_credential_leaves_a_download_that_fails(
    secrets: Secrets,
    own_state: Path,
    prefect_store: Callable[[], list[Path]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replies = {
        "HTTP 401": Reply(status=401),
        "HTTP 404": Reply(status=404),
        "could not be reached": Reply(status=302, headers={"Location": "http://u:pass-of-another@["}),
        "web page": Reply(body=b"<html>no</html>"),
        "cut off": Reply(body=b"unix,date\n1,2", promised_bytes=400),
        "no candle file": Reply(body=b"date,close\n"),
    }
    once = RetryPolicy(connect_s=2, read_s=2, retries=0)
    monkeypatch.setattr(stages, "download_from", partial(stages.download_from, policy=once))
    with serve_market({}, script=replies.values()) as site:
        overrides = {"source": address(secrets, "source", site.url), "recipe": "tiny-range"}
        for said in replies:
            with pytest.raises(CoincastError, match=said) as failed:
                run_day(overrides)
            assert secrets.in_bytes(str(failed.value).encode()) == set()
    assert secrets.in_bytes(caplog.text.encode()) == set()
    assert secrets.in_files(own_state, *prefect_store()) == set()


def test_no_credential_leaves_by_an_error_that_nobody_expects(
    secrets: Secrets,
    planted: dict[str, Any],
    own_state: Path,
    prefect_store: Callable[[], list[Path]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object, **__: object) -> NoReturn:
        try:
            raise ValueError(f"nobody home at {full_address(planted['source'])}")
        except ValueError as error:
            raise RuntimeError(f"{secrets.values['source-password']} was refused") from error

    monkeypatch.setattr(stages, "check_market", broken)
    with pytest.raises(CoincastError, match=r"RuntimeError: \*\*\* was refused"):
        run_day(planted)
    assert "was refused" in caplog.text
    assert secrets.in_bytes(caplog.text.encode()) == set()
    assert secrets.in_files(own_state, *prefect_store()) == set()

    monkeypatch.setattr("flows.daily.plan_jobs", broken)
    with pytest.raises(RedactedError, match=r"RuntimeError: \*\*\* was refused"):
        run_day(planted)
    assert secrets.in_bytes(caplog.text.encode()) == set()
    assert secrets.in_files(own_state, *prefect_store()) == set()


def test_the_command_tells_no_credential(secrets: Secrets, site: Site, nowhere: int, tmp_path: Path) -> None:
    """Its whole process: what it prints, what Prefect keeps of it, and a traceback that nobody caught."""
    source = address(secrets, "source", f"http://127.0.0.1:{nowhere}/cdd")
    environment = os.environ | {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "COINCAST_WEBHOOK_URL": f"https://hooks.example/{secrets.plant('hook')}",
    }
    order = [sys.executable, "-m", "flows", "daily", "--source", source, "--recipe", "tiny-range"]
    order[1:3] = ["-c", "from flows.command import main; main()"]
    done = subprocess.run(order, env=environment, cwd=PROJECT, capture_output=True, check=False, timeout=300)
    assert done.returncode == 2
    assert b"could not be reached" in done.stderr
    assert secrets.in_bytes(done.stdout + done.stderr) == set()
    assert secrets.in_files(tmp_path) == set()
    assert (tmp_path / "prefect" / "prefect.db").stat().st_mode & 0o077 == 0

    probe = (
        "from flows.edges.machine.private_logging import keep_logs_public\n"
        "from flows.edges.credentials import full_address\n"
        "import sys, threading; keep_logs_public(); url = full_address(sys.argv[1])\n"
        "def lost(): raise OSError(url)\n"
        "thread = threading.Thread(target=lost); thread.start(); thread.join(); raise OSError(url.partition('@')[0])"
    )
    lost = subprocess.run(
        [sys.executable, "-c", probe, source], cwd=PROJECT, capture_output=True, check=False
    )
    assert lost.stderr.count(b"OSError: ") == 2
    assert secrets.in_bytes(lost.stdout + lost.stderr) == set()


def test_settings_doctor_and_plans_show_public_forms(
    secrets: Secrets, planted: dict[str, Any], tmp_path: Path, nowhere: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = f"127.0.0.1:{nowhere}"
    for setting in ("PUBLISH_TO", "SNAPSHOTS_TO"):
        monkeypatch.setenv(f"COINCAST_{setting}", address(secrets, setting, "memory://place/x"))
    plan = tmp_path / "plan.json"
    days = ["backfill", "--from", "2026-03-01", "--to", "2026-03-02", "--dry-run", "--plan-out", str(plan)]
    runs = [["settings"], ["settings", "--json"], [*days, "--source", planted["source"]], [*days, "--json"]]
    said = [CliRunner().invoke(app, order) for order in runs]
    assert [one.exit_code for one in said] == [0] * len(runs)
    assert json.loads(plan.read_text())["request"]["source"] == "http://127.0.0.1/cdd"
    assert plan.stat().st_mode & 0o077 == 0

    monkeypatch.setenv("PREFECT_API_URL", address(secrets, "api", f"http://{gone}/api"))
    for name, url in (("COINCAST_DATABASE_URL", "postgresql"), ("MLFLOW_TRACKING_URI", "http")):
        monkeypatch.setenv(name, address(secrets, name, f"{url}://{gone}/none"))
    said += [CliRunner().invoke(app, ["doctor", *options]) for options in ((), ("--json",))]
    assert secrets.in_bytes("".join(one.output for one in said).encode()) == set()
    assert secrets.in_files(plan) == set()


@pytest.mark.parametrize("part", ["user", "password"])
@pytest.mark.parametrize("sign", ["#", "/", "?", "@", "\\", " ", "%"])
def test_a_login_that_is_not_escaped_is_refused_before_anything_runs_or_works(
    sign: str,
    part: str,
    site: Site,
    own_state: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    login = {"user": "VENDORNAME", "password": "VENDORPASS"}
    login[part] += f"{sign}VENDORTAIL"
    url = f"{site.url}/{file_name(SERIES)}".replace("://", f"://{login['user']}:{login['password']}@")
    caplog.set_level(logging.DEBUG)
    if sign in " %":
        fetch_file(
            Address(url), BytesIO(), validators={}, limit=2**20, policy=RetryPolicy(), on_progress=None
        )
        expected = base64.b64encode(f"{login['user']}:{login['password']}".encode()).decode()
        assert site.requests[0].headers["Authorization"] == f"Basic {expected}"
    else:
        settings = ("SOURCE", "PUBLISH_TO", "SNAPSHOTS_TO", "DATABASE_URL", "WEBHOOK_URL")
        for variable in (*(f"COINCAST_{one}" for one in settings), "MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
            with monkeypatch.context() as changed:
                changed.setenv(variable, url)
                with pytest.raises(SettingsError, match="write %40 for @") as said:
                    configuration()
            assert "VENDOR" not in str(said.value)
        monkeypatch.setattr(sys, "argv", ["coincast", "daily", "--source", url])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert site.requests == []
        assert not own_state.exists() or not list(own_state.rglob("*.db"))
    assert "VENDOR" not in caplog.text + "".join(capsys.readouterr())


def test_a_reference_is_looked_up_in_the_environment_and_then_among_prefects_blocks(
    secrets: Secrets, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.blocks.system import Secret

    url = f"{site.url}/{file_name(SERIES)}".replace("://", "://{secret:VENDOR}@") + "?k={secret:vendor_key}"
    ask = partial(
        fetch_file, Address(url), validators={}, limit=2**20, policy=RetryPolicy(), on_progress=None
    )
    key = secrets.plant("key")
    with pytest.raises(SettingsError, match=r"COINCAST_SECRET_VENDOR.*Secret block 'vendor'"):
        ask(BytesIO())
    monkeypatch.setenv("COINCAST_SECRET_VENDOR", f"mia:{secrets.values['key']}")
    Secret(value=secrets.values["key"]).save("vendor-key")  # type: ignore[unused-coroutine]
    ask(BytesIO())
    assert site.requests[0].path.endswith(f"?k={key}")
    expected = base64.b64encode(f"mia:{secrets.values['key']}".encode()).decode()
    assert site.requests[0].headers["Authorization"] == f"Basic {expected}"
    assert without_secrets(f"{key} {expected} mia:{secrets.values['key']}") == "*** *** ***"


def test_a_run_that_was_created_with_a_credential_is_refused(secrets: Secrets, site: Site) -> None:
    """As from the UI or by a deployment: the server has it already."""
    from prefect import get_client
    from prefect.flow_engine import run_flow

    from flows.daily import daily

    url = address(secrets, "source", site.url)
    for overrides in ({"source": url}, {"webhook_secret": "a key of theirs"}):
        parameters = {"series": [str(SERIES)], "overrides": overrides}
        with get_client(sync_client=True) as client:
            created = client.create_flow_run(daily, parameters=parameters)
        with pytest.raises(
            InputError, match=rf"'overrides.{next(iter(overrides))}' holds a credential"
        ) as refused:
            run_flow(daily, flow_run=created, parameters=parameters)
        assert secrets.in_bytes(str(refused.value).encode()) == set()
    assert site.requests == []
