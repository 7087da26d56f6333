# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a changed key of daemon.json comes into force, and whether the daemon says that it is. Pure.

Source: moby daemon/reload.go at the tags v20.10.27 to docker-v29.7.2. A reload takes most keys only where they stand in
the file (IsValueSet): removing one leaves its last value in force, until a reload finds the default written out.
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import (
    CurrentConfig,
    parse_text,
    same,
    with_key,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import (
    BOOLEAN_MAP,
    DEFAULT_BRIDGE,
    KEYS,
    NEW_CONTAINERS,
    NEW_NETWORKS,
    OBJECT,
    OBJECTS,
    STRINGS,
    default_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import (
    KEY,
    proxy_default,
    proxy_in_force,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK, mask_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

LIVE_RESTORE = "live-restore"
_EMPTY: dict[str, Any] = {STRINGS: [], OBJECT: {}, OBJECTS: {}, BOOLEAN_MAP: {}}
# process start times are known to a second only.
CLOCK_SLACK = 1.0

NOTES = {
    NEW_NETWORKS: "for networks created later; existing ones keep their settings",
    NEW_CONTAINERS: "for containers started later; running ones keep their settings",
}


def reloadable(name: str) -> bool:
    """Whether SIGHUP is enough for the key."""
    return name in KEYS and KEYS[name].reloadable


def of_default_bridge(name: str) -> bool:
    """Whether a start that finds containers running ignores the key."""
    return name in KEYS and KEYS[name].scope == DEFAULT_BRIDGE


def note_of(name: str) -> str:
    """Whom the key reaches once it is in force, where that is less than everybody."""
    return NOTES.get(KEYS[name].scope, "") if name in KEYS else ""


def in_force(snapshot: HostSnapshot, name: str, wanted: Any) -> bool | None:
    """Whether the daemon runs with the wanted value (None: the default), None where neither it nor time tells."""
    if name == KEY:
        value = proxy_in_force(snapshot).value
        return None if value is None else value == (proxy_default() if wanted is None else wanted)
    engine, config, daemon = snapshot.engine, snapshot.daemon_config, snapshot.daemon
    if engine is not None and name == LIVE_RESTORE:
        return engine.live_restore is (wanted is True)
    if engine is not None and name in engine.settings:
        shown, asked = _comparable(name, engine.settings[name]), _comparable(name, wanted)
        if not same(shown, asked):
            return False
        if MASK not in json.dumps(asked):
            return True
    if config is None or daemon is None or config.mtime is None:
        return None
    changed = max(config.mtime, config.ctime or 0.0)
    return True if changed + CLOCK_SLACK < daemon.started_at else None


def written_out(config: CurrentConfig, text: str | None, names: set[str]) -> str | None:
    """Return text with the default of each of names that a reload must find there, since text leaves it out."""
    values = parse_text(text).values
    for name in sorted(names):
        if name not in values and name not in config.flags and reloadable(name):
            text = with_key(text or "", name, value=_default(name))
    return text


def reload_problem(expected: dict[str, Any], reported: dict[str, str]) -> str:
    """Return what of expected the attributes of the daemon's reload event contradict; empty for nothing.

    Their texts are Go's; only those of booleans, numbers, strings and lists are compared.
    """
    wrong = []
    for name, value in expected.items():
        wanted = _default(name) if value is None else value
        if name in reported and not _agrees(name, wanted, reported[name]):
            wrong.append(f"{name} as {reported[name]}")
    return f"dockerd reports {', '.join(wrong)}" if wrong else ""


def report_problem(snapshot: HostSnapshot, expected: dict[str, Any]) -> str:
    """Return what of expected the daemon's own report contradicts; empty for nothing."""
    engine = snapshot.engine
    if engine is None:
        return "dockerd does not answer"
    reported = {**engine.settings, LIVE_RESTORE: engine.live_restore}
    wrong = [
        f"{name} as {json.dumps(reported[name])}"
        for name, value in expected.items()
        if name in reported and not same(_comparable(name, reported[name]), _comparable(name, value))
    ]
    return f"dockerd reports {', '.join(wrong)}" if wrong else ""


def _default(name: str) -> Any:
    default = default_of(name, (0, 0)) if name in KEYS else None
    return _EMPTY.get(KEYS[name].kind) if default is None and name in KEYS else default


def _comparable(name: str, value: Any) -> Any:
    """A value of daemon.json as a snapshot has it of /info, secrets masked."""
    return mask_values({name: _as_shown(name, value)})[name]


def _as_shown(name: str, value: Any) -> Any:
    """A value of daemon.json as dockerd shows it; labels in an order, which it has none for (a map of Go)."""
    if value is None:
        value = _default(name)
    if name == "registry-mirrors" and isinstance(value, list):
        return [str(mirror).rstrip("/") for mirror in value]
    return sorted(map(str, value)) if name == "labels" and isinstance(value, list) else value


def _agrees(name: str, wanted: Any, reported: str) -> bool:
    if isinstance(wanted, list):
        try:
            found = json.loads(reported) or []
        except ValueError:
            return True
        return same(_as_shown(name, found), _as_shown(name, wanted))
    if isinstance(wanted, bool):
        return reported == str(wanted).lower()
    if isinstance(wanted, int):
        return reported == str(wanted)
    return not isinstance(wanted, str) or name == "default-shm-size" or reported == wanted
