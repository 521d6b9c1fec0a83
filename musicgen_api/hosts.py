"""Names of hosts, as they stand in `Host` headers and in settings. Knows neither Flask nor the settings."""

from __future__ import annotations

import ipaddress
import re
import socket

from marshmallow import ValidationError

_HOST = re.compile(r"(?P<name>\[[^\[\]]*\]|[^:\[\]]*)(:\d*)?")
_LABEL = r"(?!-)[a-z0-9_-]{1,63}"
_ORIGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[0-9a-f:.]+\]|[^:/?#@\[\]]+)(?P<port>:\d{1,5})?")
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


def name_of(host: str) -> str | None:
    """The name in a `Host` header: lower case, without port, brackets and the dot at its end. None: there is none."""
    match = _HOST.fullmatch(host.strip())
    return match["name"].strip("[]").lower().removesuffix(".") or None if match else None


def address_of(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that `name` is, or None; what stands for an IPv4 address in IPv6 is that address."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_loopback(name: str) -> bool:
    """Whether `name` is an address that leads back to the machine that uses it."""
    address = address_of(name)
    return address is not None and address.is_loopback


def reaches_this_machine_only(host: str) -> bool:
    """Whether a service that listens on `host`, an address or a name, listens on loopback addresses alone."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(is_loopback(str(address[0])) for *_, address in found)


def parse_names(text: str) -> frozenset[str]:
    """`name, name` -> the names as `name_of` gives them.

    Raises:
        marshmallow.ValidationError: one is neither a host name in ASCII nor an IP address, or has a port.
    """
    items = [item.strip() for item in text.split(",") if item.strip()]
    names = {item: item.strip("[]").lower().removesuffix(".") for item in items}
    for item, name in names.items():
        if address_of(name) is None and not _NAME.fullmatch(name):
            raise ValidationError(f"has {item!r}, which is not a name such as music.example.org, without a port.")
    return frozenset(names.values())


def parse_origins(text: str) -> frozenset[str]:
    """`https://a.example, http://b.example:3000` -> origins as browsers write them; `*` stands for all.

    Raises:
        marshmallow.ValidationError: one is not a scheme and a host, with or without a port.
    """
    return frozenset(_parse_origin(item.strip()) for item in text.split(",") if item.strip())


def _parse_origin(item: str) -> str:
    if item == "*":
        return item
    match = _ORIGIN.fullmatch(item.lower())
    if not match or not (address_of(match["host"].strip("[]")) or _NAME.fullmatch(match["host"])):
        raise ValidationError(f"has {item!r}, which is not an origin such as https://music.example.org.")
    usual = {"http": ":80", "https": ":443"}.get(match["scheme"])
    port = match["port"] or ""
    return f"{match['scheme']}://{match['host']}{'' if port == usual else port}"


def parse_addresses(text: str) -> list[tuple[str, int]]:
    """`name:port, [::1]:8000` -> [(name, port)].

    Raises:
        marshmallow.ValidationError: one is not a name or an IP address with a port.
    """
    return [_parse_address(item.strip()) for item in text.split(",") if item.strip()]


def _parse_address(item: str) -> tuple[str, int]:
    host, _, port = item.rpartition(":")
    name = name_of(host)
    known = name is not None and (address_of(name) is not None or _NAME.fullmatch(name))
    if not known or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or not 0 < int(port) < 65536:
        raise ValidationError(f"has {item!r}, which is not a name with a port such as 127.0.0.1:8001.")
    return str(name), int(port)
