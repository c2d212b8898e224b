import pytest

from pipeline.addresses.public import public_link


@pytest.mark.parametrize(
    "url",
    ["https://mlflow.example.org/#/runs/1", "http://example.org:5000/x", "https://8.8.8.8/x",
     "https://[2606:4700::1]/x"],
)  # fmt: skip
def test_what_everybody_reaches_is_a_link(url: str) -> None:
    assert public_link(url) == url


@pytest.mark.parametrize(
    "url",
    ["", "http://127.0.0.1:5000/", "http://localhost:5000/", "http://LOCALHOST./", "http://[::1]:5000/",
     "http://[::ffff:127.0.0.1]/", "http://10.0.0.7/", "http://192.168.1.7:5000/", "http://172.20.0.1/",
     "http://169.254.0.1/", "http://0.0.0.0/", "http://[fd00::7]/", "http://2130706433/", "http://0x7f.1/", "http://127.1/",
     "http://mlflow/", "http://mlflow.local/", "http://mlflow.internal/", "http://x.localhost/",
     "https://user:password@example.org/", "https://user@example.org/", "javascript:alert(1)", "file:///srv/x",
     "sqlite:////srv/mlflow.db", "//example.org/x", "http://[1/"],
)  # fmt: skip
def test_what_only_some_reach_is_none(url: str) -> None:
    assert public_link(url) == ""
