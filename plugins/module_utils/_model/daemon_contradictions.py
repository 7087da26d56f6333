# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Keys of daemon.json that do not go together, so that dockerd does not start.

Sources: moby daemon/config/config.go (Validate), and verifyDaemonSettings and initBridgeDriver in
daemon/daemon_unix.go, at the tags v20.10.27 to docker-v29.7.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import (
    UNKNOWN_RELEASE,
    Release,
    default_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_structs import is_integer


@dataclass(frozen=True)
class Start:
    """What the next start of dockerd will have: flags, file and defaults together."""

    given: dict[str, Any]
    release: Release

    def get(self, name: str) -> Any:
        """The value of a key that will be in force."""
        return self.given.get(name, default_of(name, self.release))

    def since(self, *release: int) -> bool:
        """Whether the engine is of that release or later, for certain."""
        return self.release >= release

    def before(self, *release: int) -> bool:
        """Whether the engine is older than that release, for certain."""
        return UNKNOWN_RELEASE < self.release < release


@dataclass(frozen=True)
class Contradiction:
    """Some of them, and when that is so."""

    keys: tuple[str, ...]
    """The first of these that stands in the file is shown."""
    message: str
    """A sentence, to which is added what dockerd does."""
    holds: Callable[[Start], bool]


CONTRADICTIONS = (
    Contradiction(
        ("bridge", "bip"),
        "bridge and bip exclude each other",
        lambda start: bool(start.get("bridge") and start.get("bip")),
    ),
    Contradiction(
        ("bridge", "bip6"),
        "bridge and bip6 exclude each other",
        lambda start: bool(start.get("bridge") and start.get("bip6")),
    ),
    Contradiction(
        ("icc", "iptables"),
        "icc: false needs iptables, which is false",
        lambda start: start.get("icc") is False and start.get("iptables") is False,
    ),
    Contradiction(
        ("icc", "ipv6", "ip6tables"),
        "icc: false with ipv6: true needs ip6tables, which is false",
        lambda start: (
            start.since(27, 0)
            and start.get("icc") is False
            and start.get("ipv6") is True
            and start.get("ip6tables") is False
        ),
    ),
    Contradiction(
        ("ip6tables", "experimental"),
        "ip6tables: true needs experimental: true before Docker Engine 27.0",
        lambda start: start.before(27, 0) and start.get("ip6tables") is True and not start.get("experimental"),
    ),
    Contradiction(
        ("ipv6",),
        "ipv6: true needs fixed-cidr-v6 before Docker Engine 28.0",
        lambda start: (
            start.before(28, 0)
            and start.get("ipv6") is True
            and not start.get("fixed-cidr-v6")
            and start.get("bridge") != "none"
        ),
    ),
    Contradiction(
        ("host-gateway-ip",),
        "host-gateway-ip and host-gateway-ips exclude each other",
        lambda start: "host-gateway-ip" in start.given and "host-gateway-ips" in start.given,
    ),
    Contradiction(
        ("userland-proxy-path",),
        "userland-proxy-path must be an absolute path",
        lambda start: (
            start.since(25, 0)
            and start.get("userland-proxy") is True
            and not str(start.get("userland-proxy-path") or "/").startswith("/")
        ),
    ),
    Contradiction(
        ("mtu",),
        "mtu is negative",
        lambda start: is_integer(start.get("mtu")) and start.get("mtu") < 0,
    ),
    Contradiction(
        ("network-diagnostic-port",),
        "network-diagnostic-port is no port number",
        lambda start: (
            start.since(28, 0)
            and is_integer(start.get("network-diagnostic-port"))
            and not 0 <= start.get("network-diagnostic-port") <= 65535
        ),
    ),
)
