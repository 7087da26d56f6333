# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends one probe and follows it through the kernel's rules."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Callable, Optional, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import in_namespace
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    FROM_SOCKET,
    INJECTED,
    LIVE,
    NOT_SEEN,
    TO_HOST,
    WAITED,
    KernelTrace,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, HOST, OUTSIDE
from ansible_collections.dockernet.baseline.plugins.module_utils._trace import owner_table as nft
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.chains import Plan, chains_of
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.events import parse_trace
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.following import Follower
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.guard import Guard, Undo
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.identity import Wanted
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.injection import (
    CannotInjectError,
    InjectedProbe,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.probes import SocketProbe, family_of
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.question import Question
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.readers import Reader, trace_reader
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.undo import Connection, forget

TABLE = "dockernet_trace_"
"""How the names of tables begin; the number of the process follows."""

# Seconds. A packet takes less than a thousandth through all hooks, unless a neighbour has to be asked for; a SYN that
# is not answered is sent again after one.
_QUIET = 0.2
_NOTHING = 0.9
_DROPPED_QUIET = 1.0
_AFTER_ANSWER = 0.05
_CLOSED_AGAIN = 0.3

Probe = Union[SocketProbe, InjectedProbe]


class CannotTraceError(Exception):
    """No trace can be made; the message says why."""


def trace(question: Question, pid: Optional[int]) -> KernelTrace:
    """Return what the kernel said of the packet; pid is a process in the namespace of a container, its origin.

    Raises nothing that the kernel refuses: the trace says so.
    """
    try:
        return _trace(question, pid)
    except CannotTraceError as error:
        return KernelTrace(question.mode, _sent(question), NOT_SEEN, complete=False, problem=str(error))


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
            return _Session(question, None).run()
        closing.callback(probe.close)
        return _Session(question, probe).run()


def _made(question: Question, pid: Optional[int]) -> tuple[Optional[Probe], str]:
    """The probe, or why there is none."""
    words = (question.protocol, question.destination, question.port, question.source)
    if _sent(question) == WAITED:
        return None, "real traffic is waited for"
    try:
        if question.origin.kind == OUTSIDE:
            return InjectedProbe(question.origin.name, *words), ""
        return SocketProbe(_in_namespace(question, pid), *words), ""
    except CannotInjectError as error:
        return None, f"no packet from outside can be made: {error}; set wait to follow real traffic"
    except OSError as error:
        raise CannotTraceError(f"no probe could be sent from {question.origin}: {error.strerror or error}") from error


def _in_namespace(question: Question, pid: Optional[int]) -> Callable[[Callable[[], socket.socket]], socket.socket]:
    if question.origin.kind != CONTAINER or pid is None:
        return lambda make: make()
    return lambda make: in_namespace(pid, make)


@dataclass
class _Session:
    """One trace from its table to its result."""

    question: Question
    probe: Optional[Probe]

    def run(self) -> KernelTrace:
        """Follow the probe, or real traffic. Raises CannotTraceError."""
        self._name = f"{TABLE}{os.getpid()}"
        self._plan = self._planned()
        with contextlib.ExitStack() as closing:
            guard = closing.enter_context(Guard(self._undos()))
            with contextlib.ExitStack() as inner:
                self._events = inner.enter_context(_opened(trace_reader))
                table = inner.enter_context(nft.OwnerTable(self._name))
                self._install(table)
                self._follower = Follower(
                    self._name,
                    _device_name,
                    self._plan.identity,
                    self._plan.wanted,
                    self._plan.expected,
                )
                if self.probe is not None:
                    # Before the table goes: what it would send again must not go out.
                    inner.callback(self.probe.close)
                observed, in_time = self._followed()
        found = self._result(observed, in_time=in_time)
        return replace(found, left_behind=guard.left_behind)

    def _planned(self) -> Plan:
        question = self.question
        if self.probe is None:
            wanted = Wanted(question.version, question.protocol, question.destination, question.port)
            return Plan(wanted=wanted)
        live = question.mode == LIVE
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
            ports=self._ports(self.probe) if live and _connections_are_tracked() else None,
        )

    def _ports(self, probe: Probe) -> tuple[int, int]:
        return (probe.port, probe.port if self.question.protocol == "icmp" else self.question.port)

    def _undos(self) -> list[Undo]:
        question = self.question
        # What is sent to the host itself by its loopback device has passed postrouting, where its entry is made.
        is_tracked = question.mode == LIVE or (question.origin.kind == HOST and _is_local(question.destination))
        if self.probe is None or not is_tracked or not _connections_are_tracked():
            return []
        connection = Connection(
            question.version, question.protocol, self.probe.address, question.destination, self._ports(self.probe)
        )
        what = f"the entry of connection tracking of {self.probe.source}"
        return [Undo(what, lambda: forget(connection))]

    def _install(self, table: nft.OwnerTable) -> None:
        try:
            table.make(chains_of(self._plan))
        except PermissionError as error:
            raise CannotTraceError("nftables refused: run with become (as root, with CAP_NET_ADMIN)") from error
        except OSError as error:
            raise CannotTraceError(f"nftables made no table for the trace: {error.strerror or error}") from error

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
        while True:
            now = time.monotonic()
            if self._is_over():
                return self._observed(), True
            quiet = _QUIET if self._follower.was_seen else (_NOTHING if self.probe is not None else self.question.wait)
            if now >= last + quiet:
                return self._observed(), True
            if now >= until:
                return self._observed(), False
            if self._wait(min(until, last + quiet) - now, None) and self._take():
                last = time.monotonic()

    def _is_over(self) -> bool:
        if self.question.mode == LIVE and isinstance(self.probe, InjectedProbe):
            return False
        return self._follower.is_over

    def _observed(self) -> str:
        if self.question.mode != LIVE or self.probe is None:
            return ""
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
            limit = until if dropped_at is None else min(until, dropped_at + _DROPPED_QUIET)
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
        return self._follower.taken > before

    def _result(self, observed: str, *, in_time: bool) -> KernelTrace:
        follower, problems = self._follower, []
        if self._events.lost:
            problems.append("events were lost")
        if follower.full:
            problems.append("more events came than are kept")
        if not in_time:
            problems.append(f"the time limit of {self.question.seconds:g} seconds was reached")
        if self.probe is None and not follower.was_seen:
            problems.append(f"no packet that matches came within {self.question.wait:g} seconds")
        end = follower.end
        return KernelTrace(
            mode=self.question.mode,
            sent=WAITED if self.probe is None else _sent(self.question),
            end=end.kind,
            complete=not problems,
            events=follower.events,
            problem="; ".join(problems),
            end_source=end.source,
            end_destination=end.destination,
            end_device=end.device,
            observed=observed if self.question.mode == LIVE else "",
            source=follower.source if self.probe is None else self.probe.source,
            others=follower.others,
        )


@contextlib.contextmanager
def _malformed_is_other(follower: Follower) -> Iterator[None]:
    try:
        yield
    except (ValueError, LookupError, struct.error):
        follower.others += 1


def _opened(reader: Callable[[], Reader]) -> Reader:
    try:
        return reader()
    except PermissionError as error:
        raise CannotTraceError(
            "the kernel's events were refused: run with become (as root, with CAP_NET_ADMIN)"
        ) from error
    except OSError as error:
        raise CannotTraceError(f"this kernel reports no packets that are traced: {error.strerror or error}") from error


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
