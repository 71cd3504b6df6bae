import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celerycheck.errors import UsageError
from celerycheck.inspection.encode import encode
from celerycheck.picture_format import decode
from celerycheck.subjects import (
    PICTURE_FORMAT,
    App,
    BackendInfo,
    BrokenModule,
    BrokenTask,
    BrokerInfo,
    CrontabFields,
    DjangoApp,
    DjangoInfo,
    DuplicateTask,
    Location,
    Note,
    Opaque,
    Parameter,
    QueueInfo,
    RouteInfo,
    ScheduleEntry,
    Setting,
    Settings,
    SilentAutodiscovery,
    TaskClass,
    TaskInfo,
)

PLACE = Location("proj/tasks.py", 3, 5)
DELTA = Opaque("datetime.timedelta", "0:00:05", 5.0)

FULL = App(
    target="proj",
    name="proj",
    module="proj.celery",
    attribute="app",
    celery="5.6.3",
    python="3.11.7",
    location=PLACE,
    settings=Settings(
        {"result_expires": Setting("result_expires", DELTA, "code", "result_expires", PLACE)},
        unknown=(Setting("nope", Opaque("withheld"), "source", "nope"),),
        old_style=(Setting("task_acks_late", True, "source", "CELERY_ACKS_LATE"),),
        namespace="CELERY",
        source="django.conf:settings",
    ),
    broker=BrokerInfo("redis", "rediss", ("h",), True, True, "ImportError", 3600.0, PLACE),
    backend=BackendInfo("redis", "x.Y", True, "ValueError", PLACE),
    tasks=(
        TaskInfo(
            "proj.t",
            "proj",
            "t",
            PLACE,
            "Doc.",
            True,
            True,
            False,
            True,
            True,
            True,
            (Parameter("x", "keyword", True, "set", "a set"),),
            "self",
            {"max_retries": None, "deep": [{"a": DELTA}]},
            {"max_retries": "decorator"},
            (TaskClass("p.B", ("run",), ("retry",), PLACE),),
            ("retry",),
            ("w",),
            True,
            "jobs:app",
            "q",
            3,
            "error",
            source=PLACE,
            aliases=("proj.api.t", "proj.t"),
        ),
        TaskInfo("proj.without_signature", parameters=None),
    ),
    third_party=(TaskInfo("lib.t", third_party=True),),
    names=("proj.t", "lib.t"),
    partial="x could not be imported",
    queues=(QueueInfo("q", False, "e", "topic", "k", "quorum", 5, False, {"x": 1}, PLACE),),
    routes=(RouteInfo("p.*", "glob", "q", 3, PLACE), RouteInfo("f", "function")),
    routes_error="ValueError",
    schedule=(
        ScheduleEntry(
            "a",
            "t",
            "crontab",
            "* * * * *",
            None,
            CrontabFields("5"),
            3.5,
            None,
            "no",
            1,
            "d",
            {"queue": "q"},
            ("x",),
            "e",
            "2024-01-01T00:00:00+00:00",
            True,
            PLACE,
        ),
        ScheduleEntry("b", expires="set"),
        ScheduleEntry("c", expires=5, seconds=3),
    ),
    scheduler="x:Y",
    broken_modules=(BrokenModule("m", "c", PLACE, "include"),),
    broken_tasks=(BrokenTask("t", "c", ("base",), PLACE),),
    duplicates=(DuplicateTask("t", (PLACE, PLACE)),),
    silent_autodiscovery=(SilentAutodiscovery("p", "tasks", "q.tasks", location=PLACE, exists=False),),
    serializers={"json": "application/json"},
    task_attributes=("run",),
    task_methods=("run",),
    task_defaults={"max_retries": 3, "rate_limit": None},
    django=DjangoInfo(
        "5.2",
        "s",
        False,
        ("a",),
        ("a.models.User",),
        "a.models.User",
        ("default",),
        "x.Backend",
        (DjangoApp("p.a", "a", "django.db.models.BigAutoField", "p.a.migrations", ("User",)),),
        True,
    ),
    error_reporters=("sentry_sdk",),
    modules_available=("redbeat",),
    notes=(Note("n", PLACE),),
    files=("a.py",),
    packages=("a",),
    import_roots=(".", "src"),
    mapped_classes=("a.models.Row",),
    autodiscovered=("a.tasks",),
    included=("b",),
)


def settings_of(app):
    return vars(app.settings)


@pytest.mark.parametrize("app", [App(), FULL], ids=["empty", "full"])
def test_a_picture_survives_the_journey(app):
    back = decode(encode(app), "x")
    assert settings_of(back) == settings_of(app)
    assert dataclasses.replace(back, settings=app.settings) == app
    assert encode(back) == encode(app)


def test_every_field_is_in_the_full_picture():
    """A new field of the picture belongs in FULL, at another value than its default."""
    for field in dataclasses.fields(App):
        assert getattr(FULL, field.name) != getattr(App(), field.name), field.name


def test_tasks_know_what_applies_when_nobody_sets_it():
    back = decode(encode(FULL), "x")
    assert back.tasks[1].option("max_retries") == 3
    assert back.tasks[0].option("max_retries") is None
    assert back.third_party[0].defaults is back.task_defaults


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.builds(Opaque, st.text(), st.text(), st.none() | st.floats(0, 1e9)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(PLAIN, st.text())
def test_any_plain_data_survives(value, name):
    app = App(settings=Settings({name: Setting(name, value)}), tasks=(TaskInfo("t", options={name: value}),))
    back = decode(encode(app), "x")
    assert back.settings[name].value == value
    assert back.tasks[0].options[name] == value


def damaged(**changes):
    data = json.loads(encode(FULL))
    data["app"].update(changes)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x is no picture: "),
        ("{", "x is no picture: "),
        ("[]", "x is no picture of this version of celerycheck"),
        ("5", "x is no picture of this version of celerycheck"),
        ("{}", "x is no picture of this version of celerycheck"),
        ('{"picture": 0, "app": {}}', "x is no picture of this version of celerycheck"),
        (f'{{"picture": {PICTURE_FORMAT}}}', "x is no picture of this version of celerycheck"),
        (f'{{"picture": {PICTURE_FORMAT}, "app": []}}', "x is damaged: [] is no App"),
        (damaged(target=5), "x is damaged: App.target: 5 is no str"),
        (damaged(colour="red"), "x is damaged: App has no 'colour'"),
        (damaged(tasks={}), "x is damaged: App.tasks: {} is no list"),
        (damaged(tasks=[{}]), "x is damaged: "),
        (damaged(tasks=[{"name": "t", "bound": 1}]), "x is damaged: App.tasks: TaskInfo.bound: 1 is no bool"),
        (
            damaged(tasks=[{"name": "t", "options": []}]),
            "x is damaged: App.tasks: TaskInfo.options: [] is no mapping",
        ),
        (
            damaged(tasks=[{"name": "t", "defaults": {}}]),
            "x is damaged: App.tasks: TaskInfo has no 'defaults'",
        ),
        (damaged(settings=[]), "x is damaged: App.settings: settings are no mapping"),
        (damaged(settings={"values": {"a": 5}}), "x is damaged: App.settings: 5 is no Setting"),
        (
            damaged(location={"path": "a", "line": "3"}),
            "x is damaged: App.location: Location.line: '3' is no int",
        ),
        (
            damaged(location={"path": "a", "line": True}),
            "x is damaged: App.location: Location.line: True is no int",
        ),
        (
            damaged(schedule=[{"name": "a", "expires": []}]),
            "x is damaged: App.schedule: ScheduleEntry.expires: [] is no",
        ),
        (damaged(celery="new"), "x is damaged: "),
        (damaged(celery=""), "x is damaged: "),
        ("[" * 100_000, "x is "),
    ],
)
def test_a_damaged_picture_is_one_message(text, message):
    with pytest.raises(UsageError) as failed:
        decode(text, "x")
    assert failed.value.message.startswith(message)
    assert failed.value.hint == "Take a new one with --save-picture."


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([f.name for f in dataclasses.fields(App)] + ["name", "values"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
def test_nothing_but_usage_errors_is_raised(data):
    try:
        app = decode(json.dumps({"picture": PICTURE_FORMAT, "app": data}), "x")
    except UsageError:
        return
    assert isinstance(app, App)


def test_what_is_no_part_of_a_picture_is_refused():
    with pytest.raises(TypeError, match="object is no part of a picture"):
        encode(App(task_defaults={"x": object()}))
