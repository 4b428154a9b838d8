"""How does a mailbox hear of it? Through SMTP with TLS; a second copy carries the same Message-ID."""

from __future__ import annotations

import html
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate

from fleet.alerts.message import BARS, Notification, Subject
from fleet.alerts.notifiers.outcome import TOLD, Outcome
from fleet.alerts.rules import Channel
from fleet.telemetry.redaction import redact_text


def send(notification: Notification, channel: Channel, secret: str) -> Outcome:
    """Send one mail to all recipients; a permanent refusal (5xx) is not tried again."""
    try:
        with _connect(channel) as server:
            if channel.user:
                server.login(channel.user, secret)
            refused = server.send_message(compose(notification, channel))
    except smtplib.SMTPResponseException as error:
        text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        reason = redact_text(f"{channel.host} answered {error.smtp_code}: {text}")
        return Outcome("never" if error.smtp_code >= 500 else "later", reason)
    except smtplib.SMTPRecipientsRefused as error:
        is_final = all(code >= 500 for code, _ in error.recipients.values())
        return Outcome(
            "never" if is_final else "later", f"{channel.host} refused every recipient: {sorted(error.recipients)}"
        )
    except smtplib.SMTPNotSupportedError as error:
        return Outcome(
            "never", f"{channel.host}:{channel.port} does not offer what tls={channel.tls} asks for: {error}"
        )
    except (OSError, smtplib.SMTPException) as error:
        return Outcome("later", f"{channel.host}:{channel.port}: {redact_text(str(error))}")
    # Some recipients got it: telling all again would double theirs.
    return TOLD if not refused else Outcome("told", f"{channel.host} refused {sorted(refused)}")


def compose(notification: Notification, channel: Channel) -> EmailMessage:
    """Return the mail: plain text, and the same as HTML."""
    mail = EmailMessage()
    mail["Subject"] = " ".join(notification.title.split())[:200]
    mail["From"] = channel.sender
    mail["To"] = ", ".join(channel.to)
    mail["Date"] = formatdate(notification.at)
    mail["Message-ID"] = f"<{notification.id}@fleet.{notification.cell}>"
    mail["References"] = f"<{notification.rule}@fleet.{notification.cell}>"
    mail["Auto-Submitted"] = "auto-generated"
    text = notification.text()
    mail.set_content(text)
    drawn = "".join(_bars(subject) for subject in notification.subjects)
    mail.add_alternative(f"<pre style='font-family:monospace'>{html.escape(text)}</pre>{drawn}", subtype="html")
    return mail


def _bars(subject: Subject) -> str:
    """Return the course of a number as HTML that every mail program draws: cells of a table, no picture to load."""
    bars, _, course = subject.plot.partition(" ")
    if not bars:
        return ""
    cells = "".join(
        f"<td style='vertical-align:bottom;padding:0 1px'><div style='width:8px;height:{6 * BARS.index(bar) + 6}px;background:#2f7ed8'></div></td>"
        for bar in bars
        if bar in BARS
    )
    name = html.escape(f"{subject.key}: {course}")
    return f"<p style='font-family:sans-serif'>{name}</p><table style='border-collapse:collapse'><tr>{cells}</tr></table>"


def _connect(channel: Channel) -> smtplib.SMTP:
    if channel.tls == "implicit":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(channel.host, channel.port, timeout=channel.timeout, context=context)
    server = smtplib.SMTP(channel.host, channel.port, timeout=channel.timeout)
    if channel.tls == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server
