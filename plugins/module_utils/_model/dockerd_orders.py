# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What dockerd is told to do for packets: to make rules, and to turn forwarding on when the host boots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import (
    changed_since_start,
    filters_with_nftables,
    flattened,
    next_values,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PODMAN
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import capabilities_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    SERVICE,
    HostSnapshot,
)

KEYS = {4: "iptables", 6: "ip6tables"}

FLAG = "flag"

FILE = "file"

DEFAULT = "default"


@dataclass(frozen=True)
class RuleMaking:
    """What the running dockerd was told for one family."""

    value: Optional[bool]
    """None where it cannot be known."""
    by: str
    """``flag``, ``file`` or ``default``; empty where it cannot be known."""
    evidence: str
    configured: Optional[bool] = None
    """What flags and file say now; None where they could not be read."""


def rule_making(snapshot: HostSnapshot, family: int) -> RuleMaking:
    """What the running dockerd was told for IPv4 (4) or IPv6 (6)."""
    key = KEYS[family]
    daemon, config = snapshot.daemon, snapshot.daemon_config
    if daemon is None:
        return RuleMaking(None, "", "the command line of dockerd could not be read")
    flag = parse_flags(daemon.argv).get(key)
    if isinstance(flag, bool):
        return RuleMaking(flag, FLAG, f"dockerd runs with --{key}={str(flag).lower()}", flag)
    if config is None or not snapshot.was_read(DAEMON_CONFIG):
        return RuleMaking(None, "", "daemon.json could not be read")
    value = flattened(config.values).get(key)
    by = FILE if isinstance(value, bool) else DEFAULT
    default = family == 4 or capabilities_of(snapshot.engine).ip6tables_by_default
    configured = value if isinstance(value, bool) else default
    if config.exists and changed_since_start(snapshot) is not False:
        return RuleMaking(None, "", f"{config.path} was changed after dockerd had started", configured)
    place = config.positions.get(key)
    said = f"{config.path}:{place.line if place else 0}: {key}: {str(configured).lower()}"
    if by == DEFAULT:
        said = f"neither {config.path} nor a flag of dockerd says {key}, which is {str(default).lower()} by default"
    return RuleMaking(configured, by, said, configured)


# Why dockerd does not.
UNTOLD = "untold"
"""What it would be told could not be read."""

NO_DOCKERD = "no dockerd"

NOT_STARTED = "not started"
"""Boot does not start it."""

LEFT_ALONE = "left alone"
"""``ip-forward`` is false."""

NFTABLES = "nftables"

NO_NETWORK = "no network"
"""No network of this IP version makes it."""


def obstacle_at_start(snapshot: HostSnapshot, version: int) -> Optional[str]:
    """Why dockerd does not turn forwarding of an IP version on when the host boots; None where it does."""
    engine = snapshot.engine
    if engine is None or engine.flavor == PODMAN:
        return NO_DOCKERD
    if snapshot.service is not None and snapshot.service.starts_at_boot is False:
        return NOT_STARTED
    if next_values(snapshot).get("ip-forward") is False:
        return LEFT_ALONE
    if filters_with_nftables(snapshot):
        return NFTABLES
    if not (snapshot.was_read(DAEMON_CONFIG) and snapshot.was_read(SERVICE)):
        return UNTOLD
    networks = [network for network in snapshot.networks if network.bridge is not None]
    if version == 6:
        networks = [network for network in networks if network.ipv6]
    return None if networks else NO_NETWORK
