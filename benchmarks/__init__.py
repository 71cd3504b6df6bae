"""What an audit costs, as ratios to what Celery itself costs on the same app."""
