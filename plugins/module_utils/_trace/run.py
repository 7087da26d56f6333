# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends one probe and follows it through the kernel's rules."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Callable, Optional, TypeVar, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._host.internet_protocol import family_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import in_namespace
from ansible_collections.dockernet.baseline.plugins.module_utils._host.nftables import (
    read_generation,
    read_tables,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.procfs import namespace
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    DROPPED_BY_RULE,
    FROM_SOCKET,
    INJECTED,
    LIVE,
    LOST,
    NOT_SEEN,
    TO_HOST,
    WAITED,
    KernelTrace,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, OUTSIDE
from ansible_collections.dockernet.baseline.plugins.module_utils._trace import legacy
from ansible_collections.dockernet.baseline.plugins.module_utils._trace import owner_table as nft
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.chains import Plan, chains_of
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.events import parse_logged, parse_trace
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.following import Follower
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.guard import Guard, Undo
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.identity import Wanted
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.injection import (
    CannotInjectError,
    InjectedProbe,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.probes import SocketProbe
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.question import Question
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.readers import Reader, log_reader, trace_reader
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.undo import Connection, forget
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.way_out import way_out

TABLE = "dockernet_trace_"
"""How the names of tables begin; the number of the process follows."""

NO_OWNER = 0
_FAMILIES = (nft.INET, nft.BRIDGE)
LEGACY = "legacy"

# Seconds. A packet takes less than a thousandth through all hooks, unless a neighbour has to be asked for; a SYN that
# is not answered is sent again after one.
_QUIET = 0.2
_NOTHING = 0.9
_UNANSWERED = 1.0
_AFTER_ANSWER = 0.05
_CLOSED_AGAIN = 0.3

T = TypeVar("T")
Probe = Union[SocketProbe, InjectedProbe]


class CannotTraceError(Exception):
    """No trace can be made; the message says why."""


def trace(question: Question, pid: Optional[int]) -> KernelTrace:
    """Return what the kernel said of the packet; pid is a process in the namespace of a container, its origin.

    Raises nothing that the kernel refuses: the trace says so.
    """
    try:
        # A container can be in the host's own namespace.
        inside = None if pid is None or namespace(pid, "net") == namespace("self", "net") else pid
        return _trace(question, inside)
    except CannotTraceError as error:
        problem = str(error)
    except OSError as error:
        problem = f"no trace could be made: {error.strerror or error}"
    return KernelTrace(question.mode, _sent(question), NOT_SEEN, complete=False, problem=problem)


def _sent(question: Question) -> str:
    if question.origin.kind != OUTSIDE:
        return FROM_SOCKET
    return WAITED if question.mode == LIVE and question.wait else INJECTED


def _trace(question: Question, pid: Optional[int]) -> KernelTrace:
    with contextlib.ExitStack() as closing:
        probe, why_not = _made(question, pid)
        if probe is None:
            if not question.wait:
                raise CannotTraceError(why_not)
            return _Session(question, None, pid).run()
        closing.callback(probe.close)
        return _Session(question, probe, pid).run()


def _made(question: Question, pid: Optional[int]) -> tuple[Optional[Probe], str]:
    """The probe, or why there is none."""
    words = (question.protocol, question.destination, question.port, question.source)
    if _sent(question) == WAITED:
        return None, "real traffic is waited for"
    try:
        if question.origin.kind == OUTSIDE:
            return InjectedProbe(question.origin.name, *words), ""
        if pid is None:
            return SocketProbe(*words), ""
        # To enter a namespace takes a thread: once is enough.
        probe, problem = in_namespace(pid, lambda: _made_inside(question, words))
    except CannotInjectError as error:
        return None, f"no packet from outside can be made: {error}; set wait to follow real traffic"
    except OSError as error:
        # A container is known by its id here, which says nothing to people.
        sender = "the container" if question.origin.kind == CONTAINER else question.origin
        raise CannotTraceError(f"no probe could be sent from {sender}: {error.strerror or error}") from error
    if problem:
        probe.close()
        raise CannotTraceError(
            f"no dry probe was sent, since it might leave the host past all of its hooks: {problem}; use mode: live"
        )
    return probe, ""


def _made_inside(question: Question, words: tuple[str, str, int, str]) -> tuple[SocketProbe, str]:
    """A probe of the namespace that this thread is in, and why it would not come to the hooks where it is dropped."""
    probe = SocketProbe(*words)
    if question.mode == LIVE:
        return probe, ""
    try:
        way = way_out(probe.address, question.destination)
    except OSError as error:
        return probe, f"its way out is not known: {error.strerror or error}"
    return probe, "" if way.is_seen else f"it leaves by {way.device} ({way.kind or 'a device of hardware'})"


@dataclass
class _Session:
    """One trace from its table to its result."""

    question: Question
    probe: Optional[Probe]
    pid: Optional[int]
    """A process of the namespace that the probe comes from; None for the host's."""

    def run(self) -> KernelTrace:
        """Follow the probe, or real traffic. Raises CannotTraceError."""
        self._name = f"{TABLE}{os.getpid()}"
        self._generation = _generation()
        self._plan = self._planned()
        self._problems: list[str] = []
        self._log: Optional[Reader] = None
        with contextlib.ExitStack() as closing:
            table = closing.enter_context(_opened(lambda: nft.OwnerTable(self._name)))
            refused = self._install(table, nft.OWNER)
            guard = closing.enter_context(Guard(self._undos(is_owned=refused is None)))
            if refused is not None:
                self._install_without_owner(table)
            self._events = closing.enter_context(_opened(trace_reader))
            self._listen_to_legacy(closing)
            self._follower = Follower(
                self._name, _device_name, self._plan.identity, self._plan.wanted, self._plan.expected
            )
            if self.probe is not None:
                # Before the table goes: what it would send again must not go out.
                closing.callback(self.probe.close)
            observed, in_time = self._followed()
        found = self._result(observed, in_time=in_time)
        return replace(found, left_behind=guard.left_behind)

    def _planned(self) -> Plan:
        question = self.question
        live = question.mode == LIVE
        is_tracked = _connections_are_tracked()
        if self.probe is None:
            wanted = Wanted(question.version, question.protocol, question.destination, question.port)
            return Plan(wanted=wanted, follow_reply=live and is_tracked)
        return Plan(
            identity=self.probe.identity,
            expected=[
                Wanted(6 if ":" in address else 4, question.protocol, address, port)
                for address, port in (question.expected if live else ())
            ],
            drop=not live,
            drop_bridged=not live and not _bridges_ask_rules(question.version),
            follow_reply=live,
            drop_reply=live and question.origin.kind == OUTSIDE,
            ports=self._ports(self.probe) if live and is_tracked else None,
        )

    def _ports(self, probe: Probe) -> tuple[int, int]:
        return (probe.port, probe.port if self.question.protocol == "icmp" else self.question.port)

    def _install(self, table: nft.OwnerTable, flags: int) -> Optional[OSError]:
        """Make the tables, those for bridges where the kernel has them. Return why there are none."""
        refused: Optional[OSError] = None
        for families in (_FAMILIES, _FAMILIES[:1]):
            try:
                table.make([chain for chain in chains_of(self._plan) if chain.family in families], flags)
            except PermissionError as error:
                raise CannotTraceError("nftables refused: run with become (as root, with CAP_NET_ADMIN)") from error
            except OSError as error:
                refused = refused or error
            else:
                self._require_bridges(families)
                return None
        return refused

    def _install_without_owner(self, table: nft.OwnerTable) -> None:
        """As kernels before 5.12 can. What is left of a trace whose guard was killed as well goes first."""
        for name in {item.partition(" ")[2] for item in _tables()}:
            number = name[len(TABLE) :]
            if name.startswith(TABLE) and number.isdigit() and not os.path.exists(f"/proc/{number}"):
                _delete(name)
        refused = self._install(table, NO_OWNER)
        if refused is not None:
            raise CannotTraceError(f"this kernel takes no tables of nftables for a trace: {refused.strerror}")

    def _require_bridges(self, families: Sequence[int]) -> None:
        if nft.BRIDGE not in families and self._plan.drop_bridged and self.pid is not None:
            raise CannotTraceError(
                "this kernel has no nftables for bridges, so a probe to a container of the same network could not be "
                "dropped; use mode: live"
            )

    def _undos(self, *, is_owned: bool) -> list[Undo]:
        """What to take back at the end, in order. Tables that the socket owns go with it."""
        undos = []
        if not is_owned:
            undos.append(Undo(f"the table {self._name} of nftables", lambda: _delete(self._name)))
        question, version = self.question, self.question.version
        self._logger = _logger_before(version)
        if self._logger is not None:
            before = self._logger
            undos.append(Undo(f"{legacy.setting(version)}={before}", lambda: legacy.restore_logger(version, before)))
        # What is sent to the host itself by its loopback device has passed postrouting, where its entry is made.
        is_own = isinstance(self.probe, SocketProbe) and self.pid is None and _is_local(question.destination)
        is_tracked = question.mode == LIVE or is_own
        if self.probe is not None and is_tracked and _connections_are_tracked():
            connection = Connection(
                version, question.protocol, self.probe.address, question.destination, self._ports(self.probe)
            )
            what = f"the entry of connection tracking of {self.probe.source}"
            undos.append(Undo(what, lambda: forget(connection)))
        return undos

    def _listen_to_legacy(self, closing: contextlib.ExitStack) -> None:
        """Have tables of iptables-legacy say what they do, if there are any."""
        version = self.question.version
        if not legacy.has_tables(version):
            return
        try:
            self._log = closing.enter_context(log_reader())
            if self._logger is not None:
                legacy.set_logger(version, legacy.LOGGER)
        except OSError as error:
            why = "another program reads NFLOG group 0" if error.errno in (errno.EBUSY, errno.EPERM) else error.strerror
            self._problems.append(f"rules of iptables-legacy were not reported: {why}")

    def _followed(self) -> tuple[str, bool]:
        """What the sender saw, and whether all that was to come has come in time."""
        try:
            if self.probe is not None:
                self.probe.send()
        except CannotInjectError as error:
            raise CannotTraceError(
                f"no packet from outside can be made: {error}; set wait to follow real traffic"
            ) from error
        began = time.monotonic()
        until = began + (self.question.seconds if self.probe is not None else self.question.wait)
        if isinstance(self.probe, SocketProbe) and self.question.mode == LIVE:
            return self._followed_with_answer(self.probe, began, until)
        return self._followed_to_its_end(began, until)

    def _followed_to_its_end(self, began: float, until: float) -> tuple[str, bool]:
        last = began
        while not self._is_over():
            now, quiet = time.monotonic(), last + self._quiet()
            # What has come while this process did not run is looked at before the silence is believed.
            if self._wait(min(until, quiet) - now, None) and self._take():
                last = time.monotonic()
            elif now >= quiet:
                break
            if now >= until:
                return self._observed(), now >= quiet
        return self._observed(), True

    def _quiet(self) -> float:
        """Seconds without an event after which no more comes."""
        if not self._follower.was_seen:
            return _NOTHING if self.probe is not None else self.question.wait
        return _UNANSWERED if self.question.mode == LIVE and not self._follower.answer else _QUIET

    def _is_over(self) -> bool:
        if self.question.mode == LIVE and isinstance(self.probe, InjectedProbe):
            return False
        return self._follower.is_over

    def _observed(self) -> str:
        if self.question.mode != LIVE:
            return ""
        if self.probe is None:
            return self._follower.answer or "unknown"
        if (
            isinstance(self.probe, InjectedProbe)
            and self.question.protocol == "tcp"
            and self._follower.answer == "answered"
        ):
            with contextlib.suppress(CannotInjectError):
                self.probe.reset()
        return self._follower.answer or ("unknown" if self.question.protocol == "udp" else "timed out")

    def _followed_with_answer(self, probe: SocketProbe, began: float, until: float) -> tuple[str, bool]:
        dropped_at: Optional[float] = None
        while not probe.look():
            now = time.monotonic()
            if dropped_at is None and self._follower.dropped:
                dropped_at = now
            limit = until if dropped_at is None else min(until, dropped_at + _UNANSWERED)
            if now >= limit:
                break
            if self._wait(limit - now, probe):
                self._take()
        observed = probe.observed
        if observed == "answered" and self._is_closed_again(probe):
            observed = "closed"
        self._drain(time.monotonic() + _AFTER_ANSWER)
        return observed, True

    def _is_closed_again(self, probe: SocketProbe) -> bool:
        """docker-proxy accepts before it asks the container, and closes where that fails."""
        self._take()
        if self.question.protocol != "tcp" or not self.question.expected or self._follower.end.kind != TO_HOST:
            return False
        until = time.monotonic() + _CLOSED_AGAIN
        while time.monotonic() < until:
            if self._wait(until - time.monotonic(), probe, select.POLLIN):
                self._take()
                if probe.has_been_closed():
                    return True
        return False

    def _drain(self, until: float) -> None:
        while time.monotonic() < until:
            if self._wait(until - time.monotonic(), None):
                self._take()

    def _wait(
        self, seconds: float, probe: Optional[SocketProbe], interest: int = select.POLLIN | select.POLLOUT
    ) -> bool:
        waiting = select.poll()
        waiting.register(self._events, select.POLLIN)
        if self._log is not None:
            waiting.register(self._log, select.POLLIN)
        if probe is not None:
            waiting.register(probe, interest if probe.identity.protocol == "tcp" else select.POLLIN)
        return bool(waiting.poll(max(0.0, seconds) * 1000))

    def _take(self) -> bool:
        """Take the events that are there. Whether one of them was of the probe."""
        before = self._follower.taken
        now = time.monotonic()
        for payload in self._events.read():
            with _malformed_is_other(self._follower):
                self._follower.take(parse_trace(payload), now)
        for payload in self._log.read() if self._log is not None else ():
            with _malformed_is_other(self._follower):
                logged = parse_logged(payload)
                if logged is not None:
                    self._follower.take_logged(logged, now)
        return self._follower.taken > before

    def _result(self, observed: str, *, in_time: bool) -> KernelTrace:
        follower, problems = self._follower, self._problems
        if self._events.lost or (self._log is not None and self._log.lost):
            problems.append("events were lost")
        if follower.full:
            problems.append("more events came than are kept")
        if not in_time:
            problems.append(f"the time limit of {self.question.seconds:g} seconds was reached")
        if self.probe is None and not follower.was_seen:
            problems.append(f"no packet that matches came within {self.question.wait:g} seconds")
        end, events = follower.end, follower.events
        if end.kind == LOST and events and events[-1].backend == LEGACY and legacy.is_drop(events[-1]):
            end = replace(end, kind=DROPPED_BY_RULE)
        return KernelTrace(
            mode=self.question.mode,
            sent=WAITED if self.probe is None else _sent(self.question),
            end=end.kind,
            complete=not problems,
            events=events,
            problem="; ".join(problems),
            end_source=end.source,
            end_destination=end.destination,
            end_device=end.device,
            observed=observed if self.question.mode == LIVE else "",
            source=follower.source if self.probe is None else self.probe.source,
            others=follower.others,
            generation=self._generation,
        )


@contextlib.contextmanager
def _malformed_is_other(follower: Follower) -> Iterator[None]:
    try:
        yield
    except (ValueError, LookupError, struct.error):
        follower.others += 1


def _opened(make: Callable[[], T]) -> T:
    try:
        return make()
    except PermissionError as error:
        raise CannotTraceError(
            "the kernel's events were refused: run with become (as root, with CAP_NET_ADMIN)"
        ) from error
    except OSError as error:
        raise CannotTraceError(f"this kernel traces no packets: {error.strerror or error}") from error


def _delete(name: str) -> None:
    """Delete the tables of a trace that have no owner, if there are any. Raises OSError."""
    for family in _FAMILIES:
        with nft.OwnerTable(name) as table:
            try:
                table.delete([family])
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise


def _generation() -> Optional[int]:
    try:
        return read_generation()
    except (OSError, LookupError):
        return None


def _tables() -> list[str]:
    try:
        return read_tables()
    except OSError:
        return []


def _logger_before(version: int) -> Optional[str]:
    """The logger to set back; None where it is not changed."""
    if not legacy.has_tables(version):
        return None
    with contextlib.suppress(OSError):
        before = legacy.logger(version)
        return None if before == legacy.LOGGER else before
    return None


def _device_name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return f"#{index}"


def _bridges_ask_rules(version: int) -> bool:
    """Whether rules of IP see what a bridge sends from one of its ports to another."""
    name = "iptables" if version == 4 else "ip6tables"
    return _setting(f"net/bridge/bridge-nf-call-{name}") == "1"


def _connections_are_tracked() -> bool:
    return _setting("net/netfilter/nf_conntrack_count") is not None


def _setting(name: str) -> Optional[str]:
    try:
        with open(f"/proc/sys/{name}", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None


def _is_local(address: str) -> bool:
    """Whether the host has an address itself."""
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as trying:
        try:
            trying.bind((address, 0))
        except OSError:
            return False
        return True
