"""Joins a checklist to a picture: judges every item and reports. Pure: reads no file, prints nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from fnmatch import translate

from celerycheck.answers import Answer
from celerycheck.checklist import Checklist, Item, Waiver
from celerycheck.checks import shipped
from celerycheck.findings import (
    Finding,
    Notice,
    Outcome,
    Report,
    Severity,
    SourceSummary,
    Status,
    Unreadable,
    describe,
)
from celerycheck.judging import (
    NOT_ABOUT_TASKS,
    Judgement,
    Narrowing,
    did_you_mean,
    judge,
    reads_source,
    subject_of,
)
from celerycheck.source.evidence import SourceCode
from celerycheck.source.suppressions import NONE, Suppressions
from celerycheck.subjects import App, Location


def run(
    checklist: Checklist,
    app: App,
    *,
    answers: Mapping[str, Answer] | None = None,
    suppressions: Suppressions = NONE,
    source: SourceCode | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    task: str | None = None,
    fail_on: Severity | None = Severity.ERROR,
    today: date | None = None,
) -> Report:
    """Judge every item of the checklist on this picture.

    `select` and `ignore` hold ids, section titles and topics of checks, or globs of them; `task` is a
    glob of task names, to see nothing but findings about those. `source` is the project's source, read only
    as far as checks ask for it; without it they are skipped. `today` decides which answers are
    stale. Raises UsageError where one of these matches nothing.
    """
    narrowing = Narrowing(select, ignore, task)
    narrowing.refuse_unmatched(checklist, app)
    audit = _Audit(app, suppressions, source, narrowing, today or datetime.now().astimezone().date())
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
        audit.evidence(),
        source=audit.read_source(),
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


class _Audit:
    """Gathers outcomes, findings and notices, item by item."""

    def __init__(
        self,
        app: App,
        suppressions: Suppressions,
        source: SourceCode | None,
        narrowing: Narrowing,
        today: date,
    ) -> None:
        self.app = app
        self.suppressions = suppressions
        self.source = source
        self.source_wanted = False
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
        self.source_wanted |= reads_source(item)
        result = judge(item, self.app, self.tasks, self.source)
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

    def evidence(self) -> tuple[str, ...]:
        """What was looked at, in the report's words."""
        looked = self.source is not None and self.source_wanted and self.source.at_hand
        return ("settings", "tasks", "routes", "schedule", *(("source",) if looked else ()))

    def read_source(self) -> SourceSummary | None:
        """What was read of the source; None where no check asked for it, or it is not at hand."""
        if self.source is None or not self.source_wanted or not self.source.at_hand:
            return None
        resolved, unresolved = len(self.source.sites), self.source.unresolved
        project = self.source.project
        unreadable = tuple(Unreadable(path, why) for path, why in sorted(project.unreadable.items()))
        return SourceSummary(project.files_read, unreadable, resolved, unresolved)

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
                    hint = did_you_mean(id_, sorted(known))
                    text = f"there is no check {id_!r}" + (f". {hint}" if hint else "")
                    self.notices.append(Notice("unused-suppression", text, place))
                elif id_ in self._complete and (place, id_) not in self._silenced:
                    text = f"{id_} finds nothing here to ignore"
                    self.notices.append(Notice("unused-suppression", text, place))

    def notice_orphans(self, checklist: Checklist, answers: Mapping[str, Answer]) -> None:
        """Answers to questions that the checklist does not ask."""
        asked = [item.id for item in checklist.items if item.kind == "ask"]
        for id_ in answers.keys() - set(asked):
            hint = did_you_mean(id_, asked)
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
    # The task whose own code it is speaks for those that come to it through others.
    first = min(group, key=lambda finding: len(finding.trace))
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
