# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Who holds a socket of the host, and so what becomes of a connection to it."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.ip_numbers import parse_address
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ProxyProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sockets import Listener

DOCKER_PROXY = "docker-proxy"
DOCKERD = "dockerd"


def proxy_behind(view: HostView, listener: Listener) -> Optional[ProxyProcess]:
    """The docker-proxy that serves a socket of the host; None when no such process does."""
    for proxy in view.snapshot.proxies:
        if listener.pid is not None and listener.pid == proxy.pid:
            return proxy
    for proxy in view.snapshot.proxies:
        same = (proxy.protocol, proxy.host_port) == (listener.protocol, listener.port)
        if same and listener.owner in ("", DOCKER_PROXY, DOCKERD) and _same_address(proxy.host_ip, listener):
            return proxy
    return None


def hangs(view: HostView, listener: Listener) -> str:
    """Why nobody answers on a socket although it is there; empty where somebody does.

    Without docker-proxy dockerd holds the port of a binding and never looks at it: engines up to 27 listen, so that the
    kernel makes the connection; 28 listens with a backlog of 0; 29 lets a filter drop what comes.
    """
    if listener.owner != DOCKERD or not _is_binding(view, listener):
        return ""
    return f"dockerd holds {listener.protocol} port {listener.port} only to keep it; nobody answers there"


def _is_binding(view: HostView, listener: Listener) -> bool:
    return any(
        (port.protocol, port.host_port) == (listener.protocol, listener.port)
        for container in view.snapshot.containers
        for port in container.published
    )


def _same_address(host_ip: str, listener: Listener) -> bool:
    return parse_address(host_ip or "0.0.0.0") == parse_address(listener.address)  # noqa: S104
