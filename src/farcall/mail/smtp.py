"""Letters by SMTP."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parseaddr
from typing import Literal

import aiosmtplib

from farcall.hub.ports import Mail, MailFailed

Security = Literal["none", "starttls", "tls"]
_SAID_LENGTH = 200


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where it is, and as whom to speak to it. `sender` may have a name: ``Farcall <farcall@lab.org>``."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    security: Security = "starttls"
    timeout_seconds: float = 20.0

    @property
    def place(self) -> str:
        """The server in words."""
        return f"The mail server {self.host}:{self.port}"


class SmtpMailer:
    """The Mailer port over one SMTP server; a connection for each letter. `wall` tells the time for their dates."""

    def __init__(self, server: SmtpServer, wall: Callable[[], float] = time.time) -> None:
        self._server = server
        self._wall = wall

    async def send(self, mail: Mail) -> None:
        """Hand it over; raises MailFailed after `timeout_seconds` at the latest."""
        server = self._server
        try:
            message = compose(mail, server.sender, self._wall())
            async with asyncio.timeout(server.timeout_seconds):
                await aiosmtplib.send(
                    message,
                    hostname=server.host,
                    port=server.port,
                    username=server.user or None,
                    password=server.password or None,
                    use_tls=server.security == "tls",
                    start_tls=server.security == "starttls",
                    timeout=server.timeout_seconds,
                )
        except (OSError, TimeoutError, ValueError, aiosmtplib.SMTPException) as error:
            raise failure(error, server) from None


def compose(mail: Mail, sender: str, now: float) -> EmailMessage:
    """The letter as a message; raises ValueError for what can be no header."""
    name, own = parseaddr(sender)
    message = EmailMessage(SMTP)
    message["From"] = _address(own, name)
    message["To"] = _address(mail.to)
    message["Subject"] = mail.subject
    message["Date"] = formatdate(now)
    message["Message-ID"] = make_msgid(domain=_domain(own.rpartition("@")[2]) or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _address(text: str, name: str = "") -> Address:
    """Quoted where it must be, so that an address is one address, whatever characters it has."""
    local, _, domain = text.rpartition("@")
    return Address(name, local, _domain(domain))


def _domain(name: str) -> str:
    return name if name.isascii() else name.encode("idna").decode("ascii")


def failure(error: Exception, server: SmtpServer) -> MailFailed:
    """What went wrong, as a sentence for whoever shares, and whether another try may help."""
    place = server.place
    refused = getattr(error, "recipients", None)
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and refused:
        error = refused[0]
    match error:
        case aiosmtplib.SMTPRecipientRefused():
            return MailFailed(f"{place} refuses the address: {_said(error)}.", again=error.code < 500)
        case aiosmtplib.SMTPAuthenticationError():  # what it says may repeat what was sent
            return MailFailed(f"{place} refuses the hub's login ({error.code}).", again=error.code < 500)
        case aiosmtplib.SMTPSenderRefused():
            return MailFailed(f"{place} refuses the hub's own address: {_said(error)}.", again=error.code < 500)
        case TimeoutError() | aiosmtplib.SMTPTimeoutError():
            return MailFailed(f"{place} did not answer within {server.timeout_seconds:g} s.", again=True)
        case ssl.SSLError():
            return MailFailed(f"No safe connection to {place[0].lower()}{place[1:]}: {_reason(error)}.", again=False)
        case aiosmtplib.SMTPNotSupported():
            return MailFailed(f"{place} cannot take it: {_line(str(error))}.", again=False)
        case aiosmtplib.SMTPResponseException():
            return MailFailed(f"{place} refuses it: {_said(error)}.", again=error.code < 500)
        case UnicodeError() | ValueError() if not isinstance(error, OSError):
            return MailFailed("The address can be no recipient of e-mail.", again=False)
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLError):
        return failure(cause, server)
    reason = cause if isinstance(cause, OSError) else error
    return MailFailed(f"{place} does not answer: {_reason(reason)}.", again=True)


def _said(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code} {_line(error.message)}"


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({_line(error.verify_message)})"
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    if isinstance(error, OSError) and error.strerror:
        return _line(error.strerror)
    return _line(str(error)) or type(error).__name__


def _line(text: str) -> str:
    """What a stranger said, as part of a sentence."""
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\s]+", " ", text).strip()
    return line[:_SAID_LENGTH].rstrip(". ")
