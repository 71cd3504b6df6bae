"""Credentials in pieces of source: what is hidden, and what is not."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celerycheck.source.masking import masked, masks


@pytest.mark.parametrize(
    "code",
    [
        'connect(password="SECRET", user="bob")',
        "connect(password='SECRET')",
        'password = "SECRET"',
        'password: str = "SECRET"',
        'def f(token: Optional[str] = "SECRET"): ...',
        'if token == "SECRET": ...',
        'conf["password"] = "SECRET"',
        'conf = {"password": "SECRET", "name": "x"}',
        'conf = {"password": b"SECRET"}',
        'os.environ.setdefault("DB_PASSWORD", "SECRET")',
        'env("DB_PASSWORD", default="SECRET")',
        'password=env("DB_PASSWORD", "SECRET")',
        'password = os.environ.get("X") or "SECRET"',
        'user.set_password("SECRET")',
        'smtp.login("bob", "SECRET")',
        'requests.get(url, auth=("bob", "SECRET"))',
        'HTTPBasicAuth("bob", "SECRET")',
        'headers={"Authorization": "Token SECRET"}',
        'auth = ["bob", "SECRET"]',
        'x = {"auth_token": ["SECRET"]}',
        'requests.get(url, cookies={"session": "SECRET"})',
        'headers={"X-Api": "Bearer SECRET"}',
        'requests.get("https://bob:SECRET@example.org/")',
        'Redis.from_url(f"redis://:SECRET@{host}/0")',
        'Redis.from_url("redis://h/0?password=SECRET")',
        'password = ("x"\n    "SECRET")',
        'password = """\nSECRET\n"""',
        'call(1)  # password = "SECRET"',
        "call(1)  # it was amqp://bob:SECRET@host",
        '# auth=("bob", "SECRET")',
        ' amqp://bob:SECRET@host/""".format(x)',
        'password = "SECRET',
        'password = """SECRET',
        'refresh("eyJSECRET12345678.abc.def")',
        'call("ghp_SECRET0123456789abcdef")',
        'call("sk_live_SECRET0123456789")',
        'call("aSECRET0123456789abcdefX")',
        'call("0123456789abcdef0123456789abcdef", api_key="SECRET")',
    ],
)
def test_what_is_hidden(code):
    assert "SECRET" not in masked(code)
    assert masked(code).count("\n") == code.count("\n")


@pytest.mark.parametrize(
    "code",
    [
        'requests.get("https://example.org/a?b=c", timeout=5)',
        "password = settings.PASSWORD",
        "connect(password=password, user=user)",
        'token = os.environ["API_TOKEN"]',
        'token = os.getenv("API_TOKEN")',
        'token = row["value"]',
        'send.delay(token, "welcome")',
        'refresh_token.delay("eu")',
        'signature("shop.tasks.pay", args=("x",))',
        'task_routes = {"auth": {"queue": "auth"}}',
        'token = rows[0]["value"]["id"]',
        'logger.info("the password of %s was changed", name)',
        'call({"password": password, "user": "bob"})',
        'tokenizer("some text")',
        'csrf_token_view("x")',
        'send_task("shop.tasks.send_receipt_of_yesterday", queue="mail")',
        'chain(fetch.s("2024-01-01"), store.si("b"))',
        'auth.services.check("bob")',
        'x = 1; y = "b"',
        'password = ""',
        "# tokens are counted below",
        "",
    ],
)
def test_what_is_not(code):
    assert masked(code) == code


PIECES = st.lists(
    st.sampled_from([*"()[]{},;=:#\\\n", '"', "'", '"""', "'''", "password", "://a:b@", " ", "x"])
)


@given(PIECES.map("".join) | st.text())
def test_any_text_is_read_and_edits_are_in_order_within_lines(code):
    end = 0
    for begin, stop, new in masks(code):
        assert end <= begin <= stop
        assert "\n" not in code[begin:stop] + new
        end = stop
    assert masked(code).count("\n") == code.count("\n")


WORDS = st.text(string.ascii_letters + string.digits + "!$%&*+-./:<>?^_~ ", min_size=1, max_size=20)


@given(WORDS, st.sampled_from(["password", "api_key", "DB_PASSWORD", "secret"]), st.sampled_from("\"'"))
def test_no_value_of_a_secret_survives(word, name, quote):
    literal = f"{quote}Zx{word}{quote}"
    for code in (
        f"{name}={literal}",
        f"c[{quote}{name}{quote}] = {literal}",
        f"{{{quote}{name}{quote}: {literal}}}",
    ):
        assert f"Zx{word}" not in masked(code)
