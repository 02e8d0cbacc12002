"""A certificate of the hub's own making, for hubs that people reach by a link with its fingerprint."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from farcall.link.pinning import fingerprint

if TYPE_CHECKING:
    from cryptography import x509

_VALID_DAYS = 3650  # it is known by its fingerprint, so nothing is won by renewing it


def ensure_certificate(directory: Path, names: Sequence[str]) -> tuple[Path, Path]:
    """(certificate, key) in PEM below `directory`; made at the first call, kept from then on. The key is 0600."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    if not (certificate.is_file() and key.is_file()):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        made, secret = _make(names, datetime.now(UTC))
        _write(key, secret, 0o600)
        _write(certificate, made, 0o644)  # last: it says that both are there
    return certificate, key


def fingerprint_of(certificate: Path) -> str:
    """The fingerprint of the (first) certificate in a PEM file. Raises OSError, ValueError."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return fingerprint(x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER))


def own_addresses() -> list[str]:
    """The addresses at which this machine may be reached, the one that leads out first; never those of loopback."""
    found: list[str] = []
    for family, somewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((somewhere, 9))  # sends nothing; asks the system which way it would go
            found.append(probe.getsockname()[0])
    with contextlib.suppress(OSError):
        found += [str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)]
    return [address for address in dict.fromkeys(found) if _reachable(address)]


def _reachable(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # with a zone
        return False
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified)


def _make(names: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "farcall hub")])
    alternatives = [_alternative(name) for name in dict.fromkeys((*names, "localhost", "127.0.0.1", "::1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), secret


def _alternative(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode("ascii"))


def _write(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
