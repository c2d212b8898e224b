"""For any address: its credentials are in no text of it, and its full form is what was written."""

import copy
import json
import pickle
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel
from urllib3.util import parse_url

from pipeline.addresses.address import Address, WebhookAddress

# Signs that must be escaped, and some that need not be but confuse those who take addresses apart.
SECRETS = st.text("aZ9/?#@:%&=+ é~{}[]\\'\"", min_size=1, max_size=12).map(lambda text: f"SECRET{text}SECRET")
SCHEMES = st.sampled_from(["http", "https", "ftp", "s3", "postgresql", "postgresql+psycopg", "memory"])
HOSTS = st.sampled_from(["host", "db.example:5432", "[::1]:80", "127.0.0.1", "bucket"])
PATHS = st.sampled_from(["", "/", "/cdd", "/a/b.csv", "/name;x"])
CHAINS = st.sampled_from(["", "simplecache::", "zip://a.csv::"])


class Holder(BaseModel):
    where: Address
    hook: WebhookAddress = WebhookAddress()


def texts_of(address: Address) -> str:
    """Everything that Python, JSON and pydantic make of it."""
    holder = Holder(where=address)
    return " ".join(
        (
            str(address), repr(address), f"{address}", f"{address!r:>80}", format(address),
            json.dumps(address, default=str),
            repr(holder), holder.model_dump_json(), str(holder.model_dump(mode="json")), repr({address: [address]}),
            repr(vars(holder)),
        )
    )  # fmt: skip


@given(CHAINS, SCHEMES, SECRETS, SECRETS, HOSTS, PATHS, SECRETS, SECRETS)
def test_no_text_of_an_address_holds_its_credentials(
    chain: str, scheme: str, user: str, password: str, host: str, path: str, key: str, mark: str
) -> None:
    escaped = [quote(one, safe="") for one in (user, password, key, mark)]
    written = f"{chain}{scheme}://{escaped[0]}:{escaped[1]}@{host}{path}?k={escaped[2]}#{escaped[3]}"
    address = Address(written)
    assert "SECRET" not in texts_of(address)
    assert str(address) == f"{chain}{scheme}://{host}{path}"
    assert address.reveal(str) == written
    assert address.holds_secret
    for again in (pickle.loads(pickle.dumps(address)), copy.deepcopy(address), Holder(where=written).where):
        assert again == address
        assert again.reveal(str) == written


@given(SCHEMES, SECRETS, SECRETS, HOSTS, PATHS)
def test_what_was_not_escaped_is_hidden_all_the_same(
    scheme: str, user: str, password: str, host: str, path: str
) -> None:
    assume("::" not in f"{user}:{password}")
    for written in (
        f"{scheme}://{user}:{password}@{host}{path}",
        f"{scheme}:/{user}:{password}@{host}{path}",
    ):
        shown = texts_of(Address(written))
        assert "SECRET" not in shown, shown
        assert Address(written).reveal(str) == written


@given(SCHEMES, SECRETS, SECRETS, HOSTS, PATHS)
def test_an_address_is_opened_only_where_all_find_the_same_login_in_it(
    scheme: str, user: str, password: str, host: str, path: str
) -> None:
    user = user.replace(":", "")
    address = Address(f"{scheme}://{user}:{password}@{host}{path}")
    assert "SECRET" not in address.fault
    if not address.fault:
        written = address.reveal(str)
        parts, (login, _, place) = urlsplit(written), written.partition("://")[2].partition("@")
        assert (login, place) == (f"{user}:{password}", f"{host}{path}")
        assert (parts.username, parts.password, parts.netloc.rpartition("@")[2]) == (user, password, host)
        assert "SECRET" not in str(parse_url(f"http://{login}@{host}{path}").host)


@pytest.mark.parametrize("sign", list("#/?@\\[]"))
@pytest.mark.parametrize("login", ["USER:PW{}tail", "US{}ER:PW", "TOKEN{}tail", "USER:123{}4"])
def test_a_sign_that_ends_a_login_for_some_is_refused(sign: str, login: str) -> None:
    assert Address(f"http://{login.format(sign)}@host/x").fault
    assert not Address(f"http://{login.format(quote(sign, safe=''))}@host/x").fault


@given(st.text(max_size=40))
def test_any_text_is_an_address_and_its_public_form_is_public(text: str) -> None:
    shown = str(Address(text))
    assert str(Address(shown)) == shown
    if "://" in shown:
        assert not urlsplit(shown.rpartition("::")[2].replace("[", "").replace("]", "")).query


@pytest.mark.parametrize(
    "text",
    [
        "", "data", "./downloads", "/srv/coincast/site", "~/x", "/srv/mia@home/a?b#c", "a folder/b",
        "https://www.cryptodatadownload.com/cdd", "sqlite:////srv/coincast.db", "s3://bucket/site",
        "postgresql://host/name", "simplecache::s3://bucket/x", "http://[::1]:80/x", "memory://x", "file:///srv/x",
        "C:/files",
    ],
)  # fmt: skip
def test_what_holds_no_credential_stays_as_it_is(text: str) -> None:
    address = Address(text)
    assert (str(address), address.reveal(str), address.stored) == (text, text, text)
    assert not address.holds_secret
    assert not address.fault
    assert bool(address) == bool(text)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("postgresql://mia@host/name?password=p", "postgresql://host/name"),
        ("s3://KEY:SEC/RET@bucket/site", "s3://…@bucket/site"),
        ("http://user:p?w@host/x", "http://…"),
        ("https://host/x?mail=a@b", "https://…"),
        ("http://user:p", "http://…"),
        ("user:pw@host/x", "host/x"),
        ("host/x?key=K", "host/x"),
        ("https://{secret:CDD}@host/x?key={secret:K}", "https://host/x"),
        ("{secret:DATABASE}", "{secret:DATABASE}"),
    ],
)
def test_public_forms(written: str, shown: str) -> None:
    assert str(Address(written)) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("https://host/x;key=K", "https://host/x"),
        ("https://host/x&key=K", "https://host/x"),
        ("https://user%3Apw%40host/x", "https://…"),
        ("host=h user=mia password=p", "…"),
        ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=K==", "…"),
    ],
)
def test_a_credential_outside_its_usual_place_is_hidden_and_not_recorded(written: str, shown: str) -> None:
    address = Address(written)
    assert (str(address), address.stored) == (shown, shown)
    assert address.holds_secret


def test_the_path_of_a_webhook_is_hidden_too() -> None:
    hook = WebhookAddress("https://u:p@hooks.example:444/services/T1/B2/key?x=1")
    assert str(hook) == "https://hooks.example:444"
    assert hook.holds_secret
    assert str(Holder(where=Address(), hook=hook).hook) == str(hook)
    assert (
        Holder(where=Address(), hook=hook).model_dump_json()
        == '{"where":"","hook":"https://hooks.example:444"}'
    )
    assert str(WebhookAddress("https://hooks.example/services/@key/x")) == "https://…"
    assert (str(WebhookAddress("hooks.example/key")), str(WebhookAddress("{secret:HOOK}"))) == (
        "…",
        "{secret:HOOK}",
    )


@pytest.mark.parametrize(
    ("written", "values", "full"),
    [
        ("https://{secret:A}@h/x", {"A": "mia:p@ss/w"}, "https://mia:p%40ss%2Fw@h/x"),
        ("https://mia:{secret:A}@h/x", {"A": "p:w"}, "https://mia:p%3Aw@h/x"),
        ("https://h/x?key={secret:A}&n=1", {"A": "a&b"}, "https://h/x?key=a%26b&n=1"),
        ("https://h/x?{secret:A}", {"A": "key=k&n=1"}, "https://h/x?key=k&n=1"),
        ("https://h/{secret:A}", {"A": "T1/B2/x?y"}, "https://h/T1/B2/x%3Fy"),
        ("{secret:A}", {"A": "postgresql://u:p@h/x"}, "postgresql://u:p@h/x"),
    ],
)
def test_a_reference_is_replaced_and_escaped_where_it_stands(
    written: str, values: dict[str, str], full: str
) -> None:
    address = Address(written)
    assert address.reveal(values.__getitem__) == full
    assert address.stored == written or address.holds_secret


def test_an_address_does_not_change() -> None:
    address = Address("https://u:SECRET@h")
    with pytest.raises(AttributeError, match="does not change"):
        address._text = "x"
    assert address == Address(address)
    assert hash(address) == hash(Address("https://u:SECRET@h"))
    assert address != "https://u:SECRET@h"
    assert not isinstance(address, str)
    with pytest.raises(ValueError, match="a URL or a folder") as refused:
        Holder(where=["https://u:SECRET@h"])  # type: ignore[arg-type]
    assert refused.value.errors()[0]["loc"] == ("where",)


@pytest.mark.parametrize("text", ["{secret:}", "https://{secret:}@h/x", "https://h/x?key={secret:a b}"])
def test_a_reference_without_a_name_is_refused(text: str) -> None:
    assert Address(text).fault == "{secret:NAME} needs a name of letters, digits, - and _"
