"""Letters by SMTP, to real servers: those that work, and those that do not."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from farcall.hub.ports import Mail, MailFailed
from farcall.mail.smtp import SmtpMailer, SmtpServer, compose, failure
from tests.post_office import PASSWORD, USER, body, post_office

NOW = 1_800_000_000.0
MAIL = Mail("bob@lab.org", "alice shares α with you", "Hello Bob,\n\nsee https://hub/i/x\n", "<p>Hello Bob</p>")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def mailer(port: int, **changes: Any) -> SmtpMailer:
    values: dict[str, Any] = {"security": "none", "timeout_seconds": 10.0} | changes
    return SmtpMailer(SmtpServer("127.0.0.1", port, "Farcall <farcall@hub.org>", **values), lambda: NOW)


async def refusal(port: int, mail: Mail = MAIL, **changes: Any) -> MailFailed:
    with pytest.raises(MailFailed) as caught:
        await mailer(port, **changes).send(mail)
    return caught.value


async def test_a_letter_arrives_as_it_was_written(tmp_path: Path) -> None:
    with post_office(tmp_path) as office:
        await mailer(office.port).send(MAIL)
        [letter] = office.letters()
    assert office.recipients() == ["bob@lab.org"]
    assert letter["From"] == "Farcall <farcall@hub.org>"
    assert (letter["To"], letter["Subject"]) == ("bob@lab.org", "alice shares α with you")
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"].datetime.timestamp() == NOW
    assert letter["Message-ID"].endswith("@hub.org>")
    assert body(letter) == MAIL.text
    assert "<p>Hello Bob</p>" in body(letter, "html")


@pytest.mark.parametrize(
    ("address", "envelope"),
    [
        ("jörg@lab.org", "jörg@lab.org"),
        ("bob@bücher.example", "bob@xn--bcher-kva.example"),
        ('bob,eve@evil.org,"@lab.org'.replace("@evil", "evil"), '"bob,eveevil.org,\\""@lab.org'),
        ("<eve>@lab.org", '"<eve>"@lab.org'),
    ],
)
async def test_an_address_is_one_address_whatever_its_letters(tmp_path: Path, address: str, envelope: str) -> None:
    with post_office(tmp_path) as office:
        await mailer(office.port).send(Mail(address, "s", "t", "h"))
    assert office.recipients() == [envelope]


def test_a_header_cannot_be_smuggled_in() -> None:
    for to, subject in (
        ("bob@lab.org", "hello\r\nBcc: eve@evil.org"),
        ("bob@lab.org\r\nBcc: eve@evil.org", "hello"),
    ):
        with pytest.raises(ValueError, match=r"(?i)invalid|linefeed|newline|CR"):
            compose(Mail(to, subject, "t", "h"), "farcall@hub.org", NOW)


async def test_an_international_address_at_a_server_that_knows_only_ascii_is_refused_in_words(tmp_path: Path) -> None:
    with post_office(tmp_path, "ascii-only") as office:
        refused = await refusal(office.port, Mail("jörg@lab.org", "s", "t", "h"))
    assert "cannot take it" in str(refused)
    assert not refused.again


async def test_a_refused_recipient_is_not_tried_again(tmp_path: Path) -> None:
    with post_office(tmp_path, "refuses-recipients") as office:
        refused = await refusal(office.port)
    expected = f"The mail server 127.0.0.1:{office.port} refuses the address: 550 5.1.1 No such user here."
    assert (str(refused), refused.again) == (expected, False)


async def test_a_server_that_asks_to_come_back_is_tried_again(tmp_path: Path) -> None:
    with post_office(tmp_path, "greylists") as office:
        refused = await refusal(office.port)
        assert ("Come back later" in str(refused), refused.again) == (True, True)
        await mailer(office.port).send(MAIL)
        assert len(office.letters()) == 1


async def test_a_server_that_refuses_what_was_written_is_quoted(tmp_path: Path) -> None:
    with post_office(tmp_path, "refuses-data") as office:
        refused = await refusal(office.port)
    assert "refuses it: 554 5.7.1 This looks like an advertisement." in str(refused)
    assert not refused.again


async def test_the_hub_logs_in_with_its_password(tmp_path: Path) -> None:
    with post_office(tmp_path, "asks-for-login") as office:
        await mailer(office.port, user=USER, password=PASSWORD).send(MAIL)
        assert len(office.letters()) == 1


async def test_a_refused_login_is_told_without_the_password(tmp_path: Path) -> None:
    with post_office(tmp_path, "asks-for-login") as office:
        refused = await refusal(office.port, user=USER, password="wrong and secret")
        without = await refusal(office.port)
    assert str(refused) == f"The mail server 127.0.0.1:{office.port} refuses the hub's login (535)."
    assert not refused.again
    assert "530" in str(without)


async def test_a_server_that_hangs_is_given_up_in_time(tmp_path: Path) -> None:
    with post_office(tmp_path, "hangs") as office:
        began = time.monotonic()
        refused = await refusal(office.port, timeout_seconds=0.5)
    assert time.monotonic() - began < 5
    assert str(refused) == f"The mail server 127.0.0.1:{office.port} did not answer within 0.5 s."
    assert refused.again


async def test_where_no_server_is_the_reason_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        refused = await refusal(port)
    assert str(refused) == f"The mail server 127.0.0.1:{port} does not answer: Connection refused."
    assert refused.again
    unknown = SmtpMailer(SmtpServer("mail.invalid", 25, "f@h", security="none", timeout_seconds=10.0))
    with pytest.raises(MailFailed, match=r"mail\.invalid:25 does not answer"):
        await unknown.send(MAIL)


async def test_a_server_without_the_encryption_that_was_asked_for_gets_nothing(tmp_path: Path) -> None:
    with post_office(tmp_path) as office:
        refused = await refusal(office.port, security="starttls")
        assert "STARTTLS" in str(refused)
        await refusal(office.port, security="tls", timeout_seconds=2.0)
        assert office.letters() == []


def test_a_certificate_that_is_not_trusted_is_named() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    told = failure(error, SmtpServer("mail.lab.org", 465, "f@h"))
    assert "its certificate is not trusted (self-signed certificate)" in str(told)
    assert not told.again


def test_the_password_is_not_shown_with_the_server() -> None:
    assert "secret" not in repr(SmtpServer("h", 25, "f@h", "u", "secret"))
