"""Options of tasks: those Celery has, by version, and what people write instead of them."""

from __future__ import annotations

TASK_OPTIONS: dict[str, str] = {
    "Request": "5.3",
    "Strategy": "5.3",
    "abstract": "5.3",
    "acks_late": "5.3",
    "acks_on_failure": "5.7",
    "acks_on_failure_or_timeout": "5.3",
    "acks_on_timeout": "5.7",
    "autoretry_for": "5.3",
    "backend": "5.3",
    "base": "5.3",
    "bind": "5.3",
    "compression": "5.3",
    "default_retry_delay": "5.3",
    "delivery_mode": "5.3",
    "dont_autoretry_for": "5.3",
    "exchange": "5.3",
    "expires": "5.3",
    "filter": "5.3",
    "ignore_result": "5.3",
    "immediate": "5.3",
    "lazy": "5.3",
    "mandatory": "5.3",
    "max_retries": "5.3",
    "name": "5.3",
    "override_max_retries": "5.3",
    "priority": "5.3",
    "pydantic": "5.5",
    "pydantic_context": "5.5",
    "pydantic_dump_kwargs": "5.5",
    "pydantic_strict": "5.5",
    "queue": "5.3",
    "rate_limit": "5.3",
    "reject_on_worker_lost": "5.3",
    "resultrepr_maxsize": "5.3",
    "retry_backoff": "5.3",
    "retry_backoff_max": "5.3",
    "retry_jitter": "5.3",
    "retry_kwargs": "5.3",
    "retry_on_worker_lost": "5.7",
    "routing_key": "5.3",
    "send_events": "5.3",
    "serializer": "5.3",
    "shared": "5.3",
    "soft_time_limit": "5.3",
    "store_eager_result": "5.3",
    "store_errors_even_if_ignored": "5.3",
    "throws": "5.3",
    "time_limit": "5.3",
    "track_started": "5.3",
    "trail": "5.3",
    "type": "5.3",
    "typing": "5.3",
}
"""Option -> the first Celery 5 minor version that has it; `5.3` stands for that or older.

Beside these, every attribute and method of the installed Task class may be given.
"""

DECORATOR_ONLY = frozenset(
    {
        "base",
        "bind",
        "filter",
        "lazy",
        "name",
        "pydantic",
        "pydantic_context",
        "pydantic_dump_kwargs",
        "pydantic_strict",
        "shared",
    }
)
"""Taken by the decorator, never put on the task: `bind=True` does not replace `Task.bind()`."""

MEANT: dict[str, str] = {
    "ack_late": "acks_late",
    "acks_latee": "acks_late",
    "auto_retry_for": "autoretry_for",
    "autoretry": "autoretry_for",
    "autoretry_exceptions": "autoretry_for",
    "backoff": "retry_backoff",
    "backoff_max": "retry_backoff_max",
    "base_class": "base",
    "base_cls": "base",
    "bound": "bind",
    "default_queue": "queue",
    "discard_result": "ignore_result",
    "dont_retry_for": "dont_autoretry_for",
    "expire": "expires",
    "hard_time_limit": "time_limit",
    "hard_timeout": "time_limit",
    "jitter": "retry_jitter",
    "late_acks": "acks_late",
    "max_attempts": "max_retries",
    "max_backoff": "retry_backoff_max",
    "max_retry": "max_retries",
    "no_autoretry_for": "dont_autoretry_for",
    "num_retries": "max_retries",
    "queue_name": "queue",
    "ratelimit": "rate_limit",
    "result_backend": "backend",
    "retries": "max_retries",
    "retry_backoff_jitter": "retry_jitter",
    "retry_count": "max_retries",
    "retry_countdown": "default_retry_delay",
    "retry_delay": "default_retry_delay",
    "retry_exceptions": "autoretry_for",
    "retry_for": "autoretry_for",
    "retry_limit": "max_retries",
    "retry_max": "max_retries",
    "retry_on": "autoretry_for",
    "serialiser": "serializer",
    "soft_limit": "soft_time_limit",
    "soft_timeout": "soft_time_limit",
    "task_acks_late": "acks_late",
    "task_base": "base",
    "task_compression": "compression",
    "task_default_priority": "priority",
    "task_default_rate_limit": "rate_limit",
    "task_ignore_result": "ignore_result",
    "task_max_retries": "max_retries",
    "task_name": "name",
    "task_priority": "priority",
    "task_queue": "queue",
    "task_rate_limit": "rate_limit",
    "task_reject_on_worker_lost": "reject_on_worker_lost",
    "task_routing_key": "routing_key",
    "task_serializer": "serializer",
    "task_soft_time_limit": "soft_time_limit",
    "task_store_errors_even_if_ignored": "store_errors_even_if_ignored",
    "task_time_limit": "time_limit",
    "task_timeout": "time_limit",
    "task_track_started": "track_started",
    "throw": "throws",
    "timeout": "time_limit",
}
"""What people write -> the option that does it."""

CALL_OPTIONS = frozenset(
    {
        "add_to_parent",
        "argsrepr",
        "connection",
        "countdown",
        "eta",
        "headers",
        "kwargsrepr",
        "link",
        "link_error",
        "producer",
        "reply_to",
        "retry_policy",
        "shadow",
        "task_id",
    }
)
"""Options of one call, which `apply_async()` takes and a task does not hand on."""

SETTING_INSTEAD: dict[str, str] = {
    "concurrency": "worker_concurrency",
    "exchange_type": "task_queues",
    "max_memory_per_child": "worker_max_memory_per_child",
    "max_tasks_per_child": "worker_max_tasks_per_child",
    "prefetch_multiplier": "worker_prefetch_multiplier",
    "result_expires": "result_expires",
    "visibility_timeout": "broker_transport_options",
}
"""What cannot be said of one task -> the setting that says it for all."""

PLUGIN_OPTIONS = frozenset(
    {
        "flush_every",  # celery-batches
        "flush_interval",
        "lock_expiry",  # celery-singleton
        "once",  # celery-once
        "raise_on_duplicate",
        "unique_on",
    }
)
"""Options that plug-ins' own base classes read."""
