# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every planned change says for itself, the two ways in which it can end badly, and the values that it sets. Pure.

Sysctls, the hairpin mode of bridge ports, and policies of iptables: the journal keeps them as they stand here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

NEW_FILE_MODE = 0o644
SECRET_FILE_MODE = 0o600


@dataclass(frozen=True)
class Diff:
    """One before and after, as text, for Ansible's diff mode."""

    title: str
    before: str
    after: str

    def to_plain(self) -> dict[str, str]:
        """The shape that Ansible's diff output expects."""
        return {
            "before_header": self.title,
            "after_header": self.title,
            "before": self.before,
            "after": self.after,
        }


DisruptionKind = Literal[
    "bridge",
    "chain",
    "connection",
    "container",
    "file",
    "interface",
    "load-balancer",
    "network",
    "rule",
    "service",
    "setting",
    "table",
    "tunnel",
]


@dataclass(frozen=True)
class Disruption:
    """One thing that the change would affect, and how."""

    kind: DisruptionKind
    name: str
    how: str

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class FileState:
    """A file as it was read. data is None where there was none."""

    path: str
    real_path: str
    """Where the data lies when path leads there by symbolic links."""
    data: bytes | None = None
    mode: int = NEW_FILE_MODE
    uid: int = 0
    gid: int = 0
    xattrs: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Outline:
    """A plan as people and programs see it; the same in check mode and after the real run."""

    actions: list[str] = field(default_factory=list)
    """What is done, one sentence each, in order. Empty: the host is as wanted."""
    diffs: list[Diff] = field(default_factory=list)
    disruptions: list[Disruption] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    results: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Further keys of the module's result, with dataclasses of the model's kind: see codec.py for what becomes of
    their names."""
    lacking: dict[str, str] = field(default_factory=dict)
    """Python libraries that it takes and that cannot be loaded, each with a sentence about it."""


class Refusal(Exception):
    """The change would hurt, or cannot be judged. Nothing was touched; the message names the way on."""

    def __init__(
        self,
        message: str,
        disruptions: list[Disruption] | None = None,
        libraries: Iterable[str] = (),
        consents: Iterable[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.disruptions = disruptions or []
        self.libraries = sorted(libraries)
        """Python libraries without which it cannot be done."""
        self.consents = [dict(options) for options in consents]
        """Options of the module with values that would allow it; each item is enough by itself."""


class ChangeFailed(Exception):
    """The change was begun and did not succeed. The message says in what state the host is now."""

    def __init__(
        self,
        message: str,
        log: list[str] | None = None,
        *,
        undone: bool = False,
        results: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.log = log or []
        """The service's own lines of the time of the failure."""
        self.undone = undone
        """Whether it is known that all is as it was before."""
        self.results = dict(results or {})
        """Further keys of the module's result."""


def demand(snapshot: HostSnapshot, *sources: str) -> None:
    """Raise Refusal, with the reason that the reader gave, when one of the sources was not read."""
    for name in sources:
        if not snapshot.was_read(name):
            source = snapshot.sources.get(name)
            raise Refusal(f"nothing was changed: {source.reason if source else f'the source {name} was not read'}")


def encoded(text: str | None) -> bytes | None:
    """Return a file's text as replace_file takes it; None stands for no file in both."""
    return None if text is None else text.encode()


NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}
"""For people, of families as iptables has them."""


@dataclass(frozen=True)
class SysctlChange:
    """One key (dotted; dots inside an interface name written as slashes, see sysctl.d(5)) and its two values."""

    key: str
    before: str
    after: str


def sysctl_actions(changes: list[SysctlChange]) -> list[str]:
    """One sentence a change."""
    return [f"set {change.key} from {change.before} to {change.after}" for change in changes]


def sysctl_diff(changes: list[SysctlChange]) -> list[Diff]:
    """The changes as one small table, none for no changes."""
    if not changes:
        return []
    before = "".join(f"{change.key} = {change.before}\n" for change in changes)
    after = "".join(f"{change.key} = {change.after}\n" for change in changes)
    return [Diff("running sysctls", before, after)]


_WORDS = {True: "on", False: "off"}


@dataclass(frozen=True)
class PortChange:
    """One bridge port and its two modes."""

    index: int
    """Interface index of the host's veth."""
    port: str
    bridge: str
    network: str
    container: str
    before: bool
    after: bool


def port_actions(ports: list[PortChange]) -> list[str]:
    """One sentence a port."""
    return [
        f"turn hairpin {_WORDS[port.after]} for {port.port}, the port of container {port.container} on {port.bridge}"
        for port in ports
    ]


def port_diff(ports: list[PortChange]) -> list[Diff]:
    """The changes as one small table, none for no changes."""
    if not ports:
        return []
    return [
        Diff(
            "hairpin mode of bridge ports",
            "".join(f"{port.bridge} {port.port} {port.container} {_WORDS[port.before]}\n" for port in ports),
            "".join(f"{port.bridge} {port.port} {port.container} {_WORDS[port.after]}\n" for port in ports),
        )
    ]


CHAIN = "FORWARD"


@dataclass(frozen=True)
class PolicyChange:
    """The policy of a built-in chain of table filter, in the backend that the host's own iptables writes to."""

    family: str
    before: str
    after: str
    chain: str = CHAIN


def policy_diff(policies: list[PolicyChange]) -> list[Diff]:
    """The changes as one small table, none for no changes."""
    if not policies:
        return []
    before = "".join(f"{item.family} {item.chain} {item.before}\n" for item in policies)
    after = "".join(f"{item.family} {item.chain} {item.after}\n" for item in policies)
    return [Diff("policies of table filter", before, after)]
