from django.db import models


class Statistic(models.Model):
    """One number on the dashboard."""

    name = models.CharField(max_length=60, unique=True)
    amount = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.name}: {self.amount}"


class Export(models.Model):
    """A file that was made for somebody to download."""

    path = models.CharField(max_length=300, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.path
