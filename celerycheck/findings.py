"""What an audit says: problems, the findings made of them, and the report that holds them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from celerycheck.subjects import (
    App,
    BrokenTask,
    Called,
    DuplicateTask,
    Location,
    QueueInfo,
    RouteInfo,
    ScheduleEntry,
    Setting,
    TaskInfo,
)

SubjectKind = Literal[
    "app", "setting", "task", "call", "schedule", "route", "queue", "worker", "broker", "backend"
]
Status = Literal["passed", "failed", "skipped", "unanswered", "crashed"]
About = App | Setting | TaskInfo | Called | BrokenTask | DuplicateTask | ScheduleEntry | RouteInfo | QueueInfo


OFF = "switched off in the checklist"
NOT_SELECTED = "not selected"
IGNORED = "ignored"


class Severity(IntEnum):
    """How bad a finding is; ordered, so that thresholds compare."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, label: str) -> Severity:
        """The severity of that label. Raises ValueError for any other text."""
        for severity in cls:
            if severity.label == label:
                return severity
        raise ValueError(label)


@dataclass(frozen=True)
class Step:
    """One call on the way from a task to the place of a problem: who calls whom, and where.

    `text` reads `send_receipt calls services.deliver`.
    """

    text: str
    location: Location


@dataclass(frozen=True)
class Problem:
    """What a check says about its subject.

    - `message`: what is wrong, with the values that make it so, as one or two sentences without a
      final full stop.
    - `fix`: what to write instead, where it can be said more exactly than the check's own `Fix:`.
    - `about`: the subject, where it is another one than the check was handed (a check of the whole
      app speaks of one of its settings or tasks).
    - `location`: the place, where the subject's own is not the right one.
    - `at_most`: an upper bound for the severity, where this variant is less than proven.
    - `trace`: the calls that lead from the task to `location`, where that lies in a helper.
    """

    message: str
    fix: str | None = None
    about: About | None = None
    location: Location | None = None
    at_most: Severity | None = None
    trace: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Finding:
    """A problem with everything a reader or a gate needs; made by the runner only.

    `reason` is set where somebody waived it: the words of the checklist or of the comment in source.
    """

    check: str
    title: str
    section: str
    severity: Severity
    subject: str
    subject_kind: SubjectKind
    message: str
    fix: str
    location: Location | None = None
    reason: str | None = None
    trace: tuple[Step, ...] = ()

    @property
    def fingerprint(self) -> str:
        """16 hex digits of check, subject and message shape; numbers and places do not count."""
        shape = re.sub(r"\d+(?:\.\d+)?", "#", self.message)
        text = "\0".join((self.check, self.subject_kind, self.subject, shape))
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


@dataclass(frozen=True)
class Outcome:
    """What became of one item of the checklist.

    `reason` says why it was skipped or crashed, or what a person answered; `traceback` is a crash's.
    """

    id: str
    title: str
    section: str
    severity: Severity
    status: Status
    reason: str | None = None
    traceback: str | None = None
    url: str | None = None

    @property
    def left_out(self) -> bool:
        """Whether it was skipped because somebody asked for that, not for lack of evidence."""
        return self.status == "skipped" and self.reason in (OFF, NOT_SELECTED, IGNORED)


@dataclass(frozen=True)
class Notice:
    """Something about the audit rather than the app: a waiver that matched nothing, a stale answer.

    `kind` is one of `stale-waiver`, `unused-suppression`, `suppression-without-reason`,
    `stale-answer`, `load`.
    """

    kind: str
    message: str
    location: Location | None = None


@dataclass(frozen=True)
class Line:
    """One line of an excerpt: `text` without line break, indentation and credentials.

    `mark` is the part of `text` that is meant (start, end). `clipped` says whether the line goes on to
    the left and to the right of `text`.
    """

    number: int
    text: str
    mark: tuple[int, int]
    clipped: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class Excerpt:
    """The lines a location points at, and how many more of them are left out below."""

    lines: tuple[Line, ...]
    more: int = 0


@dataclass(frozen=True)
class Unreadable:
    """A file of the project's that could not be read or parsed, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class SourceSummary:
    """How much of the project's source was read.

    `files` counts those that were; `resolved` and `unresolved` count the places where tasks are called,
    by whether it is known which task is.
    """

    files: int
    unreadable: tuple[Unreadable, ...] = ()
    resolved: int = 0
    unresolved: int = 0


@dataclass(frozen=True)
class Report:
    """One audit: the picture it judged, an outcome for every item, and the findings.

    `findings` count; `waived` do not, and are kept visible. `fail_on` is the severity from which
    findings fail the audit, None for never. `source` is None where no source was read; `excerpts` are
    the lines to show, by the location they belong to.
    """

    app: App
    outcomes: tuple[Outcome, ...]
    findings: tuple[Finding, ...]
    waived: tuple[Finding, ...] = ()
    notices: tuple[Notice, ...] = ()
    fail_on: Severity | None = Severity.ERROR
    evidence: tuple[str, ...] = field(default=("settings", "tasks", "routes", "schedule"))
    source: SourceSummary | None = None
    excerpts: Mapping[Location, Excerpt] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """3 where a check crashed, 1 where a finding is at or above `fail_on`, else 0."""
        if any(outcome.status == "crashed" for outcome in self.outcomes):
            return 3
        if self.fail_on is None:
            return 0
        return int(any(finding.severity >= self.fail_on for finding in self.findings))

    def count(self, severity: Severity) -> int:
        return sum(finding.severity == severity for finding in self.findings)

    def statuses(self, section: str | None = None) -> Counter[Status]:
        """How many items ended how, in one section or in all."""
        return Counter(o.status for o in self.outcomes if section in (None, o.section))


def describe(about: About) -> tuple[SubjectKind, str, Location | None]:
    """A subject's kind, its name as users write it in waivers, and its place."""
    match about:
        case App():
            return "app", about.target or about.name, about.location
        case Setting():
            return "setting", about.name, about.location
        case TaskInfo() | BrokenTask():
            return "task", about.name, about.location
        case DuplicateTask():
            return "task", about.name, about.locations[0] if about.locations else None
        case Called():
            return "call", about.name, about.location
        case ScheduleEntry():
            return "schedule", about.name, about.location
        case RouteInfo():
            return "route", about.pattern, about.location
        case QueueInfo():
            return "queue", about.name, about.location
