# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The end of a path as people write it, taken apart: an address or a name, with a port and a protocol or without."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.options import PACKET_PROTOCOLS
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import HOST, OUTSIDE

LOCALHOST = "localhost"
PLACES = (HOST, LOCALHOST, OUTSIDE)
"""Names that are no containers'."""
_SCHEMES = {"tcp": ("tcp", None), "udp": ("udp", None), "http": ("tcp", 80), "https": ("tcp", 443)}
_FORMS = "ADDRESS, ADDRESS:PORT, host, outside, a container's name or id, or CONTAINER:PORT/PROTOCOL"


class TargetError(ValueError):
    """The message says what of the text is wrong, and what is allowed."""


class Target(NamedTuple):
    """What was written."""

    address: str
    """Empty where a name was written."""
    name: str
    port: Optional[int] = None
    protocol: str = ""


def target_of(text: str) -> Target:
    """Take a text apart: ``192.0.2.1``, ``[2001:db8::1]:443/tcp``, ``web:80/tcp``, ``https://192.0.2.1/``, ``host``.

    Raises TargetError.
    """
    scheme, is_url, rest = text.strip().partition("://")
    if is_url:
        return _of_url(scheme.lower(), rest)
    place, slash, protocol = text.strip().rpartition("/")
    if not slash:
        return _of_place(protocol, "")
    if protocol.lower() not in PACKET_PROTOCOLS[:2]:
        raise TargetError(f"{protocol!r} after the slash is not one of tcp, udp")
    found = _of_place(place, protocol.lower())
    if found.port is None:
        raise TargetError(f"{text!r} has a protocol and no port")
    return found


def _of_url(scheme: str, rest: str) -> Target:
    if scheme not in _SCHEMES:
        raise TargetError(f"{scheme!r} is not one of the schemes {', '.join(_SCHEMES)}")
    protocol, port = _SCHEMES[scheme]
    for end in "/?#":
        rest = rest.partition(end)[0]
    # Before an @ there may be a password, which is not for a message.
    found = _of_place(rest.rpartition("@")[2], protocol)
    if found.name not in ("", *PLACES):
        raise TargetError(f"names are not looked up, and {found.name!r} in a URL is one; give an address")
    return found if found.port is not None else found._replace(port=port)


def _of_place(text: str, protocol: str) -> Target:
    """An address or a name, with a port perhaps."""
    address = _address(text)
    if address:
        return Target(address, "", None, protocol)
    if text.startswith("["):
        inside, bracket, port = text[1:].partition("]")
        address = _address(inside)
        if not bracket or not address or ":" not in inside or not (port == "" or port.startswith(":")):
            raise TargetError(f"{text!r} is not [IPV6-ADDRESS]:PORT")
        return Target(address, "", _port(port[1:]) if port else None, protocol)
    name, colon, port = text.rpartition(":")
    if not colon:
        name, port = port, ""
    if not name or ":" in name or "/" in name:
        raise TargetError(f"{text!r} is none of {_FORMS}")
    address = _address(name)
    return Target(address, "" if address else name, _port(port) if colon else None, protocol)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise TargetError(f"{text!r} is no port, which is a number from 1 to 65535")
    return int(text)


def _address(text: str) -> str:
    """The address in its canonical form; empty for a text that is none. IPv4 in IPv6 is IPv4 to the kernel, too."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
