# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be probed, held against what can be. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import HOST
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.dns import A, DnsError, encode
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.service import HTTP, HTTPS

TCP, UDP, ICMP, DNS = "tcp", "udp", "icmp", "dns"
PROTOCOLS = (TCP, UDP, ICMP, DNS, HTTP, HTTPS)
_USUAL_PORTS = {DNS: 53, HTTP: 80, HTTPS: 443}
GATEWAY = "gateway"
PLACES = (HOST, GATEWAY, DNS)
"""What ``to`` can be beside an address or a name."""
DEFAULT_NAME = "localhost"
"""Any nameserver can answer for it, without asking others (RFC 6761, section 6.3)."""

MOST_PROBES = 50
LONGEST_TIMEOUT = 60.0
SHORTEST_TIMEOUT = 0.1
_CONTAINER = "container"


class BadQuestionError(ValueError):
    """The message names the option, its value and what is allowed."""


@dataclass(frozen=True)
class Question:
    """One target."""

    to: str
    protocol: str
    port: int
    """0 for ``icmp``."""
    name: str = DEFAULT_NAME
    """What a nameserver is asked for, with ``dns``."""

    @property
    def is_address(self) -> bool:
        """Whether it is an address that is asked, and no name or place."""
        return is_address(self.to)

    @property
    def is_name(self) -> bool:
        """Whether it is a name that must be looked up."""
        return not self.is_address and self.to not in PLACES


def is_address(text: str) -> bool:
    """Whether text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def questions_of(options: Mapping[str, Any]) -> list[Question]:
    """Return what the options ask for. Raises BadQuestionError."""
    timeout = options["timeout"]
    if not SHORTEST_TIMEOUT <= timeout <= LONGEST_TIMEOUT:
        raise BadQuestionError(f"timeout: {timeout} is not from {SHORTEST_TIMEOUT:g} to {LONGEST_TIMEOUT:g} seconds")
    if options["probes"] is None:
        return [_question(options, "")]
    wanted = options["probes"]
    if not 1 <= len(wanted) <= MOST_PROBES:
        raise BadQuestionError(f"probes: it has {len(wanted)} entries; allowed are 1 to {MOST_PROBES}")
    return [_question(item, f"probes[{index}].") for index, item in enumerate(wanted)]


def _question(options: Mapping[str, Any], place: str) -> Question:
    to = (options["to"] or "").strip()
    protocol = options["protocol"] or (DNS if to == DNS else TCP)
    port = options["port"]
    name = options["name"]
    if not to:
        raise BadQuestionError(f"{place}to: it is empty; allowed are an address, {', '.join(PLACES)} or a name")
    if protocol == ICMP and port is not None:
        raise BadQuestionError(f"{place}port: icmp has no ports")
    if protocol == ICMP:
        port = 0
    elif port is None:
        port = _USUAL_PORTS.get(protocol)
    if port is None:
        raise BadQuestionError(f"{place}port: {protocol} to {to} needs a port, from 1 to 65535")
    if protocol != ICMP and not 1 <= port <= 65535:
        raise BadQuestionError(f"{place}port: {port} is not from 1 to 65535")
    if name is not None and protocol != DNS:
        raise BadQuestionError(f"{place}name: it is for protocol dns, and this is {protocol}")
    question = Question(to, protocol, port, DEFAULT_NAME if name is None else name)
    if question.is_name:
        _require_name(to, f"{place}to", f"an address, {', '.join(PLACES)} or a name")
    _require_name(question.name, f"{place}name", "a name")
    return question


def _require_name(text: str, option: str, allowed: str) -> None:
    if any(char.isspace() or char in "/:@" for char in text):
        raise BadQuestionError(f"{option}: {text!r} is not {allowed}")
    try:
        encode(0, text, A)
    except DnsError as error:
        raise BadQuestionError(f"{option}: {text!r} is not {allowed}: {error}") from None


def origin_of(text: str) -> str:
    """Return the name of the container that ``from`` means; empty for the host. Raises BadQuestionError."""
    word, dummy, rest = text.strip().partition(" ")
    if text.strip() == HOST:
        return ""
    if word == _CONTAINER and rest.strip():
        return rest.strip()
    if not text.strip() or word == "outside" or is_address(text.strip()):
        raise BadQuestionError(
            f"from: {text!r} is no place that a probe can start from; allowed are host or a container's name or id"
        )
    return text.strip()
