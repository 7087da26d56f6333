# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What dockerd was started with, and what it would be at its next start: flags and daemon.json."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import GO_SPACE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import capabilities_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
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


def filters_with_nftables(snapshot: HostSnapshot) -> bool:
    """Whether dockerd would filter with nftables once it is started: as it is told, or else as it does now."""
    told = next_values(snapshot).get("firewall-backend")
    if told:
        return bool(told == "nftables")
    engine = snapshot.engine
    return engine is not None and (engine.firewall_driver or "").startswith("nftables")


def would_close_forward(snapshot: HostSnapshot, engine: Engine, family: str) -> bool:
    """Whether dockerd closes the chain FORWARD of a family at a start at which it turns forwarding on."""
    settings = next_values(snapshot)
    if settings.get("ip-forward") is False or settings.get("ip-forward-no-drop") is True:
        return False
    if family == "ipv4":
        return settings.get("iptables") is not False
    # Engines from 27 manage ip6tables unless told not to.
    return capabilities_of(engine).forwards_for_networks and settings.get("ip6tables") is not False


# Members of these keys are options of their own and not flattened (moby daemon/config/config.go, flatOptions).
_NESTED_KEYS = frozenset(
    {
        "builder",
        "cluster-store-opts",
        "default-network-opts",
        "default-ulimits",
        "features",
        "log-opts",
        "nri-opts",
        "runtimes",
    }
)


def is_blank(text: str) -> bool:
    """Whether dockerd takes the text for an empty file."""
    return not text.strip(GO_SPACE)


def is_nested(key: str) -> bool:
    """Whether the members of this key's object are its own options, and not taken for top-level keys."""
    return key in _NESTED_KEYS


def flattened(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values as dockerd takes them: the members of an object it does not know count as top-level keys.

    Source: moby daemon/config/config.go, configValuesSet; ``{"x": {"userland-proxy": false}}`` turns the proxy off.
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and key not in _NESTED_KEYS:
            flat.update(value)
        else:
            flat[key] = value
    return flat
