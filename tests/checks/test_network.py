"""Calls over the network: whether they ever give up."""

from __future__ import annotations

import textwrap

import pytest

from celerycheck.findings import Severity
from celerycheck.testing import flagged, found, problems, source

HEAD = """
import ftplib, http.client, smtplib, socket, urllib.request
import boto3, httpx, requests
from requests.adapters import HTTPAdapter
from celery import shared_task
from proj import web
from proj.web import session, timed, plain
"""
WEB = """
import functools, requests
from requests.adapters import HTTPAdapter

class Patient(HTTPAdapter): ...

session = requests.Session()
timed = requests.Session()
plain = requests.Session()

def fetch(url): return requests.get(url)
def fetch_soon(url, timeout=3): return requests.get(url, timeout=timeout)
def fetch_how(url, **how): return requests.get(url, **how)

class Client:
    def __init__(self):
        self.session = requests.Session()
    def get(self, url): return self.session.get(url)

class PatientClient:
    def __init__(self):
        self.session = requests.Session()
        self.session.mount("https://", Patient())
    def get(self, url): return self.session.get(url)
"""


def project(does, more=None, options="", **fields):
    work = f"@shared_task({options})\ndef work(url, how=None):\n" + textwrap.indent(does, "    ")
    files = {"proj/tasks.py": f"{HEAD}\n{work}\n", "proj/web.py": WEB, **(more or {})}
    return source(files, **fields)


ENDLESS = {
    "requests": "requests.get(url)",
    "posted": "requests.post(url, json={})",
    "requests.request": 'requests.request("GET", url)',
    "timeout=None": "requests.get(url, timeout=None)",
    "imported by name": "from requests import get\nget(url)",
    "a session": "requests.Session().get(url)",
    "a session as a context": "with requests.Session() as s:\n    s.get(url)",
    "a session of another module": "session.put(url)",
    "a plain adapter": 's = requests.Session()\ns.mount("https://", HTTPAdapter(max_retries=3))\ns.get(url)',
    "urlopen": "urllib.request.urlopen(url)",
    "urlopen with data": 'urllib.request.urlopen(url, b"")',
    "smtp": 'smtplib.SMTP("mail.x.org", 25)',
    "a socket": 'socket.create_connection(("x.org", 80))',
    "http.client": 'http.client.HTTPSConnection("x.org")',
    "ftp": 'ftplib.FTP("x.org")',
    "a helper": "web.fetch(url)",
    "a client": "web.Client().get(url)",
}


@pytest.mark.parametrize("does", ENDLESS.values(), ids=ENDLESS)
def test_what_never_gives_up(does):
    (problem,) = found("no-network-timeout", project(does))
    assert problem.message.endswith("a server that never answers holds the worker for ever")
    assert problem.at_most is None


PATIENT = {
    "a timeout": "requests.get(url, timeout=10)",
    "two timeouts": "requests.get(url, timeout=(3, 10))",
    "a timeout from elsewhere": "requests.get(url, timeout=how)",
    "other keywords": "requests.get(url, **how)",
    "other keywords at hand": "requests.get(url, **{'timeout': 3})",
    "other arguments": "urllib.request.urlopen(*how)",
    "urlopen in place": "urllib.request.urlopen(url, None, 10)",
    "urlopen by name": "urllib.request.urlopen(url, timeout=10)",
    "a socket in place": 'socket.create_connection(("x.org", 80), 10)',
    "smtp by name": 'smtplib.SMTP("mail.x.org", timeout=10)',
    "httpx knows better": "httpx.get(url)",
    "a client of httpx": "httpx.Client().get(url)",
    "boto knows better": 'boto3.client("s3").get_object(Bucket="a", Key="b")',
    "an adapter of its own": 's = requests.Session()\ns.mount("https://", web.Patient())\ns.get(url)',
    "an adapter unknown": 's = requests.Session()\ns.mount("https://", how)\ns.get(url)',
    "another request": "import functools\ns = requests.Session()\ns.request = how\ns.get(url)",
    "a client with an adapter": "web.PatientClient().get(url)",
    "a helper with a timeout": "web.fetch_soon(url)",
    "a helper with any": "web.fetch_how(url, timeout=3)",
    "a parameter": "how.get(url)",
    "a session from elsewhere": "how.session.get(url)",
    "a dictionary": "{}.get(url)",
    "the environment": 'import os\nos.environ.get("x")',
    "codes": "requests.codes.ok",
    "a session only": "requests.Session()",
    "headers of a session": 'requests.Session().headers.get("x")',
    "a prepared request": "requests.Request('GET', url).prepare()",
    "not called": "def later(): requests.get(url)",
    "handed on": "how.map(requests.get)",
    "a library of the same method": "how.requests.get(url)",
    "a name of its own": "requests = how\nrequests.get(url)",
    "a url": "urllib.request.Request(url)",
    "quoted": "from urllib.parse import quote\nquote(url)",
    "an exception": "requests.exceptions.Timeout()",
}


@pytest.mark.parametrize("does", PATIENT.values(), ids=PATIENT)
def test_what_gives_up(does):
    assert problems("no-network-timeout", project(does)) == []


def test_an_adapter_mounted_where_the_session_is_made():
    web = f"{WEB}\ntimed.mount('https://', Patient())\n"
    assert problems("no-network-timeout", project("timed.get(url)", {"proj/web.py": web})) == []


def test_a_default_for_all_sockets():
    more = {"proj/start.py": "import socket\nsocket.setdefaulttimeout(10)\n"}
    assert problems("no-network-timeout", project("urllib.request.urlopen(url)", more)) == []
    assert flagged("no-network-timeout", project("requests.get(url)", more)) == ["requests.get(url)"]


PATCHES = {
    "the adapter's send": "def patch():\n    HTTPAdapter.send = patient",
    "by its dotted name": "import requests\nrequests.adapters.HTTPAdapter.send = patient",
    "the session's request": "import requests\nrequests.Session.request = patient",
    "one function": "import requests\nrequests.get = functools.partial(requests.get, timeout=5)",
    "all functions": "import requests\nrequests.api.request = patient",
}


@pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES)
def test_a_timeout_that_requests_is_given_for_all_calls(patch):
    assert problems("no-network-timeout", project("requests.get(url)", {"proj/start.py": patch})) == []
    assert problems("no-network-timeout", project("urllib.request.urlopen(url)", {"proj/start.py": patch}))


NO_PATCHES = {
    "a test's": ("proj/tests/test_web.py", "import requests\nrequests.get = fake"),
    "compared": ("proj/start.py", "import requests\nif (\n    requests.get == old\n): ..."),
    "one session's": ("proj/start.py", "import requests\ns = requests.Session()\ns.request = patient"),
    "another attribute": ("proj/start.py", "import requests\nrequests.Session.trust_env = False"),
    "a keyword": ("proj/start.py", "use(get=requests.get)"),
    "kept": ("proj/start.py", "from requests.adapters import HTTPAdapter\nold = HTTPAdapter.send"),
}


@pytest.mark.parametrize(("path", "text"), NO_PATCHES.values(), ids=NO_PATCHES)
def test_nothing_is_replaced_for_all_calls(path, text):
    assert problems("no-network-timeout", project("requests.get(url)", {path: text}))


LATE = "until its time_limit of 301 s ends the task"


@pytest.mark.parametrize(
    ("options", "values", "end"),
    [
        ("time_limit=60", {}, "until its time_limit of 60 s ends the task"),
        ("soft_time_limit=30", {}, "until its soft_time_limit of 30 s ends the task"),
        ("", {"task_time_limit": 300}, "until its time_limit of 300 s ends the task"),
        ("time_limit=301", {}, LATE),
        ("time_limit=how", {}, "until its time_limit ends the task"),
        ("soft_time_limit=30", {"worker_pool": "threads"}, "for ever"),
        ("time_limit=60", {"worker_pool": "solo"}, "for ever"),
    ],
)
def test_a_time_limit_bounds_it(options, values, end):
    (problem,) = found("no-network-timeout", project("requests.get(url)", options=options, values=values))
    assert (
        problem.message
        == f"requests.get() has no timeout: a server that never answers holds the worker {end}"
    )
    assert problem.at_most is (None if end in ("for ever", LATE) else Severity.INFO)


def test_the_fix_is_written_for_the_call():
    assert found("no-network-timeout", project("session.put(url)"))[0].fix == "session.put(..., timeout=10)"
