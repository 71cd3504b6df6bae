"""Outgoing mail: messages are left in a Maildir, which the mail server of this host delivers."""

import mailbox
import os
from email.message import EmailMessage


def post(to: str, subject: str, text: str) -> None:
    """Hand one message to the mail server. Raises OSError when the Maildir cannot be written."""
    message = EmailMessage()
    message["From"] = "Shop <noreply@shop.example>"
    message["To"] = to
    message["Subject"] = subject
    message.set_content(text)
    mailbox.Maildir(os.environ.get("SHOP_OUTBOX", "outbox")).add(message)
