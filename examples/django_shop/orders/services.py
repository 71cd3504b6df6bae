"""What the shop's views call."""

from collections.abc import Mapping

from django.db import transaction

from mails.tasks import send_order_confirmation
from orders.models import Customer, Order, OrderLine
from orders.tasks import confirm_order


@transaction.atomic
def place_order(email: str, quantities: Mapping[str, int], prices: Mapping[str, int]) -> Order:
    """Store an order and set its processing going. Prices are in cents."""
    customer, _ = Customer.objects.get_or_create(email=email)
    total = sum(prices[sku] * quantity for sku, quantity in quantities.items())
    order = Order.objects.create(customer=customer, total_cents=total)
    OrderLine.objects.bulk_create(
        OrderLine(order=order, sku=sku, quantity=quantity, price_cents=prices[sku])
        for sku, quantity in quantities.items()
    )
    transaction.on_commit(lambda: confirm_order.delay(order.pk))
    send_order_confirmation.delay(order)
    return order
