# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resolver that a sender has: its own resolv.conf(5) and hosts(5), and the nameservers that they lead to.

Files of a container are read as it sees them, with its root as ours: a symbolic link in it leads nowhere else.
"""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import HandOver, run_in_child
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import FAILED, PASSED, NameserverAnswer
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import shortened
from ansible_collections.dockernet.baseline.plugins.module_utils._probe import dns
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.attempt import TIMEOUT, together

DOCKERS_OWN = "127.0.0.11"
"""Where Docker's resolver listens in the namespace of each container on a network that was made."""
RESOLVER = "resolver"
UPSTREAM = "upstream"

RESOLV_CONF = "/etc/resolv.conf"
HOSTS = "/etc/hosts"
_LARGEST = 1 << 16
_SECONDS = 3.0
# As resolv.conf(5) has it (MAXNS, MAXDNSRCH of resolv.h).
_MOST_NAMESERVERS = 3
_MOST_DOMAINS = 6
_MOST_DOTS = 15
_MOST_UPSTREAMS = 6
# What dockerd writes from 25.0 on (moby libnetwork/internal/resolvconf): those of the host are asked from there.
_EXTERNAL = re.compile(r"^# ExtServers: \[([^\]\n]*)\]", re.MULTILINE)
_ON_HOST = re.compile(r"host\(([^()]*)\)")


@dataclass(frozen=True)
class ResolverSettings:
    """What resolv.conf and hosts say."""

    nameservers: list[str] = field(default_factory=list)
    search: list[str] = field(default_factory=list)
    dots: int = 1
    """A name with so many dots is asked for as it stands first."""
    hosts: dict[str, list[str]] = field(default_factory=dict)
    """Addresses by name in lower case."""
    upstreams: Optional[list[tuple[str, bool]]] = None
    """Those that Docker's own resolver asks, and whether it asks them from the host; None where it does not say."""
    problem: str = ""
    """Why resolv.conf could not be read."""


def read_settings(root: str) -> ResolverSettings:
    """Return the settings below a root directory (``/proc/PID/root``). Needs CAP_SYS_CHROOT.

    Call it while this process has no other threads than those that wait.
    """
    texts: dict[str, str] = {}
    problems: dict[str, str] = {}
    result = run_in_child(lambda hand_over: _read_below(root, hand_over), _SECONDS)
    for path, text, problem in result.items:
        if problem:
            problems[path] = problem
        else:
            texts[path] = text
    if RESOLV_CONF not in texts:
        problems.setdefault(RESOLV_CONF, result.problem or "it was not read")
    return parse_settings(texts.get(RESOLV_CONF, ""), texts.get(HOSTS, ""), problems.get(RESOLV_CONF, ""))


def _read_below(root: str, hand_over: HandOver) -> None:
    own = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    os.chroot(root)
    os.chdir("/")
    for path in (RESOLV_CONF, HOSTS):
        try:
            hand_over((path, _read(path, own), ""))
        except OSError as error:
            hand_over((path, "", error.strerror or "it could not be read"))


def _read(path: str, own: int) -> str:
    """A regular file, and nothing else: to open others waits, or acts."""
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(place).st_mode):
        raise OSError(0, "it is not a regular file")
    descriptor = os.open(str(place), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=own)
    return os.read(descriptor, _LARGEST).decode("utf-8", "replace")


def parse_settings(resolv_conf: str, hosts: str, problem: str = "") -> ResolverSettings:
    """Return what the texts of both files say. What is no address is passed over, as the C library does."""
    nameservers: dict[str, None] = {}
    search: list[str] = []
    dots = 1
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) < 2 or words[0].startswith(("#", ";")):
            continue
        if words[0] == "nameserver":
            nameservers.update(dict.fromkeys(_addresses(words[1:2])))
        elif words[0] in ("search", "domain"):
            search = [word for word in words[1:] if word != "."]
        elif words[0] == "options":
            dots = next((_number(word[6:]) for word in reversed(words) if word.startswith("ndots:")), dots)
    known = list(nameservers)[:_MOST_NAMESERVERS]
    if not problem and not known:
        # What the C library asks then.
        known = ["127.0.0.1"]
    return ResolverSettings(known, search[:_MOST_DOMAINS], dots, _hosts(hosts), parse_upstreams(resolv_conf), problem)


def _number(text: str) -> int:
    return min(int(text), _MOST_DOTS) if text.isascii() and text.isdecimal() and len(text) < 4 else 1


def _addresses(words: Iterable[str]) -> list[str]:
    found = []
    for word in words:
        try:
            ipaddress.ip_address(word)
        except ValueError:
            continue
        found.append(word)
    return found


def parse_nameservers(words: Iterable[Any]) -> list[str]:
    """Return those of the words that are addresses, so many as Docker's resolver asks."""
    return _addresses(str(word) for word in words)[:_MOST_UPSTREAMS]


def _hosts(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        for address in _addresses(words[:1]):
            for name in words[1:]:
                found.setdefault(name.lower().rstrip("."), []).append(address)
    return found


def parse_upstreams(resolv_conf: str) -> Optional[list[tuple[str, bool]]]:
    """Return what dockerd notes in resolv.conf: nameservers, and whether they are asked from the host."""
    noted = _EXTERNAL.search(resolv_conf)
    if noted is None:
        return None
    found = []
    for word in noted[1].split()[:_MOST_UPSTREAMS]:
        on_host = _ON_HOST.fullmatch(word)
        found += [(address, on_host is not None) for address in _addresses([on_host[1] if on_host else word])]
    return found


@dataclass(frozen=True)
class Lookup:
    """What came of a name."""

    addresses: list[str]
    answers: list[NameserverAnswer]
    error: str = ""
    detail: str = ""


def candidates(name: str, settings: ResolverSettings) -> list[str]:
    """Return the absolute names that are asked for, in order (resolv.conf(5), ndots and search)."""
    if name.endswith("."):
        return [name]
    searched = [f"{name}.{domain.strip('.')}." for domain in settings.search]
    absolute = f"{name}."
    return [absolute, *searched] if name.count(".") >= settings.dots else [*searched, absolute]


Ask = Callable[[str, str, int], dns.DnsAnswer]
"""Asks a nameserver for a name and a type."""


def look_up(name: str, settings: ResolverSettings, place: str, ask: Ask) -> Lookup:
    """Look a name up as a program of the sender would: hosts first, then each name with all nameservers at once.

    An answer counts in the order of the nameservers. Raises dns.DnsError for what is no name.
    """
    noted = settings.hosts.get(name.lower().rstrip("."))
    if noted:
        return Lookup(list(dict.fromkeys(noted)), [], "", f"{HOSTS} has it")
    if settings.problem:
        return Lookup([], [], "EIO", f"{RESOLV_CONF} could not be read: {shortened(settings.problem)}")
    answers: list[NameserverAnswer] = []
    error = dns.NXDOMAIN
    for absolute in candidates(name, settings):
        asked = _ask_all(absolute, [(server, RESOLVER) for server in settings.nameservers], place, ask)
        answers += asked
        error, addresses = verdict_of(asked)
        if addresses:
            return Lookup(addresses, answers, "", _detail(absolute, asked))
        if error not in (dns.NXDOMAIN, dns.NODATA):
            return Lookup([], answers, error, _detail(absolute, asked))
    return Lookup([], answers, error, f"the nameservers say that there is no address for {shortened(name)}")


def _ask_all(absolute: str, servers: Sequence[tuple[str, str]], place: str, ask: Ask) -> list[NameserverAnswer]:
    wanted = [(server, role, kind) for server, role in servers for kind in (dns.A, dns.AAAA)]
    found = together([lambda server=server, kind=kind: ask(server, absolute, kind) for server, dummy, kind in wanted])  # type: ignore[misc]
    return [
        answer_of(server, role, place, f"{absolute} {dns.TYPES[kind]}", item)
        for (server, role, kind), item in zip(wanted, found)
    ]


def answer_of(server: str, role: str, place: str, question: str, answer: dns.DnsAnswer) -> NameserverAnswer:
    """Return what a nameserver said as part of a result."""
    return NameserverAnswer(
        server=server,
        role=role,
        place=place,
        question=question,
        outcome=PASSED if answer.is_answer else FAILED,
        error=answer.error,
        addresses=answer.addresses,
        milliseconds=answer.milliseconds,
    )


def verdict_of(asked: Sequence[NameserverAnswer]) -> tuple[str, list[str]]:
    """Return error and addresses of what the first nameserver says that answers; IPv4 before IPv6."""
    for server in dict.fromkeys(item.server for item in asked):
        said = [item for item in asked if item.server == server]
        addresses = list(dict.fromkeys(address for item in said for address in item.addresses))
        if addresses:
            return "", addresses
        if all(item.outcome == PASSED for item in said):
            names = {item.error for item in said}
            return (dns.NODATA if dns.NODATA in names else dns.NXDOMAIN), []
    return next((item.error for item in asked if item.outcome == FAILED), dns.NXDOMAIN), []


def _detail(absolute: str, asked: Sequence[NameserverAnswer]) -> str:
    parts = []
    for server in dict.fromkeys(item.server for item in asked):
        errors = [item.error for item in asked if item.server == server and item.outcome == FAILED]
        parts.append(
            f"{server} {'did not answer' if errors[0] == TIMEOUT else errors[0]}" if errors else f"{server} answered"
        )
    return f"{shortened(absolute)}: {', '.join(parts)}"
