"""Certificates that are known by their fingerprint, because the link to the hub carried it: no authority is asked.

The check stands where every TLS handshake ends, on sockets and without them, so that nothing, no token either, is sent
before it.
"""

from __future__ import annotations

import hmac
import re
import ssl
from hashlib import sha256
from typing import Any

_WRITTEN = re.compile(r"sha256[=:]([0-9a-fA-F]{64})")
PREFIX = "sha256="


class AnotherCertificate(ssl.SSLCertVerificationError):
    """The other end shows a certificate that is not the pinned one; `seen` is its fingerprint."""

    seen = ""

    def __str__(self) -> str:
        return f"it shows the certificate {self.seen[:16]}…, which is not the one that was pinned"


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a certificate in DER, as 64 hexadecimal digits."""
    return sha256(certificate).hexdigest()


def read_fingerprint(text: str) -> str | None:
    """The digits of ``sha256=…``, in lower case, or None if the text is none."""
    match = _WRITTEN.fullmatch(text)
    return match[1].lower() if match else None


def pinned_context(pinned: str) -> ssl.SSLContext:
    """Takes exactly the certificate with this fingerprint; a handshake with any other raises AnotherCertificate."""

    def check(connection: Any) -> None:
        seen = fingerprint(connection.getpeercert(binary_form=True) or b"")
        if not hmac.compare_digest(seen, pinned):
            error = AnotherCertificate("the certificate is not the one that was pinned")
            error.seen = seen
            raise error

    class PinnedSocket(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            check(self)

    class PinnedObject(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            check(self)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # it is known by its fingerprint, whatever it is called
    context.verify_mode = ssl.CERT_NONE
    context.sslsocket_class = PinnedSocket
    context.sslobject_class = PinnedObject
    return context
