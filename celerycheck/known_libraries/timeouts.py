"""Network calls that wait for ever unless they are told how long, and how they are told.

Only calls whose own default is to wait without end are here. These know better by themselves, and are network
calls without an entry: httpx (5 s), aiohttp (300 s in all), boto3 (60 s), Stripe (80 s), slack_sdk (30 s), OpenAI and
Anthropic (600 s), Elasticsearch and OpenSearch (10 s), zeep (300 s), suds (90 s), `urllib3.request` (3 s).
urllib3's pool managers, and Twilio's and SendGrid's clients, do wait for ever, but are told when they are made, where a
chain does not show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Timeout(NamedTuple):
    """How a call is told to give up: by this keyword, or by its positional argument (from 0; None: no such)."""

    keyword: str
    position: int | None = None


_SESSIONS = """
    requests.Session() requests.session() requests.sessions.Session() requests_oauthlib.OAuth1Session()
    requests_oauthlib.OAuth2Session() cloudscraper.create_scraper() requests_toolbelt.sessions.BaseUrlSession()
"""

TIMEOUTS: Mapping[Timeout, tuple[tuple[str, str], ...]] = {
    Timeout("timeout"): (
        ("requests requests.api", "get head options post put patch delete request"),
        (_SESSIONS, "get head options post put patch delete send"),
        ("smtplib", "SMTP_SSL"),
        ("imaplib", "IMAP4_SSL"),
        ("poplib", "POP3_SSL"),
        ("ftplib", "FTP_TLS"),
    ),
    Timeout("timeout", 1): (("socket", "create_connection"), ("httplib2", "Http")),
    Timeout("timeout", 2): (
        ("urllib.request", "urlopen"),
        ("urllib.request.build_opener()", "open"),
        ("http.client", "HTTPConnection"),
        ("imaplib", "IMAP4"),
        ("poplib", "POP3"),
        ("telnetlib", "Telnet"),
    ),
    Timeout("timeout", 3): (("smtplib", "SMTP"),),
    Timeout("timeout", 4): (("ftplib", "FTP"),),
    Timeout("timeout", 6): (("paramiko.SSHClient() paramiko.client.SSHClient()", "connect"),),
    Timeout("timeout", 8): ((_SESSIONS, "request"),),
}
"""Timeout -> where methods are called on, and their names."""
