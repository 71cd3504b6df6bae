"""Mail, through the house's own relay."""

import os
import smtplib
from email.message import EmailMessage

RELAY = os.environ.get("BOXOFFICE_RELAY", "mail.boxoffice.internal")


def send(to: str, subject: str, text: str) -> None:
    """Hand one mail to the relay."""
    message = EmailMessage()
    message["From"] = "tickets@boxoffice.example"
    message["To"] = to
    message["Subject"] = subject
    message.set_content(text)
    with smtplib.SMTP(RELAY, timeout=10) as relay:
        relay.send_message(message)
