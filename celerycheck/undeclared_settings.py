"""Settings that Celery reads without declaring them: no typing mistakes, though its defaults lack them."""

from __future__ import annotations

UNDECLARED = frozenset(
    {
        "cassandra_secure_bundle_path",
        "dynamodb_endpoint_url",
        "firestore_project",
        "gcs_threadpool_maxsize",
        "override_backends",
        "redis_backend_credential_provider",
        "redis_backend_health_check_interval",
        "redis_client_name",
        "result_backend_thread_safe",
    }
)
"""Settings that Celery reads and does not declare (celery/app/defaults.py), by any of its versions."""
