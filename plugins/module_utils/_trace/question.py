# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be traced: the options of kernel_trace, checked. Pure."""

from __future__ import annotations

import math
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._host.internet_protocol import family_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import DRY, LIVE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    BEYOND_ADDRESSES,
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
)

PROTOCOLS = ("tcp", "udp", "icmp")
MOST_SECONDS = 60.0
MOST_WAIT = 600.0
MOST_EXPECTED = 16

SPEC: dict[str, dict[str, Any]] = {
    "origin": {
        "type": "dict",
        "required": True,
        "options": {
            "kind": {"type": "str", "choices": [OUTSIDE, HOST, CONTAINER], "required": True},
            "name": {"type": "str", "default": ""},
        },
    },
    "destination": {"type": "str", "required": True},
    "protocol": {"type": "str", "choices": list(PROTOCOLS), "default": PROTOCOLS[0]},
    "port": {"type": "int", "default": 0},
    "source": {"type": "str", "default": ""},
    "mode": {"type": "str", "choices": [DRY, LIVE], "default": DRY},
    "seconds": {"type": "float", "default": 5.0},
    "wait": {"type": "float", "default": 0.0},
    "expected": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "destination": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
        },
    },
}

# How the kernel lets a device be called (dev_valid_name), and the engine a container.
_DEVICE = re.compile(r"[^/:\s\0]{1,15}\Z")
_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}\Z")


class OptionError(ValueError):
    """An option that is not as it should be; the message names it."""


@dataclass(frozen=True)
class Question:
    """One packet to follow."""

    origin: Origin
    destination: str
    protocol: str
    port: int
    source: str
    """Empty for the one that the origin would choose."""
    mode: str
    seconds: float
    wait: float
    expected: tuple[tuple[str, int], ...] = ()

    @property
    def version(self) -> int:
        """Of IP."""
        return 6 if ":" in self.destination else 4


def question_of(given: Mapping[str, Any]) -> Question:
    """Return the question that options ask. Raises OptionError."""
    protocol = given["protocol"]
    destination = _address("destination", given["destination"])
    origin = _origin(given["origin"])
    source = _address("source", given["source"]) if given["source"] else ""
    if origin.kind == OUTSIDE and not source:
        source = BEYOND_ADDRESSES[6 if ":" in destination else 4]
    if source and (":" in source) != (":" in destination):
        raise OptionError("source: expected an address of the same version of IP as destination")
    port = 0 if protocol == "icmp" else _port("port", given["port"])
    if len(given["expected"]) > MOST_EXPECTED:
        raise OptionError(f"expected: at most {MOST_EXPECTED} connections")
    return Question(
        origin=origin,
        destination=destination,
        protocol=protocol,
        port=port,
        source=source,
        mode=given["mode"],
        seconds=_number("seconds", given["seconds"], 0.1, MOST_SECONDS),
        wait=_number("wait", given["wait"], 0.0, MOST_WAIT),
        expected=tuple(
            (_address("expected.destination", item["destination"]), _port("expected.port", item["port"]))
            for item in given["expected"]
        ),
    )


def _origin(given: Mapping[str, Any]) -> Origin:
    kind, name = given["kind"], given["name"]
    if kind == OUTSIDE and not _DEVICE.match(name):
        raise OptionError("origin.name: expected the device that packets from outside arrive by")
    if kind == CONTAINER and not _CONTAINER.match(name):
        raise OptionError("origin.name: expected the id of a container")
    return Origin(kind, name if kind != HOST else "")


def _address(option: str, text: str) -> str:
    """In the kernel's spelling."""
    family = family_of(text)
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except (OSError, ValueError) as error:
        raise OptionError(f"{option}: expected an IPv4 or IPv6 address, found {text!r}") from error


def _port(option: str, number: int) -> int:
    if not 1 <= number <= 65535:
        raise OptionError(f"{option}: expected a number from 1 to 65535, found {number}")
    return number


def _number(option: str, number: float, least: float, most: float) -> float:
    if not math.isfinite(number) or not least <= number <= most:
        raise OptionError(f"{option}: expected a number of seconds from {least:g} to {most:g}, found {number}")
    return number
