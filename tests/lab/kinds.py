"""The kinds of hosts the lab knows, and the addresses of its machines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.lab.proc import LabError


@dataclass(frozen=True)
class Kind:
    """A kind of host. `pinned` are packages that come from the suite `pinned_from` instead of `suite`."""

    name: str
    suite: str
    engine: str
    python: str
    extra: tuple[str, ...] = ()
    pinned_from: str = ""
    pinned: tuple[str, ...] = ()


KINDS = {
    kind.name: kind
    for kind in (
        Kind("debian11", "bullseye", "20.10.5", "3.9"),
        Kind("debian12", "bookworm", "20.10.24", "3.11"),
        Kind("debian13", "trixie", "26.1.5", "3.13", ("docker-cli",)),
        Kind("debian13-docker28", "trixie", "28.5.2", "3.13", (), "forky", ("docker.io", "docker-cli")),
    )
}

LAYOUTS = ("ce", "legacy")
"""What can be different on a host of any kind: layouts.py says what each is."""

GATEWAY, OUTSIDE, CONTROLLER = 1, 9, 254
MAX_COPIES = 20


@dataclass(frozen=True)
class HostName:
    """A host of a lab: a kind, a kind with a number where a lab has several of it (`debian13-2`), or with a layout."""

    name: str
    kind: Kind
    copy: int
    layout: str = ""
    """One of LAYOUTS, as in `debian13-ce`; empty for a host as Debian's packages make it."""

    @classmethod
    def parse(cls, text: str) -> HostName:
        kind, dash, layout = text.rpartition("-")
        if dash and layout in LAYOUTS and kind in KINDS:
            return cls(text, KINDS[kind], 1, layout)
        match = re.fullmatch(r"(.+?)(?:-([0-9]{1,2}))?", text)
        if match and match[1] in KINDS:
            copy = int(match[2] or 1)
            if match[2] is None or (2 <= copy <= MAX_COPIES and match[2] == str(copy)):
                return cls(text, KINDS[match[1]], copy)
        allowed = ", ".join(KINDS)
        raise LabError(
            f"no such kind of host: {text!r}. Allowed: {allowed}; "
            f"more of one kind by a number up to {MAX_COPIES}, like debian13-2; "
            f"another layout by its name ({', '.join(LAYOUTS)}), like debian13-ce"
        )

    @property
    def place(self) -> int:
        """The last part of the host's address on the lab's LAN."""
        number = list(KINDS).index(self.kind.name)
        if self.layout:
            # Between those of the copies.
            return 10 * (LAYOUTS.index(self.layout) + 1) + 5 + number
        return 10 * self.copy + 1 + number


def parse_hosts(words: Iterable[str]) -> list[HostName]:
    """The hosts named, each once, in the order of the table of kinds; all kinds when none is named."""
    names = {part for word in words for part in re.split(r"[\s,]+", word) if part} or set(KINDS)
    return sorted((HostName.parse(name) for name in names), key=lambda host: host.place)


@dataclass(frozen=True)
class Subnet:
    """The LAN of lab number `number`: 198.18.N.0/24 (RFC 2544) and 2001:db8:1ab:N::/64 (RFC 3849)."""

    number: int

    def ipv4(self, place: int) -> str:
        return f"198.18.{self.number}.{place}"

    def ipv6(self, place: int) -> str:
        return f"2001:db8:1ab:{self.number}::{place}"

    def on_link(self, place: int) -> tuple[str, str]:
        """Both addresses with their prefix lengths."""
        return f"{self.ipv4(place)}/24", f"{self.ipv6(place)}/64"

    def hardware(self, place: int) -> str:
        """A machine's hardware address, the same each time, so that neighbours need not forget an older one."""
        return f"02:d0:00:{self.number:02x}:00:{place:02x}"

    @property
    def leg(self) -> str:
        """The controller's interface on this LAN."""
        return f"dnl{self.number}"
