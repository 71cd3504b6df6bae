"""Network calls that wait for ever unless they are told how long, and how they are told.

Only calls whose own default is to wait without end are here. Read off the signatures of Python 3.11 and 3.12,
requests 2.x, paramiko, httplib2. All but those of requests, paramiko and httplib2 obey
`socket.setdefaulttimeout()`. Clients of mail and FTP made without any argument do not connect yet.

These know better by themselves, and are network calls without an entry: httpx 0.28 (5 s), aiohttp 3.14 (300 s
in all), botocore (60 s), Stripe (80 s), slack_sdk (30 s), OpenAI and Anthropic (600 s), Elasticsearch and
OpenSearch (10 s), zeep (300 s), suds (90 s), hvac (30 s), PyGithub (15 s), `urllib3.request` (3 s).
urllib3's pool managers and Twilio's and SendGrid's clients do wait for ever, but are told where they are
made, as Django's mail is by the setting EMAIL_TIMEOUT: a chain does not show that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from celerycheck.known_libraries.calls import SESSIONS, Row


class Timeout(NamedTuple):
    """How a call is told to give up: this keyword, or the positional argument of that index (from 0)."""

    keyword: str
    position: int | None = None


TIMEOUTS: Mapping[Timeout, tuple[Row, ...]] = {
    Timeout("timeout"): (
        ("requests requests.api", "get head options post put patch delete request"),
        (SESSIONS, "get head options post put patch delete send"),
    ),
    Timeout("timeout", 1): (("socket", "create_connection"), ("httplib2", "Http")),
    Timeout("timeout", 2): (
        ("urllib.request", "urlopen"),
        ("urllib.request.build_opener() urllib.request.OpenerDirector()", "open"),
        ("http.client", "HTTPConnection"),
        ("imaplib", "IMAP4"),
        ("poplib", "POP3"),
        ("telnetlib", "Telnet"),
    ),
    Timeout("timeout", 3): (("smtplib", "SMTP"),),
    # Of the encrypted ones only the keyword is left in Python 3.12.
    Timeout("timeout", 4): (
        ("ftplib", "FTP"),
        ("http.client", "HTTPSConnection"),
        ("poplib", "POP3_SSL"),
        ("smtplib", "LMTP"),
    ),
    Timeout("timeout", 5): (("smtplib", "SMTP_SSL"), ("imaplib", "IMAP4_SSL")),
    Timeout("timeout", 6): (("paramiko.SSHClient() paramiko.client.SSHClient()", "connect"),),
    Timeout("timeout", 7): (("ftplib", "FTP_TLS"),),
    Timeout("timeout", 8): ((SESSIONS, "request"),),
}
"""Timeout -> what is told so."""
