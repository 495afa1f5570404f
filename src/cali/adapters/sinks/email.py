"""E-mail through an SMTP server, or Amazon SES. Delivery: at least once, each time with the same Message-ID."""

from __future__ import annotations

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cali.adapters.aws.clients import mapped_errors
from cali.core.errors import Misconfigured, Poison, Retryable
from cali.stages.notify.message_text import text
from cali.stages.notify.plain_text import one_line
from cali.stages.notify.sink import Style

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.adapters.sinks.registry import SinkEnvironment
    from cali.stages.notify.content import Message

    Sender = Callable[[EmailMessage], None]

OPTIONS = {"from", "to", "server", "user", "secret"}
preview = text
STYLE = Style.LETTERS
TIMEOUT = 10.0


def sink(options: dict[str, str], environment: SinkEnvironment) -> Email:
    """Options: `from`, `to` when the rules name no channel, `server` (`smtp://host:587`, `smtps://host`, or `ses`), and
    for a login `user` and `secret` (the key of its password, `smtp_password`)."""
    if "from" not in options:
        raise Misconfigured("e-mail: option from: missing")
    server = options.get("server", "ses")
    if server == "ses":
        return Email(options["from"], options.get("to", ""), _through_ses(environment.aws), environment.now)
    name = options.get("secret", "smtp_password")
    return Email(
        options["from"],
        options.get("to", ""),
        _through_smtp(server, options.get("user", ""), lambda: environment.secret(name)),
        environment.now,
    )


class Email:
    """Sink for e-mail. The channel is the recipient's address."""

    style = STYLE

    def __init__(self, sender: str, to: str, send: Sender, now: Callable[[], float]) -> None:
        self._from = _address(sender)
        self._to = to
        self._send = send
        self._now = now

    def post(self, message: Message, channel: str) -> str:
        to = channel or self._to
        if not to:
            raise Misconfigured("e-mail: the rules name no address")
        self._send(letter(message, self._from, [_address(one) for one in to.split(",")], self._now()))
        return ""


def letter(message: Message, sender: Address, to: list[Address], now: float) -> EmailMessage:
    """Return the mail, with a subject of one line."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = one_line(message.summary, 200)
    mail["Date"] = formatdate(now)
    name = blake2b(message.key.encode(), digest_size=12).hexdigest()
    mail["Message-ID"] = f"<{name}@{sender.domain}>"
    thread = blake2b(message.thread.encode(), digest_size=12).hexdigest()
    mail["References"] = f"<{thread}@{sender.domain}>"  # groups the mails of one incident into a thread
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text(message))
    return mail


def _address(written: str) -> Address:
    try:
        return Address(addr_spec=written.strip())
    except (ValueError, IndexError) as error:  # raised by the parser for an incomplete address
        raise Misconfigured(f"e-mail: {written.strip()!r} is no address") from error


def _through_smtp(server: str, user: str, password: Callable[[], str]) -> Sender:
    parts = urlsplit(server)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise Misconfigured(f"e-mail: server: {server!r} is neither ses nor smtp://HOST:PORT")
    host, port = parts.hostname, parts.port or (465 if parts.scheme == "smtps" else 587)
    local = host in ("localhost", "127.0.0.1", "::1")

    def send(mail: EmailMessage) -> None:
        try:
            if parts.scheme == "smtps":
                opened: smtplib.SMTP = smtplib.SMTP_SSL(
                    host, port, timeout=TIMEOUT, context=ssl.create_default_context()
                )
            else:
                opened = smtplib.SMTP(host, port, timeout=TIMEOUT)
            with opened as smtp:
                if parts.scheme == "smtp" and not local:
                    smtp.starttls(context=ssl.create_default_context())
                if user:
                    smtp.login(user, password())
                smtp.send_message(mail)
        except smtplib.SMTPAuthenticationError as error:
            raise Misconfigured(f"e-mail: {host}: the login was refused ({error.smtp_code})") from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            kind = Retryable if codes and max(codes) < 500 else Misconfigured
            raise kind(f"e-mail: {host}: the recipients were refused ({max(codes, default=0)})") from None
        except smtplib.SMTPResponseException as error:
            refused = Poison if error.smtp_code >= 500 else Retryable
            raise refused(f"e-mail: {host}: {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise Retryable(f"e-mail: {host}: {type(error).__name__}") from None

    return send


def _through_ses(aws: Callable[[str], Any]) -> Sender:
    def send(mail: EmailMessage) -> None:
        with mapped_errors("e-mail: SES"):
            aws("sesv2").send_email(
                FromEmailAddress=str(mail["From"]),
                Destination={"ToAddresses": [one.addr_spec for one in mail["To"].addresses]},
                Content={"Raw": {"Data": mail.as_bytes()}},
            )

    return send
