# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the dockerd of this host, who listens at the address of an engine, and the docker-proxy processes.

Any process can be called dockerd, and containers run engines of their own. So a dockerd has to belong to root, or to
the user whose socket it is, and to hold the listening socket, as the kernel says. Where that cannot be seen (without
root), systemd's main process of the unit counts, then the pid file. Until then nothing that it names is opened.

The socket is not connected to: that would start a service whose socket systemd holds. A path in /proc/net/unix is what
its owner wrote; sock_diag(7) names the file itself.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Optional
from urllib.parse import urlsplit

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_api import (
    DEFAULT_PORT,
    EngineAddress,
    parse_engine_address,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.listeners import listening_at
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    SOCK_DIAG,
    Netlink,
    attributes,
    in_namespace,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import config_path, main_pid, unit_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import parse
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import DaemonProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ProxyProcess, to_measure
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_argv
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError

DEFAULT_SOCKET = "unix:///var/run/docker.sock"
PID_FILE = Path("/run/docker.pid")


@dataclass(frozen=True)
class Dockerds:
    """What runs under the name of dockerd, as far as it matters for one address."""

    serving: Optional[procfs.Process] = None
    """The one that is established to serve it."""
    elsewhere: list[procfs.Process] = field(default_factory=list)
    """Those that could serve it, by their user, and do not."""
    unclear: list[procfs.Process] = field(default_factory=list)
    """Those of which it cannot be seen whether they do."""
    strangers: list[procfs.Process] = field(default_factory=list)
    """Those of users who have nothing to do with it: rootless engines, and whatever else goes by that name."""


def find_dockerds(processes: list[procfs.Process], docker_host: str, run: Run) -> Dockerds:
    """Return the dockerd that serves docker_host, and what else goes by that name.

    run asks systemd, where the kernel does not let us look. A docker_host that is none has no dockerd.
    """
    try:
        address = parse_engine_address(docker_host)
    except UnreadableError:
        return Dockerds()
    holders = SocketHolders(address)
    found = Dockerds()
    for process in sorted(named_dockerd(processes), key=lambda item: item.start_ticks):
        if not holders.may_serve(process.pid):
            found.strangers.append(process)
            continue
        serves = _serves(process, address, holders, run)
        if serves:
            return Dockerds(process)
        (found.unclear if serves is None else found.elsewhere).append(process)
    return found


def named_dockerd(processes: list[procfs.Process]) -> list[procfs.Process]:
    """Return the processes of this PID namespace that go by the name of dockerd, whoever started them."""
    found = {process.pid: process for process in processes if _is_named_dockerd(process)}
    # dockerd forks before it runs a helper: for a moment that child looks like its parent.
    return [process for process in found.values() if process.ppid not in found]


def told_to_listen_at(process: procfs.Process) -> list[str]:
    """Addresses on the command line of a dockerd, else the default of its kind. Anybody can write them there."""
    hosts = parse_flags(procfs.argv(process.pid)).get("hosts")
    if isinstance(hosts, list) and hosts:
        return [str(host) for host in hosts]
    runtime = procfs.environment(process.pid).get("XDG_RUNTIME_DIR")
    return [f"unix://{runtime}/docker.sock" if runtime and procfs.uid(process.pid) else DEFAULT_SOCKET]


def addresses_served(processes: list[procfs.Process]) -> list[str]:
    """Addresses at which the kernel shows these to listen, of those that they were told, with the user if not root."""
    served = []
    for process in processes:
        for told in told_to_listen_at(process):
            try:
                holders = SocketHolders(parse_engine_address(told))
            except UnreadableError:
                continue
            if told.isprintable() and holders.may_serve(process.pid) and holders.holds(process.pid):
                uid = procfs.uid(process.pid)
                served.append(f"{told} for user {uid}" if uid else told)
    return served


def describe_daemon(process: procfs.Process) -> DaemonProcess:
    """Return what the snapshot keeps of dockerd's process; its namespace is None where it is not ours to see."""
    try:
        netns = procfs.namespace(process.pid, "net")
    except PermissionError:
        netns = None
    handed = procfs.environment(process.pid).get("LISTEN_FDS", "")
    return DaemonProcess(
        process.pid,
        mask_argv(procfs.argv(process.pid)),
        procfs.started_at(process),
        netns,
        procfs.uid(process.pid),
        int(handed) if handed.isdecimal() else 0,
        process.start_ticks,
    )


def leads_to(host: str, address: EngineAddress) -> bool:
    """Whether an address that a dockerd was told to listen at is that one.

    ``fd://`` is a socket that systemd holds for it: which, its command line does not say.
    """
    # tcp is what dockerd takes it for (moby opts/hosts.go).
    host = host if "://" in host else f"tcp://{host}"
    try:
        parts = urlsplit(host)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        return False
    if parts.scheme == "tcp":
        return not address.path and port == address.port
    # /var/run is a link to /run.
    same_path = os.path.realpath(parts.path) == os.path.realpath(address.path)
    return parts.scheme == "fd" or (parts.scheme == "unix" and bool(address.path) and same_path)


def _serves(process: procfs.Process, address: EngineAddress, holders: SocketHolders, run: Run) -> Optional[bool]:
    """Whether a process of root, or of the socket's user, serves the address; None where that cannot be seen."""
    holds = holders.holds(process.pid)
    if holds and address.path:
        return True
    if holds is None and not _is_vouched_for(process, run):
        return None
    # At a TCP port that it holds without docker-proxy a container can answer instead.
    return holds is not False and any(leads_to(host, address) for host in _listens_at(process))


def _is_vouched_for(process: procfs.Process, run: Run) -> bool:
    """Whether systemd or the pid file says that this is dockerd; a user's processes are that user's own affair."""
    if procfs.uid(process.pid) != procfs.ROOT:
        return True
    unit = unit_of(process.pid)
    return (bool(unit) and main_pid(run, unit) == process.pid) or process.pid == _from_pid_file()


def _listens_at(process: procfs.Process) -> list[str]:
    """Addresses that an established dockerd listens at: by its flags, else its daemon.json, else by default."""
    if not parse_flags(procfs.argv(process.pid)).get("hosts"):
        try:
            content = read_regular(config_path(process, [])).data
        except OSError:
            content = b"{}"
        hosts = parse(content, "").values.get("hosts")
        if isinstance(hosts, list) and hosts:
            return [str(host) for host in hosts]
    return told_to_listen_at(process)


def _is_named_dockerd(process: procfs.Process) -> bool:
    if process.name != "dockerd" or procfs.is_nested(process.pid):
        return False
    words = procfs.argv(process.pid)
    if not words or Path(words[0]).name != "dockerd":
        # dockerd runs itself under other names for single tasks ("docker-untar").
        return False
    program = procfs.program(process.pid)
    return program is None or Path(program).name == "dockerd"


def _from_pid_file() -> Optional[int]:
    """The process that root wrote into dockerd's pid file."""
    try:
        file = read_regular(PID_FILE)
    except OSError:
        return None
    found = re.fullmatch(r"([0-9]{1,9})\s*", file.text, re.ASCII)
    return int(found.group(1)) if found and file.status.st_uid == procfs.ROOT else None


_SOCK_DIAG_BY_FAMILY = 20
_AF_UNIX = 1
_LISTENING = 1 << 10
_SHOW_NAME_AND_FILE = 0x3
_NAME = 0
_FILE = 1
_REQUEST = struct.Struct("=BBHIIIII")
_ANSWER = struct.Struct("=BBBBIII")
_PLACE = struct.Struct("=II")
_ANY_COOKIE = 0xFFFFFFFF


class SocketHolders:
    """Which processes hold the listening socket of an engine's address."""

    def __init__(self, address: EngineAddress) -> None:
        """Take the address; the kernel is asked when it is needed, once for this network namespace."""
        self._address = address
        self._here: Optional[set[int]] = None
        self.owner = _owner(address.path) if address.path else procfs.ROOT
        """User id that the socket belongs to, None where there is none."""

    def holds(self, pid: int) -> Optional[bool]:
        """Whether a process holds it, be it that it listens itself or was handed the socket by systemd.

        None where that cannot be seen.
        """
        held = procfs.sockets(pid)
        if not held:
            return None
        try:
            return bool(held & self._inodes(pid))
        except OSError:
            return None

    def may_serve(self, pid: int) -> bool:
        """Whether a process is of root, or of the user whom the socket belongs to: nobody else's can be the engine."""
        return procfs.uid(pid) in {procfs.ROOT, self.owner} - {None}

    def programs(self) -> set[str]:
        """Names of the programs that hold it, of those that may; empty where none is seen.

        systemd alone means that a connection would start the service.
        """
        return {
            os.path.basename(procfs.program(process.pid) or "") or process.name
            for process in procfs.processes()
            # Those of containers are many, and none of them is an engine of this host.
            if self.may_serve(process.pid) and not procfs.is_nested(process.pid) and self.holds(process.pid)
        }

    def _inodes(self, pid: int) -> set[int]:
        """Inode numbers of the listening sockets at the address, in the network namespace of a process."""
        if procfs.namespace(pid, "net") != procfs.namespace("self", "net"):
            return in_namespace(pid, lambda: listening(self._address))
        if self._here is None:
            self._here = listening(self._address)
        return self._here


def _owner(path: str) -> Optional[int]:
    try:
        return os.stat(path).st_uid
    except OSError:
        return None


def listening(address: EngineAddress) -> set[int]:
    """Inode numbers of the sockets that listen there. Raises OSError."""
    return _listening_at_path(address.path) if address.path else listening_at("tcp", address.port)


def _listening_at_path(path: str) -> set[int]:
    """Inode numbers of the sockets whose file is the one at path. Raises OSError where the kernel does not tell."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return set()
    device = os.major(status.st_dev) << 20 | os.minor(status.st_dev)
    request = _REQUEST.pack(_AF_UNIX, 0, 0, _LISTENING, 0, _SHOW_NAME_AND_FILE, _ANY_COOKIE, _ANY_COOKIE)
    found = set()
    with Netlink(SOCK_DIAG) as netlink:
        for message in netlink.dump(_SOCK_DIAG_BY_FAMILY, request):
            shown = attributes(message, _ANSWER.size)
            if len(shown.get(_FILE, b"")) != _PLACE.size:
                continue
            inode, on_device = _PLACE.unpack(shown[_FILE])
            if inode != status.st_ino & 0xFFFFFFFF:
                continue
            # Some file systems show programs another device than the kernel knows (subvolumes of btrfs).
            if on_device == device or _real_name(shown.get(_NAME, b"")) == os.path.realpath(path):
                found.add(_ANSWER.unpack_from(message)[4])
    return found


def _real_name(name: bytes) -> str:
    """Path that a socket was bound to, links followed; empty for one without a path."""
    path = os.fsdecode(name.partition(b"\0")[0])
    return os.path.realpath(path) if path else ""


PROXY = "docker-proxy"
_PROTOCOLS = ("tcp", "udp", "sctp")
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_SIZES = re.compile(rb"^(Rss|Pss): +([0-9]+) kB$", re.MULTILINE)
_FLAGS = ("-proto", "-host-ip", "-host-port", "-container-ip", "-container-port")


def read_proxies(processes: list[procfs.Process], dockerd: Optional[procfs.Process]) -> list[ProxyProcess]:
    """Return the docker-proxy processes of this host's dockerd, and those that have lost theirs.

    Each runs under dockerd's own user: what others call by that name is none.
    """
    user = procfs.uid(dockerd.pid) if dockerd else procfs.ROOT
    found = []
    for process in processes:
        ours = dockerd is not None and process.ppid == dockerd.pid
        if not ours and process.name != PROXY:
            continue
        if procfs.uid(process.pid) == user and (ours or _orphaned_here(process, dockerd)):
            proxy = parse_argv(procfs.argv(process.pid), process.pid, process.ppid)
            if proxy is not None:
                found.append(proxy)
    found.sort(key=lambda proxy: proxy.pid)
    measured = {proxy.pid for proxy in to_measure(found)}
    return [_with_memory(proxy) if proxy.pid in measured else proxy for proxy in found]


def parse_argv(argv: list[str], pid: int, ppid: int) -> Optional[ProxyProcess]:
    """Return the binding on a docker-proxy's command line, None when it is none.

    The flags are the same in all generations, whatever stands before or behind them (moby cmd/docker-proxy,
    portmapper/proxy_linux.go), and whatever the program is called. What dockerd would never write makes it none.
    """
    values = {name: value for name, value in zip(argv, argv[1:]) if name in _FLAGS}
    if len(values) < len(_FLAGS):
        return None
    host_port, container_port = values["-host-port"], values["-container-port"]
    if values["-proto"] not in _PROTOCOLS or not all(map(_PORT.fullmatch, (host_port, container_port))):
        return None
    if not (_is_address(values["-host-ip"]) and _is_address(values["-container-ip"])):
        return None
    return ProxyProcess(
        pid=pid,
        ppid=ppid,
        protocol=values["-proto"],
        host_ip=values["-host-ip"],
        host_port=int(host_port),
        container_ip=values["-container-ip"],
        container_port=int(container_port),
    )


def _is_address(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def _orphaned_here(process: procfs.Process, dockerd: Optional[procfs.Process]) -> bool:
    """Whether it runs in this host's namespaces and not under some other engine's dockerd."""
    if procfs.is_nested(process.pid):
        return False
    try:
        if procfs.namespace(process.pid, "mnt") not in (
            procfs.namespace("self", "mnt"),
            procfs.namespace(dockerd.pid, "mnt") if dockerd else None,
        ):
            return False
    except PermissionError:
        pass
    parent = procfs.argv(process.ppid)
    return not parent or Path(parent[0]).name != "dockerd"


def _with_memory(proxy: ProxyProcess) -> ProxyProcess:
    sizes = parse_rollup(procfs.read_bytes(proxy.pid, "smaps_rollup"))
    return replace(proxy, pss=sizes.get("pss"), rss=sizes.get("rss"))


def parse_rollup(content: bytes) -> dict[str, int]:
    """``rss`` and ``pss`` in bytes, from /proc/PID/smaps_rollup (Documentation/filesystems/proc.rst)."""
    return {name.decode("ascii").lower(): int(size) * 1024 for name, size in _SIZES.findall(content)}
