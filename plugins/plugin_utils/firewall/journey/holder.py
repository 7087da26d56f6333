# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Who holds a socket, and so what becomes of a connection to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener, ProxyProcess
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_address

DOCKER_PROXY = "docker-proxy"
DOCKERD = "dockerd"
_PAUSED = "paused"


class Holders:
    """The programs behind the sockets of a host, and the containers whose programs are stopped."""

    def __init__(self, proxies: Sequence[ProxyProcess], containers: Sequence[Container]) -> None:
        """Take what runs."""
        self._by_pid = {proxy.pid: proxy for proxy in proxies}
        self._by_port: dict[tuple[str, int], list[ProxyProcess]] = {}
        for proxy in proxies:
            self._by_port.setdefault((proxy.protocol, proxy.host_port), []).append(proxy)
        self._published = {(port.protocol, port.host_port) for item in containers for port in item.published}
        self._awake: dict[int, bool] = {}
        for item in containers:
            if item.running and item.netns is not None:
                self._awake[item.netns] = self._awake.get(item.netns, False) or item.status != _PAUSED

    def proxy_behind(self, listener: Listener) -> Optional[ProxyProcess]:
        """The docker-proxy that serves a socket of the host; None when no such process does."""
        if listener.pid is not None and listener.pid in self._by_pid:
            return self._by_pid[listener.pid]
        if listener.owner not in ("", DOCKER_PROXY, DOCKERD):
            return None
        for proxy in self._by_port.get((listener.protocol, listener.port), ()):
            if parse_address(proxy.host_ip or "0.0.0.0") == parse_address(listener.address):  # noqa: S104
                return proxy
        return None

    def only_held(self, listener: Listener) -> str:
        """Why nobody answers on a socket of the host although it is there; empty where somebody does.

        Without docker-proxy dockerd holds the port of a binding and never looks at it: engines up to 27 listen, so that
        the kernel makes the connection; 28 listens with a backlog of 0; 29 lets a filter drop what comes.
        """
        if listener.owner != DOCKERD or (listener.protocol, listener.port) not in self._published:
            return ""
        return f"dockerd holds {listener.protocol} port {listener.port} only to keep it; nobody answers there"

    def asleep(self, netns: int) -> bool:
        """Whether all containers in a namespace are paused: the kernel takes connections, and nobody answers."""
        return not self._awake.get(netns, True)
