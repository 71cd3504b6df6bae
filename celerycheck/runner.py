"""Joins a checklist to a picture: judges every item and reports. Pure: reads no file, prints nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fnmatch import fnmatchcase, translate

from celerycheck.answers import Answer
from celerycheck.checklist import Checklist, Item, Waiver
from celerycheck.checks import shipped
from celerycheck.errors import UsageError
from celerycheck.findings import Finding, Notice, Outcome, Report, Severity, Status, describe
from celerycheck.judging import Judgement, judge, subject_of
from celerycheck.source.suppressions import NONE, Suppressions
from celerycheck.subjects import App, Location, TaskInfo
from celerycheck.yaml_nodes import nearest

OFF = "switched off in the checklist"
NOT_SELECTED = "not selected"
IGNORED = "ignored"
NOT_ABOUT_TASKS = "not about single tasks"


def run(
    checklist: Checklist,
    app: App,
    *,
    answers: Mapping[str, Answer] | None = None,
    suppressions: Suppressions = NONE,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    task: str | None = None,
    fail_on: Severity | None = Severity.ERROR,
    today: date | None = None,
) -> Report:
    """Judge every item of the checklist on this picture.

    `select` and `ignore` hold ids, section titles and topics of checks, or globs of them; `task` is a
    glob of task names, to see nothing but findings about those. `today` decides which answers are
    stale. Raises UsageError where one of these matches nothing.
    """
    narrowing = _Narrowing(select, ignore, task)
    narrowing.refuse_unmatched(checklist, app)
    audit = _Audit(app, suppressions, narrowing, today or datetime.now().astimezone().date())
    answers = answers or {}
    for item in checklist.items:
        reason = narrowing.left_out(item)
        if reason is not None:
            audit.conclude(item, "skipped", reason)
        elif item.kind == "ask":
            audit.ask(item, answers.get(item.id), checklist.answers_valid_for_days)
        else:
            audit.judge(item)
    audit.notice_suppressions({item.id for item in checklist.items})
    audit.notice_orphans(checklist, answers)
    return Report(
        app,
        tuple(audit.outcomes),
        tuple(audit.findings),
        tuple(audit.waived),
        tuple(audit.notices),
        fail_on,
    )


def open_questions(checklist: Checklist, answers: Mapping[str, Answer], today: date) -> list[Item]:
    """The questions nobody answered, or whose answers are too old."""
    days = checklist.answers_valid_for_days
    return [
        item
        for item in checklist.items
        if item.kind == "ask"
        and item.enabled
        and (item.id not in answers or answers[item.id].stale(today, days))
    ]


@dataclass(frozen=True)
class _Narrowing:
    """What of the checklist and of the app is asked for; empty and None mean everything."""

    select: Sequence[str]
    ignore: Sequence[str]
    task: str | None

    def left_out(self, item: Item) -> str | None:
        """Why this item is not to be judged, or None."""
        if not item.enabled:
            return OFF
        if any(_names(token, item) for token in self.ignore):
            return IGNORED
        if self.select and not any(_names(token, item) for token in self.select):
            return NOT_SELECTED
        if self.task is not None and not _may_speak_of_tasks(item):
            return NOT_ABOUT_TASKS
        return None

    def tasks(self, app: App) -> Sequence[TaskInfo]:
        return app.tasks if self.task is None else [t for t in app.tasks if self.wants(t.name)]

    def wants(self, name: str) -> bool:
        return self.task is None or name == self.task or fnmatchcase(name, self.task)

    def refuse_unmatched(self, checklist: Checklist, app: App) -> None:
        for option, tokens in (("select", self.select), ("ignore", self.ignore)):
            for token in tokens:
                known_elsewhere = option == "ignore" and token in shipped()
                if not known_elsewhere and not any(_names(token, item) for item in checklist.items):
                    choices = [*(item.id for item in checklist.items), *checklist.sections]
                    message = f"--{option} {token}: the checklist has no such check, section or topic"
                    raise UsageError(message, _did_you_mean(token, choices))
        if self.task is None:
            return
        names = [task.name for task in app.tasks]
        names += [task.name for task in app.broken_tasks]
        names += [task.name for task in app.duplicates]
        if not any(self.wants(name) for name in names):
            hint = _did_you_mean(self.task, names)
            if any(self.wants(task.name) for task in app.third_party):
                hint = "Tasks of installed packages are audited with --third-party."
            raise UsageError(f"--task {self.task}: the app has no such task", hint)


def _did_you_mean(word: str, choices: Sequence[str]) -> str:
    near = nearest(word, choices)
    return f"Did you mean {near!r}?" if near else ""


def _names(token: str, item: Item) -> bool:
    """Whether an argument of --select or --ignore means this item."""
    wanted = token.strip().casefold()
    topic = item.check.topic if item.check else ""
    names = (item.id, item.section.casefold(), topic, topic.replace("_", "-"))
    return any(name and (name == wanted or fnmatchcase(name, wanted)) for name in names)


def _may_speak_of_tasks(item: Item) -> bool:
    if item.kind == "ask":
        return False
    try:
        return subject_of(item) in (TaskInfo, App)
    except TypeError:
        return True  # a broken check: judging it says so


class _Audit:
    """Gathers outcomes, findings and notices, item by item."""

    def __init__(self, app: App, suppressions: Suppressions, narrowing: _Narrowing, today: date) -> None:
        self.app = app
        self.suppressions = suppressions
        self.narrowing = narrowing
        self.today = today
        self.tasks = narrowing.tasks(app)
        self.outcomes: list[Outcome] = []
        self.findings: list[Finding] = []
        self.waived: list[Finding] = []
        self.notices = [Notice("load", note.text, note.location) for note in app.notes]
        self._complete: set[str] = set()
        self._silenced: set[tuple[Location, str]] = set()

    def conclude(
        self, item: Item, status: Status, reason: str | None = None, traceback: str | None = None
    ) -> None:
        reference = item.check.reference if item.check else ""
        url = re.search(r"https?://\S+", reference)
        self.outcomes.append(
            Outcome(
                item.id,
                item.title,
                item.section,
                item.severity,
                status,
                reason,
                traceback,
                url[0].rstrip(".,;)") if url else None,
            )
        )

    def judge(self, item: Item) -> None:
        result = judge(item, self.app, self.tasks)
        found = [finding for finding in result.findings if self._wanted(finding)]
        waivers = _Waivers(item.waivers)
        counted, waived = self._waive(item, waivers, found)
        self.findings += counted
        self.waived += waived
        if result.complete and self.narrowing.task is None and not self.app.partial:
            self._complete.add(item.id)
            for waiver in waivers.unused():
                text = f"{item.id}: nothing matches the waiver {waiver.pattern!r} any more"
                self.notices.append(Notice("stale-waiver", text, waiver.location))
        if result.crashes:
            more = f" (and {result.crashes - 1} more times)" if result.crashes > 1 else ""
            self.conclude(item, "crashed", result.crash + more, result.traceback)
        elif counted:
            self.conclude(item, "failed", _remarks(result, waived))
        elif result.skipped is not None:
            self.conclude(item, "skipped", result.skipped)
        elif self.narrowing.task is not None and subject_of(item) is App and not waived:
            self.conclude(item, "skipped", NOT_ABOUT_TASKS)
        else:
            self.conclude(item, "passed", _remarks(result, waived))

    def ask(self, item: Item, answer: Answer | None, valid_for_days: int) -> None:
        if answer is None:
            self.conclude(item, "unanswered")
            return
        note = f": {answer.note}" if answer.note else ""
        if answer.stale(self.today, valid_for_days):
            text = f"answered on {answer.given_on}, more than {valid_for_days} days ago"
            self.notices.append(Notice("stale-answer", f"{item.id}: {text}", answer.location))
            self.conclude(item, "unanswered", text)
        elif answer.reply == "no":
            kind, subject, _ = describe(self.app)
            self.findings.append(
                Finding(
                    check=item.id,
                    title=item.title,
                    section=item.section,
                    severity=item.severity,
                    subject=subject,
                    subject_kind=kind,
                    message=f"answered no{note}",
                    fix=item.fix,
                    location=answer.location,
                )
            )
            self.conclude(item, "failed", f"answered no on {answer.given_on}{note}")
        elif answer.reply == "yes":
            self.conclude(item, "passed", f"answered yes on {answer.given_on}{note}")
        else:
            self.conclude(item, "skipped", f"not applicable, {answer.given_on}{note}")

    def notice_suppressions(self, listed: set[str]) -> None:
        """Comments in source that name no check, name an unknown one, or silence nothing."""
        known = listed | set(shipped())
        for suppression in self.suppressions:
            place = suppression.location
            if not suppression.ids:
                text = "names no check; write `ignore[check-id] reason`"
                self.notices.append(Notice("unused-suppression", text, place))
            elif not suppression.reason:
                text = f"the reason to ignore {', '.join(suppression.ids)} is missing"
                self.notices.append(Notice("suppression-without-reason", text, place))
            for id_ in suppression.ids:
                if id_ not in known:
                    hint = _did_you_mean(id_, sorted(known))
                    text = f"there is no check {id_!r}" + (f". {hint}" if hint else "")
                    self.notices.append(Notice("unused-suppression", text, place))
                elif id_ in self._complete and (place, id_) not in self._silenced:
                    text = f"{id_} finds nothing here to ignore"
                    self.notices.append(Notice("unused-suppression", text, place))

    def notice_orphans(self, checklist: Checklist, answers: Mapping[str, Answer]) -> None:
        """Answers to questions that the checklist does not ask."""
        asked = [item.id for item in checklist.items if item.kind == "ask"]
        for id_ in answers.keys() - set(asked):
            hint = _did_you_mean(id_, asked)
            text = f"the checklist asks no question {id_!r}" + (f". {hint}" if hint else "")
            self.notices.append(Notice("stale-answer", text, answers[id_].location))

    def _wanted(self, finding: Finding) -> bool:
        if self.narrowing.task is None:
            return True
        return finding.subject_kind in ("task", "call") and self.narrowing.wants(finding.subject)

    def _waive(
        self, item: Item, waivers: _Waivers, found: list[Finding]
    ) -> tuple[list[Finding], list[Finding]]:
        """The findings that count, and those waived by the checklist or by a comment in source."""
        counted, waived = [], []
        for finding in found:
            reason = waivers.reason(finding.subject)
            for suppression in self.suppressions.matching(item.id, finding.location):
                self._silenced.add((suppression.location, item.id))
                reason = reason or suppression.reason or "no reason given"
            if reason is None:
                counted.append(finding)
            else:
                waived.append(replace(finding, reason=reason))
        return _folded(counted), _folded(waived)


class _Waivers:
    """The waivers of one item, and which of them were of use."""

    def __init__(self, waivers: Sequence[Waiver]) -> None:
        self._exact = {waiver.pattern: waiver for waiver in waivers}
        self._globs = [
            (re.compile(translate(waiver.pattern)), waiver)
            for waiver in waivers
            if any(character in waiver.pattern for character in "*?[")
        ]
        self._unused = dict(self._exact)

    def reason(self, subject: str) -> str | None:
        """Why findings about this subject are waived, by the first waiver that matches it."""
        exact = self._exact.get(subject)
        matching = [exact] if exact else []
        matching += [waiver for pattern, waiver in self._globs if pattern.match(subject)]
        for waiver in matching:
            self._unused.pop(waiver.pattern, None)
        return matching[0].reason if matching else None

    def unused(self) -> Iterator[Waiver]:
        return iter(self._unused.values())


def _folded(findings: list[Finding]) -> list[Finding]:
    """Sorted by subject, each said once: tasks that one place in the source makes share an entry."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in sorted(findings, key=_order):
        place = finding.location
        shared = finding.subject_kind == "task" and place is not None and place.line is not None
        subject = None if shared else finding.subject
        key = (subject, finding.subject_kind, place, finding.message, finding.severity, finding.reason)
        groups.setdefault(key, []).append(finding)
    return [_joined(group) for group in groups.values()]


def _joined(group: list[Finding]) -> Finding:
    count = len({finding.subject for finding in group})
    first = group[0]
    return first if count == 1 else replace(first, message=f"{first.message} (concerns {count} tasks)")


def _order(finding: Finding) -> tuple[str, str, int, str]:
    place = finding.location
    return finding.subject, place.path if place else "", (place and place.line) or 0, finding.message


def _remarks(result: Judgement, waived: list[Finding]) -> str | None:
    """What a reader should know beside passed or failed: waived findings, subjects that were not judged."""
    remarks = []
    if waived:
        remarks.append(f"{len(waived)} waived")
    if result.unjudged:
        count = len(result.unjudged)
        remarks.append(f"{count} of {result.subjects} not judged: {result.unjudged[0]}")
    return "; ".join(remarks) or None
