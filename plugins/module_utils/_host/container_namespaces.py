# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is inside the network namespaces of containers, read from the kernel without a program in them."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import within
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ipsec import ipsec_of_namespace
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import link_messages, links_in
from ansible_collections.dockernet.baseline.plugins.module_utils._host.listeners import listening_sockets
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    ROUTE,
    Allowance,
    Netlink,
    libc,
    read_in_namespaces,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.nftables import (
    nftables_is_there,
    read_chains_with_effect,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.plausibility import (
    ImplausibleError,
    require_plausible,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import (
    neighbours_of,
    policy_rules_of,
    routes_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.socket_owners import Halted, with_halted
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import reception_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.traffic_control import traffic_control_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    DEFAULT_TABLE,
    LOCAL_TABLE,
    MAIN_TABLE,
    ContainerNamespace,
    Ipsec,
    PolicyRule,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import CONTAINER_NAMESPACES
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import (
    CONTAINER,
    Defect,
    Gap,
    UnreadableError,
    defect_of,
    from_os_error,
)

# What every namespace has from its beginning on (net/ipv4/fib_rules.c, net/ipv6/fib6_rules.c): local, main, default.
_FROM_THE_BEGINNING = [
    PolicyRule(0, 4, table=LOCAL_TABLE),
    PolicyRule(32766, 4, table=MAIN_TABLE),
    PolicyRule(32767, 4, table=DEFAULT_TABLE),
    PolicyRule(0, 6, table=LOCAL_TABLE),
    PolicyRule(32766, 6, table=MAIN_TABLE),
]


# Bytes of the kernel's lists. An ordinary namespace has some 5 KiB, one with 1,000 addresses and routes 200 KiB.
_OWN_PART = 1 << 18
_MOST_OF_ONE = 1 << 22
_COMMON_PART = 1 << 26
# What the kernel calls "Message too long".
_TOO_LONG = (
    "an entry of its lists is too long for the kernel to report (for example a route with thousands of next hops)"
)


@dataclass(frozen=True)
class NamespaceReadings:
    """What was found in the namespaces of containers."""

    namespaces: list[ContainerNamespace] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    """Containers whose namespace could not be read."""
    defects: list[Defect] = field(default_factory=list)


def read_container_namespaces(containers: list[Container], halted: Optional[Halted] = None) -> NamespaceReadings:
    """Return the namespaces of running containers, each once, that of the host left out; halted: halted_holders().

    One that ends meanwhile is left out, one in which something cannot be read is a gap. Raises UnreadableError where
    the kernel refuses all, as it does without root.
    """
    own = procfs.namespace("self", "net")
    pids = {item.netns: item.pid for item in containers if item.netns is not None and item.pid is not None}
    reader = _Reader(halted or {}, with_nftables=nftables_is_there())
    try:
        read_in_namespaces({inode: pid for inode, pid in pids.items() if inode != own}, reader.visit)
    except OSError as error:
        raise from_os_error(error, "the network namespaces of containers") from error
    gaps = [
        Gap(
            CONTAINER_NAMESPACES,
            CONTAINER,
            item.name,
            f"its network namespace was not read: {reader.problems[item.netns]}",
        )
        for item in containers
        if item.netns in reader.problems and item.pid is not None
    ]
    return NamespaceReadings(reader.found, gaps, reader.defects)


class _Reader:
    """Reads one namespace after another; what goes wrong in one stays there."""

    def __init__(self, halted: Halted, *, with_nftables: bool) -> None:
        self.found: list[ContainerNamespace] = []
        self.problems: dict[Optional[int], str] = {}
        """Why a namespace was not read, by its inode number."""
        self.defects: list[Defect] = []
        self._halted = halted
        # Of the kernel, not of a namespace.
        self._with_nftables = with_nftables
        self._common = [_COMMON_PART]

    def visit(self, inode: int) -> None:
        """Read the namespace that this thread is in."""
        if within(1.0) <= 0:
            # What was read of others counts all the same.
            self.problems[inode] = "the time limit was reached"
            return
        allowance = Allowance(_OWN_PART, _MOST_OF_ONE, self._common)
        try:
            namespace = _read(inode, allowance, self._halted, with_nftables=self._with_nftables)
            require_plausible(namespace)
            self.found.append(namespace)
        except ImplausibleError as error:
            self.problems[inode] = f"what was read there is not plausible: {error}"
        except OSError as error:
            self.problems[inode] = _TOO_LONG if error.errno == errno.EMSGSIZE else error.strerror or str(error)
        except UnreadableError as error:
            self.problems[inode] = error.reason
        except Exception as error:  # noqa: BLE001 (whoever is in there decides what is read; it must not take the others with it)
            self.defects.append(defect_of(f"source {CONTAINER_NAMESPACES}", error))
            self.problems[inode] = str(self.defects[-1])


def _read(inode: int, allowance: Allowance, halted: Halted, *, with_nftables: bool) -> ContainerNamespace:
    with Netlink(ROUTE, allowance) as route:
        messages = link_messages(route)
        links = links_in(messages, route)
        routes = routes_of(route)
        rules = policy_rules_of(route)
        neighbours = neighbours_of(route)
        traffic_control = traffic_control_of(route)
        settings = reception_of(route, messages)
    chains = {**(read_chains_with_effect(allowance) if with_nftables else {}), **read_legacy_tables_with_effect()}
    return ContainerNamespace(
        inode=inode,
        links=links,
        routes=routes,
        rules=[] if rules == _FROM_THE_BEGINNING else rules,
        listeners=with_halted(listening_sockets({link.index: link.name for link in links}, allowance), halted),
        sysctls=settings,
        chains=chains,
        tables=list(dict.fromkeys(" ".join(name.split(" ")[:2]) for name in chains)),
        neighbours=neighbours,
        traffic_control=traffic_control,
        ipsec=ipsec_of_namespace() != Ipsec(),
    )


# /proc/net is that of the process's first thread, this is that of the one who asks.
_NAMES = Path("/proc/thread-self/net")
# linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h
_GET_INFO = 64
_GET_ENTRIES = 65
_ERROR_ENTRIES = 1
_NF_ACCEPT = -2  # As a verdict in a table: -NF_ACCEPT - 1.
# struct xt_entry_target before the verdict of a standard one.
_TARGET = 32

# struct ipt_getinfo: name, valid hooks, first entries, policies (offsets by hook), number of entries and their size.
_INFO = struct.Struct("=32sI5I5III")
# struct ipt_get_entries, aligned for the entries that follow.
_ENTRIES = struct.Struct("=32sI4x")
_VERDICT = struct.Struct("=i")


class _Family(NamedTuple):
    name: str
    """As nft(8) names it."""
    names: str
    family: socket.AddressFamily
    level: int
    target_offset: int
    """Where an entry says at which offset its target begins."""


_FAMILIES = (
    _Family("ip", "ip_tables_names", socket.AF_INET, socket.IPPROTO_IP, 88),
    _Family("ip6", "ip6_tables_names", socket.AF_INET6, socket.IPPROTO_IPV6, 140),
)


def read_legacy_tables_with_effect() -> dict[str, int]:
    """Number of entries of each table of this thread's namespace, by family and name (``ip nat``).

    An entry is a rule, and each chain of a user's has two. Tables without any, with policies ACCEPT, are left out.
    Raises OSError, PermissionError among them without CAP_NET_ADMIN.
    """
    counts = {f"{family.name} {name}": _entries(family, name) for family in _FAMILIES for name in _registered(family)}
    return {table: count for table, count in counts.items() if count is not None}


def _registered(family: _Family) -> list[str]:
    try:
        return procfs.read_whole(f"{_NAMES}/{family.names}").decode("ascii").split()
    except FileNotFoundError:
        return []


def _entries(family: _Family, name: str) -> Optional[int]:
    """None for a table that decides nothing."""
    with socket.socket(family.family, socket.SOCK_RAW, socket.IPPROTO_RAW) as asked:
        info = _INFO.unpack(_get(asked, family.level, _GET_INFO, _INFO.pack(name.encode(), *[0] * 13)))
        hooks, policies, (entries, size) = info[1], info[7:12], info[12:]
        chains = [policies[hook] for hook in range(len(policies)) if hooks & 1 << hook]
        if entries > len(chains) + _ERROR_ENTRIES:
            return int(entries - len(chains) - _ERROR_ENTRIES)
        table = _get(asked, family.level, _GET_ENTRIES, _ENTRIES.pack(name.encode(), size) + bytes(size))
    return 0 if any(_verdict(table[_ENTRIES.size :], at, family) != _NF_ACCEPT for at in chains) else None


def _verdict(entries: bytes, at: int, family: _Family) -> int:
    target = int.from_bytes(entries[at + family.target_offset : at + family.target_offset + 2], sys.byteorder)
    (verdict,) = _VERDICT.unpack_from(entries, at + target + _TARGET)
    return int(verdict)


def _get(asked: socket.socket, level: int, option: int, question: bytes) -> bytes:
    """getsockopt(2) with a question in the buffer for the answer, which Python's own has no way for."""
    buffer = ctypes.create_string_buffer(question, len(question))
    length = ctypes.c_uint32(len(question))
    if libc().getsockopt(asked.fileno(), level, option, buffer, ctypes.byref(length)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return buffer.raw
