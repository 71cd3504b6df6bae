"""The entries that beat sends, as far as they can be seen."""

from __future__ import annotations

from celerycheck.subjects import App, NotEvaluated, ScheduleEntry

BUILT_IN = "celery.backend_cleanup"
"""The entry that Celery adds by itself."""


def entries_of(app: App) -> tuple[ScheduleEntry, ...]:
    """Every entry of the schedule; `NotEvaluated` where they are kept where a picture does not look.

    To a scheduler that is none of Celery's own `beat_schedule` is only a seed: entries that it has are
    judged, and an empty one says nothing.
    """
    if not app.scheduler.startswith("celery.beat") and all(entry.name == BUILT_IN for entry in app.schedule):
        raise NotEvaluated(f"the schedule is kept by {app.scheduler}, and not seen")
    return app.schedule
