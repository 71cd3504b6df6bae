"""The questions of `new-task`, in the order in which they are asked: values that need no terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from celerycheck.errors import UsageError
from celerycheck.scaffold.asking import chosen_names, durations, fits, limits, parameters, schedules
from celerycheck.scaffold.asking.answers import Raw
from celerycheck.scaffold.asking.situation import Situation
from celerycheck.scaffold.project import Framework
from celerycheck.scaffold.spec import Cron, Every, Kind, Lock, Outside, Parameter, Store

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
Form = Literal["text", "list", "choice", "yes/no"]


def _always(situation: Situation) -> bool:  # noqa: ARG001  # one signature for all
    return True


def _never(situation: Situation) -> bool:  # noqa: ARG001
    return False


def _nothing(situation: Situation) -> None:  # noqa: ARG001
    return None


def _no_choices(situation: Situation) -> tuple[str, ...]:  # noqa: ARG001
    return ()


def _only(kind: Kind) -> Callable[[Situation], bool]:
    return lambda situation: situation.kind == kind


def _usually(value: Raw) -> Callable[[Situation], Raw | None]:
    return lambda _: value


def _plainly(parse: Callable[[str], T]) -> Callable[[str, Situation], T]:
    """A reader that needs to know nothing but the text."""
    return lambda text, _: parse(text)


@dataclass(frozen=True)
class Question(Generic[T_co]):
    """One question, and what its answers mean.

    - `key`: its name in the answers; with dashes, in `[tool.celerycheck.new-task]`. `flag`: as messages name
      it; `prompt`: as it is asked.
    - `parse`: what one text means (one of several, where `form` is `list`); raises UsageError.
    - `default`: the usual answer; None where there is none. `choices`: the answers that fit here.
    - `applies`: whether an answer means anything; where not, `otherwise` says why.
    - `asked`: whether it is still open, for questions that another one may answer.
    - `needed`: whether there must be an answer; `example` shows one.
    - `detail`: asked only of who wants to change the details. `once`: never set for a whole project.
    """

    key: str
    flag: str
    prompt: str
    parse: Callable[[str, Situation], T_co]
    form: Form = "text"
    default: Callable[[Situation], Raw | None] = _nothing
    choices: Callable[[Situation], tuple[str, ...]] = _no_choices
    applies: Callable[[Situation], bool] = _always
    otherwise: str = ""
    asked: Callable[[Situation], bool] = _always
    needed: Callable[[Situation], bool] = _never
    example: str = ""
    detail: bool = False
    once: bool = False

    def refusal(self, text: str, situation: Situation) -> str:
        """Why an answer as it was typed is refused, in one line; empty where it is fine."""
        if not text.strip():
            own = self.example[max(self.example.find(self.flag), 0) :]
            typed = own.replace(f"{self.flag} ", "")
            return f"An answer is needed: {typed}" if self.needed(situation) else ""
        try:
            for part in parameters.split(text) if self.form == "list" else [text.strip()]:
                self.parse(part, situation)
        except UsageError as error:
            return f"{error.message}. {error.hint}".rstrip()
        return ""


def yes_or_no(text: str) -> bool:
    """Only asked with yes and no; kept so that every question can read its answers."""
    return text == "yes"


def _models(situation: Situation) -> tuple[str, ...]:
    app = situation.project.app
    return (*(app.django.models if app.django else ()), *app.mapped_classes)


NAME = Question[str](
    "name",
    "NAME",
    "Name of the task",
    chosen_names.public,
    needed=_always,
    example="charge_invoice",
    once=True,
)
KIND = Question[Kind](
    "kind",
    "--kind",
    "Kind",
    _plainly(fits.kind),
    "choice",
    default=_usually("task"),
    choices=lambda _: fits.KINDS,
)
PACKAGE = Question[str](
    "package",
    "--package",
    "Package it belongs to",
    fits.package,
    "choice",
    default=fits.usual_package,
    choices=lambda situation: fits.packages(situation.project),
    needed=_always,
    example="--package billing",
)
PARAM = Question[Parameter](
    "param",
    "--param",
    "Parameters (name:type, with commas between)",
    lambda text, situation: parameters.parameter(text, _models(situation)),
    "list",
    applies=lambda situation: situation.kind != "periodic",
    otherwise="a periodic task takes no parameters: beat sends it",
    needed=_always,
    example="--param invoice_id:int, or --param request_id:str if it is about no record",
    once=True,
)
STEPS = Question[str](
    "steps",
    "--steps",
    "Steps, in order (with commas between)",
    chosen_names.step,
    "list",
    applies=_only("workflow"),
    otherwise="only a workflow has steps",
    needed=_always,
    example="--steps fetch,store,notify",
    once=True,
)
EVERY = Question[Every](
    "every",
    "--every",
    "How often it runs (15m, 1h30m; empty for a crontab)",
    _plainly(schedules.every),
    applies=_only("periodic"),
    otherwise="only a periodic task has a schedule",
    asked=lambda situation: situation.answers.source("cron") is None,
    once=True,
)
CRON = Question[Cron](
    "cron",
    "--cron",
    "When it runs (minute, hour, day of month, month, day of week: 30 3 * * *)",
    _plainly(schedules.cron),
    applies=_only("periodic"),
    otherwise="only a periodic task has a schedule",
    asked=lambda situation: situation.answers.source("every") is None,
    needed=lambda situation: situation.answers.source("every") is None,
    example='--every 15m or --cron "30 3 * * *"',
    once=True,
)
OUTSIDE = Question[Outside](
    "outside",
    "--outside",
    "Calls another system through",
    fits.outside,
    "choice",
    default=fits.usual_outside,
    choices=fits.outsides,
)
RELIABLE = Question[bool](
    "reliable",
    "--reliable",
    "Must it survive the death of its worker (acks_late)?",
    _plainly(yes_or_no),
    "yes/no",
    default=_usually(True),
)
FRAMEWORK = Question[Framework](
    "framework",
    "--django/--plain",
    "Written for",
    fits.framework,
    "choice",
    default=lambda situation: situation.found.framework,
    choices=fits.frameworks,
    detail=True,
)
STORE = Question[Store](
    "store",
    "--store",
    "What is done is kept in",
    fits.store,
    "choice",
    default=fits.usual_store,
    choices=fits.stores,
    needed=_always,
    example="--store sqlalchemy or --store redis, and install that: pip install SQLAlchemy, or redis",
    detail=True,
)
LOCK = Question[Lock](
    "lock",
    "--lock",
    "Two runs are kept apart by",
    fits.lock,
    "choice",
    default=fits.usual_lock,
    choices=fits.locks,
    applies=_only("periodic"),
    otherwise="only a periodic task has a lock",
    needed=_always,
    example="--lock sqlalchemy or --lock redis, and install that: pip install SQLAlchemy, or redis",
    detail=True,
)
RETRY_ON = Question[str](
    "retry_on",
    "--retry-on",
    "Exceptions to retry on (with commas between)",
    fits.exception,
    "list",
    default=fits.usual_retry_on,
    needed=_always,
    example="--retry-on OSError",
    detail=True,
)
MAX_RETRIES = Question[int](
    "max_retries",
    "--max-retries",
    "Retries at most",
    _plainly(limits.retries),
    default=_usually("5"),
    detail=True,
)
SOFT_TIME_LIMIT = Question[int](
    "soft_time_limit",
    "--soft-time-limit",
    "Soft time limit",
    _plainly(durations.seconds),
    default=limits.usual_soft,
    detail=True,
)
TIME_LIMIT = Question[int](
    "time_limit",
    "--time-limit",
    "Hard time limit",
    _plainly(durations.seconds),
    default=limits.usual_hard,
    detail=True,
)
QUEUE = Question[str](
    "queue",
    "--queue",
    "Queue (empty for the default one)",
    limits.queue,
    detail=True,
)
RATE_LIMIT = Question[str](
    "rate_limit",
    "--rate-limit",
    "Rate limit (10/m; empty for none)",
    _plainly(limits.rate),
    asked=lambda situation: bool(situation.answers.text("queue")),
    detail=True,
)
KEEP_RESULT = Question[bool](
    "keep_result",
    "--keep-result",
    "Does anybody read its result?",
    _plainly(yes_or_no),
    "yes/no",
    default=_usually(False),
    detail=True,
)
BIND = Question[bool](
    "bind",
    "--bind",
    "Does it need itself (self.request)?",
    _plainly(yes_or_no),
    "yes/no",
    default=_usually(False),
    applies=lambda situation: situation.kind != "periodic",
    otherwise="a periodic task is bound in any case",
    detail=True,
)
REPORT_FAILURES = Question[bool](
    "report_failures",
    "--report-failures",
    "Does each call get a report that tells what became of it?",
    _plainly(yes_or_no),
    "yes/no",
    default=_usually(False),
    detail=True,
)

QUESTIONS: tuple[Question[object], ...] = (
    NAME,
    KIND,
    PACKAGE,
    PARAM,
    STEPS,
    EVERY,
    CRON,
    OUTSIDE,
    RELIABLE,
    FRAMEWORK,
    STORE,
    LOCK,
    RETRY_ON,
    MAX_RETRIES,
    SOFT_TIME_LIMIT,
    TIME_LIMIT,
    QUEUE,
    RATE_LIMIT,
    KEEP_RESULT,
    BIND,
    REPORT_FAILURES,
)
"""Each one knows only the answers before it, and the defaults of those after it."""
