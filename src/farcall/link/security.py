"""TLS and proxies: what the machine's owner has set, and nothing else."""

from __future__ import annotations

import os
import ssl
import urllib.request
from pathlib import Path

from farcall.link.address import Address
from farcall.link.errors import Refused
from farcall.link.pinning import AnotherCertificate, pinned_context


def tls_for(address: Address, ca_file: str | Path | None = None) -> ssl.SSLContext:
    """Verifies the hub at the address: by its fingerprint if that is known, else by authorities; raises Refused."""
    return pinned_context(address.fingerprint) if address.fingerprint else tls_context(ca_file)


def tls_context(ca_file: str | Path | None = None) -> ssl.SSLContext:
    """Verifies by authorities. `ca_file` replaces the system's; SSL_CERT_FILE is honoured; raises Refused."""
    try:
        if ca_file is not None:
            return ssl.create_default_context(cafile=str(ca_file))
        context = ssl.create_default_context()
    except (OSError, ssl.SSLError) as error:
        raise Refused("hub_unreachable", f"The certificates in {ca_file} cannot be read: {error}.") from None
    paths = ssl.get_default_verify_paths()
    if not context.get_ca_certs() and paths.cafile is None and paths.capath is None:
        _load_bundled(context)
    return context


def _load_bundled(context: ssl.SSLContext) -> None:
    """Some builds of Python come without authorities; the HTTP library brings some."""
    try:
        import certifi
    except ImportError:
        return
    context.load_verify_locations(certifi.where())


def proxy_for(address: Address) -> str | None:
    """The proxy to the hub by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY or the system's settings, or None.

    This machine itself is never reached through a proxy.
    """
    if address.loopback or urllib.request.proxy_bypass(f"{address.host}:{address.port}"):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all")
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def certificate_error(reason: object) -> ssl.SSLCertVerificationError | None:
    """What an HTTP library wrapped, if it was about the hub's certificate."""
    while isinstance(reason, BaseException):
        if isinstance(reason, ssl.SSLCertVerificationError):
            return reason
        reason = reason.__cause__ or reason.__context__
    return None


def certificate_reason(error: ssl.SSLError) -> str:
    """Why there is no safe connection, in words."""
    if isinstance(error, AnotherCertificate):
        return str(error)
    return getattr(error, "verify_message", "") or error.reason or str(error)


def certificate_hint(error: Exception | None = None) -> str:
    """What to do about a certificate that does not verify."""
    if isinstance(error, AnotherCertificate):
        return (
            "Nothing was sent. Somebody may stand in between, or the hub's certificate was made anew: ask whoever runs "
            "it, and log in again with the link that they give you."
        )
    named = os.environ.get("SSL_CERT_FILE")
    if named:
        return f"SSL_CERT_FILE names {named}; does it hold the authority that signed the hub's certificate?"
    return (
        "If the hub has a certificate of its own making, use its link with #sha256=…, or name its authority in "
        "SSL_CERT_FILE."
    )
