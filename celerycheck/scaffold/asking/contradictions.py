"""What answers say that are fine one by one and do not fit together, or not in this project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from celerycheck.scaffold.asking import parameters
from celerycheck.scaffold.asking import questions as q
from celerycheck.scaffold.asking.durations import text_of
from celerycheck.scaffold.asking.questions import Question
from celerycheck.scaffold.asking.situation import Situation
from celerycheck.scaffold.layout import layout
from celerycheck.scaffold.spec import Spec
from celerycheck.subjects import TaskInfo

CONSUMER_TIMEOUT = 1800
"""Seconds after which RabbitMQ gives up on a consumer that has not acknowledged a message."""

Contradiction = tuple[Question[object], str, str]


def contradictions(made: Spec, situation: Situation) -> Iterator[Contradiction]:
    """What is fine by itself and does not fit together; 0 and empty stand for what could not be read."""
    yield from _names_twice(made)
    yield from _place(made, situation)
    yield from _limits(made, situation)
    yield from _queues(made, situation)
    yield from _reports(made, situation)
    answers = situation.answers
    if made.kind == "periodic" and answers.given("every") and answers.given("cron"):
        yield q.EVERY, "--cron was given too", "A task has one schedule: leave one of them out."
    if made.kind == "workflow" and len(made.steps) == 1 == len(_written(answers.texts("steps"))):
        yield (
            q.STEPS,
            "a workflow has two steps at least",
            "With one step it is a plain task: leave --kind out.",
        )


def _written(texts: Sequence[str]) -> list[str]:
    return [part for text in texts for part in parameters.split(text)]


def _names_twice(made: Spec) -> Iterator[Contradiction]:
    names = [param.name for param in made.params]
    for name in _repeated(names):
        yield q.PARAM, f"{name} is there twice", "Each parameter has a name of its own."
    for step in _repeated(made.steps):
        yield q.STEPS, f"{step} is there twice", "Each step has a name of its own."
    if made.name and made.name in names:
        yield q.PARAM, f"{made.name} is the task's name", "Call the parameter something else."
    if made.name and made.name in made.steps:
        yield q.STEPS, f"{made.name} is the workflow's own name", "Call the step something else."


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _place(made: Spec, situation: Situation) -> Iterator[Contradiction]:
    """Whether the package can take the task."""
    project = situation.project
    if made.package not in project.packages or not situation.answers.text("package"):
        return
    if made.store == "django" and project.framework == "django" and made.package not in project.django_apps:
        apps = ", ".join(project.django_apps[:10])
        yield (
            q.PACKAGE,
            f"{made.package or 'the top level'} is no installed Django app, and only apps have models",
            f"Add it to INSTALLED_APPS{f', or choose one of {apps}' if apps else ''}.",
        )


def _limits(made: Spec, situation: Situation) -> Iterator[Contradiction]:
    soft, hard = made.soft_time_limit, made.time_limit
    if soft and hard and soft >= hard:
        yield (
            q.SOFT_TIME_LIMIT,
            f"{text_of(soft)} does not come before the hard limit of {text_of(hard)}",
            "Leave time between them to recover in.",
        )
    if not made.reliable or not hard:
        return
    broker = situation.project.app.broker
    patience = broker.visibility_timeout
    if patience is None and broker.transport == "amqp":
        patience = CONSUMER_TIMEOUT
    if patience is not None and hard >= patience:
        again = f"the broker hands the message out again after {text_of(int(patience))}"
        yield (
            q.TIME_LIMIT,
            f"with --reliable, {again}, while a run may take {text_of(hard)}",
            "Choose a shorter limit, or make the broker wait for longer.",
        )


def _queues(made: Spec, situation: Situation) -> Iterator[Contradiction]:
    if not made.rate_limit:
        return
    if not made.queue:
        if not situation.answers.text("queue"):
            yield (
                q.RATE_LIMIT,
                "a rate-limited task holds up everything else in its queue",
                f"Give it a queue of its own: --queue {made.name or 'slow'}.",
            )
        return
    others = [
        task.name
        for task in situation.project.app.tasks
        if task.queue == made.queue and not _is_its_own(task, made)
    ]
    if others:
        more = f" and {len(others) - 1} more" if others[1:] else ""
        yield (
            q.RATE_LIMIT,
            f"it would hold up {others[0]}{more} in queue {made.queue}",
            f"Give it a queue of its own: --queue {made.name or 'slow'}.",
        )


def _reports(made: Spec, situation: Situation) -> Iterator[Contradiction]:
    """Whether reports can extend the tasks' base class: its module must not need theirs."""
    project = situation.project
    if not made.report_failures or project.base is None or made.package not in project.packages:
        return
    module, _, name = project.base.rpartition(".")
    if module == layout(project, made.package, made.name).tasks.module:
        yield (
            q.REPORT_FAILURES,
            f"reports would extend {name}, the base class of the tasks, which stands in {module} beside them",
            f"Move {name} to a module of its own: what reports need is imported by {module}.",
        )


def _is_its_own(task: TaskInfo, made: Spec) -> bool:
    """Whether a task is what an earlier run with the same answers has made."""
    function = task.name.rpartition(".")[2]
    ours = function == made.name or function.startswith(f"_{made.name}_")
    return ours and task.module.startswith(made.package)
