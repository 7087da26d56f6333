# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""docker-proxy processes, with their share of memory."""

from __future__ import annotations

import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ProxyProcess

NAME = "docker-proxy"
_PROTOCOLS = ("tcp", "udp", "sctp")
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_SIZES = re.compile(rb"^(Rss|Pss): +([0-9]+) kB$", re.MULTILINE)
_FLAGS = ("-proto", "-host-ip", "-host-port", "-container-ip", "-container-port")


def read_proxies(processes: list[procfs.Process], dockerd: Optional[procfs.Process]) -> list[ProxyProcess]:
    """Return the docker-proxy processes of this host's dockerd, and those that have lost theirs.

    Each runs under dockerd's own user: what others call by that name says nothing of anything, and is none.
    """
    user = procfs.uid(dockerd.pid) if dockerd else procfs.ROOT
    found = []
    for process in processes:
        ours = dockerd is not None and process.ppid == dockerd.pid
        if not ours and process.name != NAME:
            continue
        if procfs.uid(process.pid) == user and (ours or _orphaned_here(process, dockerd)):
            proxy = parse_argv(procfs.argv(process.pid), process.pid, process.ppid)
            if proxy is not None:
                found.append(_with_memory(proxy))
    return sorted(found, key=lambda proxy: proxy.pid)


def parse_argv(argv: list[str], pid: int, ppid: int) -> Optional[ProxyProcess]:
    """Return the binding on a docker-proxy's command line, None when it is none.

    The flags are the same in all generations; from 28.0 ``-use-listen-fd`` follows, and with a detached network
    namespace ``nsenter`` and its flags stand before the program (moby cmd/docker-proxy, portmapper/proxy_linux.go).
    A program of another name (``userland-proxy-path``) is known by the flags. What dockerd would never write there
    makes it none.
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
