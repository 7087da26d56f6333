# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What dockerd was started with, and what it would be at its next start: flags, daemon.json, rules, forwarding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import flattened
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PODMAN, Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import capabilities_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    SERVICE,
    HostSnapshot,
)


def start_flags(snapshot: HostSnapshot) -> dict[str, Any]:
    """Flags of the running dockerd, by keys of daemon.json."""
    return parse_flags(snapshot.daemon.argv) if snapshot.daemon else {}


def start_values(snapshot: HostSnapshot) -> dict[str, Any]:
    """Flags of the running dockerd over what daemon.json says now, which may not be what it said then."""
    values = flattened(snapshot.daemon_config.values) if snapshot.daemon_config else {}
    return {**values, **start_flags(snapshot)}


def changed_since_start(snapshot: HostSnapshot) -> Optional[bool]:
    """Whether daemon.json was changed, or replaced, after dockerd started.

    None where that cannot be told, as of a file that is not there: it may have been removed.
    """
    config, daemon = snapshot.daemon_config, snapshot.daemon
    if config is None or daemon is None or not config.exists:
        return None
    moments = [moment for moment in (config.mtime, config.ctime) if moment is not None]
    return max(moments) >= daemon.started_at if moments else None


def next_flags(snapshot: HostSnapshot) -> dict[str, Any] | None:
    """The flags of the next start, by keys of daemon.json; None where neither unit nor process shows them.

    Where the unit starts a wrapper (as a snap's does), only the process that runs shows what that makes of it.
    """
    unit = snapshot.service.argv if snapshot.service is not None else []
    live = snapshot.daemon.argv if snapshot.daemon is not None else []
    for argv in (unit if _is_dockerd(unit) else [], live, unit):
        if argv:
            return parse_flags(argv)
    return None


def _is_dockerd(argv: list[str]) -> bool:
    return bool(argv) and argv[0].rpartition("/")[2].startswith("dockerd")


def next_values(snapshot: HostSnapshot) -> dict[str, Any]:
    """Flags and daemon.json together, as far as they were read; defaults are not in it."""
    values = flattened(snapshot.daemon_config.values) if snapshot.daemon_config else {}
    return {**values, **(next_flags(snapshot) or {})}


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


def filters_with_nftables(snapshot: HostSnapshot) -> bool:
    """Whether dockerd would filter with nftables once it is started: as it is told, or else as it does now."""
    told = next_values(snapshot).get("firewall-backend")
    if told:
        return bool(told == "nftables")
    engine = snapshot.engine
    return engine is not None and (engine.firewall_driver or "").startswith("nftables")


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


def would_close_forward(snapshot: HostSnapshot, engine: Engine, family: str) -> bool:
    """Whether dockerd closes the chain FORWARD of a family at a start at which it turns forwarding on."""
    settings = next_values(snapshot)
    if settings.get("ip-forward") is False or settings.get("ip-forward-no-drop") is True:
        return False
    if family == "ipv4":
        return settings.get("iptables") is not False
    # Engines from 27 manage ip6tables unless told not to.
    return capabilities_of(engine).forwards_for_networks and settings.get("ip6tables") is not False
