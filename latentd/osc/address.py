"""Addresses as users type them: HOST:PORT."""

from __future__ import annotations

import ipaddress


def split_address(text: str) -> tuple[str, int]:
    """`HOST:PORT` as a pair; the host is an IPv4 address or `localhost`.

    Raises:
        ValueError: the text is not such an address.
    """
    host, _, port = text.rpartition(":")
    host = "127.0.0.1" if host in ("", "localhost") else host
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("an address is HOST:PORT, for example 127.0.0.1:8000")
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        raise ValueError("the host is an IPv4 address such as 0.0.0.0 or 127.0.0.1") from None
    return host, int(port)
