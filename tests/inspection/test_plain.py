import datetime
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celerycheck.credentials import MASK, is_secret, masked_text, password_in
from celerycheck.errors import LoadError
from celerycheck.inspection.failures import cause_of
from celerycheck.inspection.plain import plain
from celerycheck.subjects import Opaque


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("redis://:pw@host:6379/0", "redis://:********@host:6379/0"),
        ("amqp://user:pw@host//", "amqp://user:********@host//"),
        ("amqp://user:p@w:/x@host//", "amqp://user:********@host//"),
        ("amqp://user@corp:pw@host//", "amqp://user:********@host//"),
        ("amqp://a:pw@h1;amqp://b:pw@h2", "amqp://a:********@h1;amqp://b:********@h2"),
        ("amqp://a:pw@h1, amqp://b:pw@h2", "amqp://a:********@h1, amqp://b:********@h2"),
        ("sentinel://:pw@h1:1;:pw@h2:1", "sentinel://:********@h2:1"),
        ("https://TOKEN@sentry.io/4", "https://********@sentry.io/4"),
        ("cannot reach redis://:pw@host, giving up", "cannot reach redis://:********@host, giving up"),
        ("dsn='redis://u:pw@host'", "dsn='redis://u:********@host'"),
        ("redis://h/0?password=pw&db=1", "redis://h/0?password=********&db=1"),
        ("host=h password=pw user=u", "host=h password=******** user=u"),
        ("connect(password = 'p w', x=1)", "connect(password = ********, x=1)"),
        ("AccountKey=pw==;Name=x", "AccountKey=********;Name=x"),
        ("{'password': 'pw', 'host': 'h'}", "{'password': ********, 'host': 'h'}"),
        # nothing to hide
        ("redis://host:6379/0", None),
        ("redis://", None),
        ("amqp://user:@host", None),
        ("sqla+sqlite:///celery.sqlite", None),
        ("write to me@example.org", None),
        ("see https://docs.celeryq.dev/en/stable/ or me@example.org", None),
        ("routing_key=mails", None),
        ("KeyError: 'password'", None),
        ("a token: unexpected", None),
        ("task_time_limit=5", None),
        ("%(asctime)s: %(levelname)s", None),
        ("12:30", None),
        ("", None),
    ],
)
def test_masked_text(text, masked):
    assert masked_text(text) == (text if masked is None else masked)


PASSWORDS = st.text(
    string.ascii_letters + string.digits + "!#$%&()*+-./:=?@[]^_{|}~,", min_size=6, max_size=20
).filter(lambda text: "://" not in text and not set(text) <= set("*@/"))
ANYTHING = st.text(min_size=6, max_size=20).filter(
    lambda text: "://" not in text and not set(text) <= set("*@/")
)
SCHEMES = st.sampled_from(["redis", "rediss", "amqp", "sentinel", "db+postgresql+psycopg2", "sqs", "mongodb"])
USERS = st.text(string.ascii_letters + "._-+%", max_size=8)


@given(SCHEMES, USERS, ANYTHING)
def test_no_password_of_a_url_in_a_setting_survives(scheme, user, password):
    url = f"{scheme}://{user}:Zx{password}@host/0"
    for value in (url, [url, url], f"{url};{url}", {"key": [url]}, {url: 1}, {"a": {"b": (url,)}}):
        assert f"Zx{password}" not in str(plain(value))


@given(SCHEMES, USERS, PASSWORDS)
def test_no_password_of_a_url_in_a_message_survives(scheme, user, password):
    url = f"{scheme}://{user}:Zx{password}@host/0"
    for text in (f"cannot reach {url}", f"bad url '{url}' given", "x" * 395 + f" {url}", f"({url})"):
        assert f"Zx{password[:3]}" not in cause_of(ValueError(text))


@given(st.text())
def test_masking_is_idempotent_and_never_raises(text):
    assert masked_text(masked_text(text)) == masked_text(text)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("redis_password", True),
        ("security_key_password", True),
        ("api_key", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("token", True),
        ("credentials", True),
        ("passwd", True),
        ("db_pwd", True),
        ("security_key", True),
        ("routing_key", False),
        ("key", False),
        ("task_default_routing_key", False),
        ("key_prefix", False),
        ("global_keyprefix", False),
        ("compass", False),
        ("redis_pass", True),
        ("passive", False),
        ("bypass_cache", False),
        ("visibility_timeout", False),
        ("database_table_names", False),
        ("password_file_is_read", False),
        ("user", False),
        ("broker_url", False),
    ],
)
def test_is_secret(name, secret):
    assert is_secret(name) is secret


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("redis://:pw@h", "pw"),
        ("amqp://u:p%40w@h", "p%40w"),
        ("amqp://u:a@b@h", "a@b"),
        ("redis://h", None),
        ("amqp://u@h", None),
        ("amqp://u:@h", None),
        (None, None),
        (5, None),
        ("", None),
        (["redis://:pw@h"], None),
    ],
)
def test_password_in(url, password):
    assert password_in(url) == password


class Text(str):
    def __str__(self):
        raise AssertionError


class Mapped(dict):
    pass


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (1.5, 1.5),
        ("x", "x"),
        (Text("x"), "x"),
        ((1, [2]), [1, [2]]),
        ({3, 1}, [1, 3]),
        (Mapped(a=1), {"a": 1}),
        ({1: 2}, {"1": 2}),
        (datetime.timedelta(minutes=1), Opaque("datetime.timedelta", "0:01:00", 60.0)),
        (KeyError, Opaque("type", "KeyError")),
        (LoadError, Opaque("type", "celerycheck.errors.LoadError")),
        (len, Opaque("function", "len")),
        (plain, Opaque("function", "celerycheck.inspection.plain.plain")),
        (b"bytes", Opaque("bytes")),
        (object(), Opaque("object")),
        ({"password": ["a", {"b": "c"}]}, {"password": [MASK, {"b": MASK}]}),
        ({"password": ""}, {"password": ""}),
        ({"pin_token": 1234}, {"pin_token": MASK}),
        ({"use_token": True}, {"use_token": True}),
    ],
)
def test_plain(value, expected):
    assert plain(value) == expected


def test_an_endless_value_ends():
    endless = []
    endless.append(endless)
    assert str(plain(endless)).count("[") == 8
