# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is docker-proxy on: by default, as configured, and in force.

Configured is what dockerd would do if it started now. In force is what the running dockerd does; no engine before 29.5
reports it, so it is proved by what only one of the two modes leaves behind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import (
    changed_since_start,
    flattened,
    start_values,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    PROCESSES,
    HostSnapshot,
)

KEY = "userland-proxy"


@dataclass(frozen=True)
class ProxyState:
    """Whether the running dockerd uses docker-proxy, and what shows it."""

    value: Optional[bool]
    evidence: str


def proxy_default() -> bool:
    """Whether dockerd uses docker-proxy when nobody says anything: yes, in every release up to 29."""
    return True


def proxy_configured(snapshot: HostSnapshot) -> Optional[bool]:
    """Return whether dockerd would use docker-proxy if it started now; None where that cannot be known.

    It cannot when daemon.json is unreadable or broken, or when flag and file both say it: dockerd does not start then.
    """
    flag = parse_flags(snapshot.service.argv).get(KEY) if snapshot.service else None
    if not snapshot.was_read(DAEMON_CONFIG) or snapshot.daemon_config is None:
        return None
    if any(problem.accepted_from is None for problem in snapshot.daemon_config.problems):
        return None
    values = flattened(snapshot.daemon_config.values)
    if KEY not in values:
        return proxy_default() if flag is None else _boolean(flag)
    return _boolean(values[KEY]) if flag is None else None


def proxy_in_force(snapshot: HostSnapshot) -> ProxyState:
    """Return whether the running dockerd uses docker-proxy, by the strongest evidence that the snapshot holds."""
    if snapshot.daemon is None:
        read = snapshot.sources.get(PROCESSES)
        reason = read.reason if read is not None and not read.read else "dockerd does not run"
        return ProxyState(None, reason or "dockerd does not run")
    for witness in _WITNESSES:
        state = witness(snapshot)
        if state is not None:
            return state
    return ProxyState(None, "neither the engine, its command line, its processes nor its rules show it")


def _engine_says(snapshot: HostSnapshot) -> Optional[ProxyState]:
    if snapshot.engine is None or snapshot.engine.userland_proxy is None:
        return None
    state = "on" if snapshot.engine.userland_proxy else "off"
    return ProxyState(snapshot.engine.userland_proxy, f"the engine itself reports docker-proxy {state}")


def _command_line_says(snapshot: HostSnapshot) -> Optional[ProxyState]:
    value = parse_flags(snapshot.daemon.argv).get(KEY) if snapshot.daemon else None
    if not isinstance(value, bool):
        return None
    return ProxyState(value, f"dockerd runs with --{KEY}={'true' if value else 'false'}")


def _processes_say(snapshot: HostSnapshot) -> Optional[ProxyState]:
    dockerd = snapshot.daemon.pid if snapshot.daemon else None
    children = [proxy for proxy in snapshot.proxies if proxy.ppid == dockerd]
    if not children:
        return None
    return ProxyState(True, f"dockerd (process {dockerd}) runs {len(children)} docker-proxy processes")


def _rules_say(snapshot: HostSnapshot) -> Optional[ProxyState]:
    """Judge by the jump in nat OUTPUT, which leaves 127.0.0.0/8 (or ::1) to docker-proxy where it is on.

    dockerd makes that jump anew at every start (moby libnetwork/drivers/bridge), unless it was told to make no rules:
    then what is there can be old.
    """
    if snapshot.ruleset is None:
        return None
    without = {key for key in ("iptables", "ip6tables") if start_values(snapshot).get(key) is False}
    jumps = [jump for command, text in snapshot.ruleset.save.items() for jump in _save_jumps(command, text)]
    jumps += _nft_jumps(snapshot.ruleset.nft_json or "{}")
    jumps = [jump for jump in jumps if jump.governed_by not in without]
    if len({jump.spares_loopback for jump in jumps}) != 1:
        return None
    value = jumps[0].spares_loopback
    meaning = "leaves loopback addresses to docker-proxy" if value else "takes loopback addresses, too: no docker-proxy"
    return ProxyState(value, f"dockerd's rule for connections of the host itself {meaning} ({jumps[0].shown})")


def _file_says(snapshot: HostSnapshot) -> Optional[ProxyState]:
    """Judge by daemon.json, if it was the same when dockerd started."""
    config, daemon = snapshot.daemon_config, snapshot.daemon
    if config is None or daemon is None or not config.exists:
        return None
    value = _boolean(start_values(snapshot).get(KEY, proxy_default()))
    if changed_since_start(snapshot) is not False or config.problems or value is None:
        return None
    said = "says so" if KEY in flattened(config.values) else "leaves the default"
    return ProxyState(value, f"{config.path} {said}, and was last changed before dockerd started")


_WITNESSES: tuple[Callable[[HostSnapshot], Optional[ProxyState]], ...] = (
    _engine_says,
    _command_line_says,
    _processes_say,
    _rules_say,
    _file_says,
)


def _boolean(value: Any) -> Optional[bool]:
    return value if isinstance(value, bool) else None


@dataclass(frozen=True)
class _Jump:
    """The way of the host's own packets into dockerd's DNAT rules."""

    governed_by: str
    """Key of daemon.json that lets dockerd make it."""
    spares_loopback: bool
    shown: str


def _save_jumps(command: str, text: str) -> list[_Jump]:
    """The jumps from OUTPUT to dockerd's chain in table nat."""
    key = "ip6tables" if command.startswith("ip6") else "iptables"
    table = ""
    found = []
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif table == "nat" and re.match(r"-A OUTPUT .*-j DOCKER$", line.rstrip()):
            found.append(_Jump(key, re.search(r"! -d (127\.0\.0\.0/8|::1/128)", line) is not None, line.rstrip()))
    return found


def _nft_jumps(text: str) -> list[_Jump]:
    """The same for the nftables backend of engines from 29: chain nat-OUTPUT of the tables docker-bridges."""
    found = []
    for rule in _nft_rules(text):
        if rule.get("table") == "docker-bridges" and rule.get("chain") == "nat-OUTPUT":
            family = rule.get("family")
            shown = f"nft table {family} docker-bridges, chain nat-OUTPUT, handle {rule.get('handle')}"
            parts = rule.get("expr")
            spares = isinstance(parts, list) and any(map(_spares_loopback, parts))
            found.append(_Jump("ip6tables" if family == "ip6" else "iptables", spares, shown))
    return found


def _nft_rules(text: str) -> Iterator[dict[str, Any]]:
    """Those in what nft prints; whoever parses all of it says what is wrong with a document that is none."""
    try:
        items = json.loads(text)["nftables"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return
    for item in items if isinstance(items, list) else []:
        rule = item.get("rule") if isinstance(item, dict) else None
        if isinstance(rule, dict):
            yield rule


def _spares_loopback(part: Any) -> bool:
    match = part.get("match") if isinstance(part, dict) else None
    if not isinstance(match, dict) or match.get("op") != "!=":
        return False
    right = match.get("right")
    return right == "::1" or (isinstance(right, dict) and right.get("prefix") == {"addr": "127.0.0.0", "len": 8})
