"""Credentials in the words of others."""

from base64 import b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.addresses.secret_values import forms_of, public_text, secrets_of

VALUES = st.text("aZ9/?@:+ é", min_size=1, max_size=12).map(lambda text: f"SECRET{text}SECRET")


@given(VALUES, VALUES, VALUES, st.sampled_from(["{}", "'{}'", "\\n{}x", "at {}, twice: {}", "b'{}'"]))
def test_a_credential_is_found_in_every_form(user: str, password: str, key: str, frame: str) -> None:
    url = f"https://{quote(user, safe='')}:{quote(password, safe='')}@host/x?k={quote(key, safe='')}"
    known = secrets_of(url)
    forms = [
        way(value)
        for value in (password, key)
        for way in (str, quote, quote_plus, lambda v: quote(v, safe=""))
    ]
    for form in (*forms, b64encode(f"{user}:{password}".encode()).decode(), url):
        said = public_text(frame.replace("{}", form), known)
        assert "SECRET" not in said
        assert form not in said


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no answer from https://mia:pass@models.example/api", "no answer from https://models.example/api"),
        ("url: /x?key=K&n=1 (Caused by it)", "url: /x?key=***&n=1 (Caused by it)"),
        ("connection host=h password=abc dbname=x", "connection host=h password=*** dbname=x"),
        (
            "https://h/x?X-Amz-Signature=abc&access_token=d",
            "https://h/x?X-Amz-Signature=***&access_token=***",
        ),
        ("monkey=3 design=4 keys=5", "monkey=3 design=4 keys=5"),
    ],
)
def test_telling_names_and_logins_are_hidden_in_any_text(text: str, shown: str) -> None:
    assert public_text(text) == shown


def test_a_short_password_is_hidden_where_it_stands_alone() -> None:
    known = secrets_of("postgresql://coincast:test@host/x")
    assert public_text('user "coincast" with test', known) == "user *** with ***"
    assert (
        public_text("coincast testing /srv/coincast latest", known) == "coincast testing /srv/coincast latest"
    )


def test_words_are_no_credentials() -> None:
    assert secrets_of("https://host/x?format=csv&n=1") == frozenset()
    assert secrets_of("postgresql://coincast@host/x") == frozenset()
    assert forms_of("abc") == frozenset()


def test_a_webhooks_path_is_one() -> None:
    assert "T1/B2/long-token" in secrets_of("https://h/T1/B2/long-token", path_too=True)
    assert "long-token" in secrets_of("https://h/T1/B2/long-token", path_too=True)
