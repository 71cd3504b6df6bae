"""`audit --interactive`: asks on a terminal, never blocks without one."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time

import pytest
from conftest import LIMIT, command, environment

QUESTIONS = """\
version: 1
sections:
  - title: Monitoring
    items:
      - ask: Does a failed task reach a person?
        id: failures-are-noticed
        severity: warning
        why: Nobody reads logs.
        fix: Send them to somebody.
      - ask: Is the queue's length watched?
        id: queues-are-watched
        severity: error
        why: Queues grow at night.
        fix: Watch them.
"""
UP, ENTER, CTRL_C, CTRL_D = "\x1b[A", "\r", "\x03", "\x04"
YES, NO = UP * 3 + ENTER, UP * 2 + ENTER


class Terminal:
    """The command on a terminal of its own, and the keys that are typed there."""

    def __init__(self, folder, *arguments):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command("audit", "--interactive", *arguments),
            cwd=folder,
            env=environment({"PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm", "COLUMNS": "100"}),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def until(self, text):
        """Read until `text` was shown, and forget what was shown so far."""
        deadline = time.monotonic() + LIMIT
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            assert self._read(), self.seen
        shown, _, self.seen = self.seen.partition(text)
        return shown

    def type(self, keys):
        time.sleep(0.1)  # the prompt is drawn before it listens
        os.write(self.master, keys.encode())

    def finish(self):
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline and self._read():
            pass
        return self.process.wait(5), self.seen

    def _read(self):
        if not select.select([self.master], [], [], 20)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)


@pytest.fixture
def folder(project):
    return project({"celerycheck.yaml": QUESTIONS})


def answers(folder):
    import yaml

    return yaml.safe_load((folder / "celerycheck.answers.yaml").read_text())["answers"]


def test_asks_and_keeps_the_answers(folder, clean_picture, here):
    with Terminal(folder, "--picture", clean_picture) as terminal:
        terminal.until("1 of 2")
        terminal.until("Does a failed task reach a person?")
        terminal.type(YES)
        terminal.until("A note")
        terminal.type("pager" + ENTER)
        terminal.until("Is the queue's length watched?")
        terminal.type(NO)
        terminal.until("A note")
        terminal.type(ENTER)
        code, report = terminal.finish()
    assert code == 1
    assert "queues-are-watched" in report
    given = answers(folder)
    assert (given["failures-are-noticed"]["answer"], given["failures-are-noticed"]["note"]) == (
        "yes",
        "pager",
    )
    assert (given["queues-are-watched"]["answer"], given["queues-are-watched"]["note"]) == ("no", "")
    # Asked once: nothing is open now, and the answers count without a terminal too.
    run = here("audit", "--picture", clean_picture, "--interactive", "--format", "json", cwd=folder).check(1)
    assert [finding["check"] for finding in run.report["findings"]] == ["queues-are-watched"]
    assert run.err == ""


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D], ids=["Ctrl-C", "Ctrl-D"])
def test_stopping_keeps_what_was_said(folder, clean_picture, key):
    with Terminal(folder, "--picture", clean_picture) as terminal:
        terminal.until("Does a failed task reach a person?")
        terminal.type(YES)
        terminal.until("A note")
        terminal.type(ENTER)
        terminal.until("Is the queue's length watched?")
        terminal.type(NO)
        terminal.until("A note")
        terminal.type(key)
        code, report = terminal.finish()
    assert code == 0
    assert "Traceback" not in report
    assert list(answers(folder)) == ["failures-are-noticed"]


def test_skipping_writes_nothing(folder, clean_picture):
    with Terminal(folder, "--picture", clean_picture) as terminal:
        for question in ("Does a failed task reach a person?", "Is the queue's length watched?"):
            terminal.until(question)
            terminal.type(ENTER)
        code, _ = terminal.finish()
    assert code == 0
    assert not (folder / "celerycheck.answers.yaml").exists()


def test_without_a_terminal_it_never_blocks(celerycheck, folder, clean_picture):
    run = celerycheck("audit", "--interactive", "--picture", clean_picture, "--format", "json", cwd=folder)
    run.check(0, "--interactive needs a terminal; 2 questions stay open")
    assert {item["status"] for item in run.report["items"]} == {"unanswered"}
    assert not (folder / "celerycheck.answers.yaml").exists()


def test_without_a_terminal_it_never_reads(celerycheck, folder, clean_picture):
    run = celerycheck("audit", "--interactive", "--picture", clean_picture, cwd=folder, input=b"\r\r\r\r")
    run.check(0, "--interactive needs a terminal")


def test_a_terminal_shows_colour_and_progress(project):
    folder = project(
        {
            "proj.py": "import time\ntime.sleep(1.5)\nprint('loaded')\nfrom celery import Celery\n"
            "app = Celery('proj', broker='amqp://')\n",
            "celerycheck.yaml": "version: 1\nitems:\n  - check: async-task\n",
        }
    )
    with Terminal(folder, "proj") as terminal:
        terminal.until("loading proj (1 s)")
        terminal.until("loaded")
        code, report = terminal.finish()
    assert code == 0, report
    assert "loading" not in report
    assert "\x1b[" in report
