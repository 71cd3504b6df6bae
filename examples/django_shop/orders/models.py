from django.db import models


class Customer(models.Model):
    email = models.EmailField(unique=True)
    wants_newsletter = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.email


class Order(models.Model):
    class State(models.TextChoices):
        PLACED = "placed"
        CONFIRMED = "confirmed"
        CANCELLED = "cancelled"
        ARCHIVED = "archived"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="orders")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLACED)
    total_cents = models.PositiveIntegerField()
    placed_at = models.DateTimeField(auto_now_add=True)
    pickup_requested_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"order {self.pk}"


class OrderLine(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    sku = models.CharField(max_length=40)
    quantity = models.PositiveIntegerField()
    price_cents = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "sku"], name="one_line_per_sku")]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"
