# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""How a changed key of daemon.json comes into force. Pure.

Source: moby daemon/reload.go at the tags v20.10.27 to docker-v29.7.2. A reload takes a key only when it stands in the
file (IsValueSet): removing one leaves its last value in force, until a reload finds the default written out.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change import json_text
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon_file import parse_text
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import (
    BOOLEAN_MAP,
    DEFAULT_BRIDGE,
    KEYS,
    OBJECTS,
    STRINGS,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import (
    KEY,
    proxy_default,
    proxy_in_force,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

LIVE_RESTORE = "live-restore"


def reloadable(name: str) -> bool:
    """Whether SIGHUP is enough for the key."""
    return name in KEYS and KEYS[name].reloadable


def of_default_bridge(name: str) -> bool:
    """Whether a start that finds containers running ignores the key."""
    return name in KEYS and KEYS[name].scope == DEFAULT_BRIDGE


def in_force_differs(snapshot: HostSnapshot, name: str, settings: dict[str, Any]) -> bool:
    """Whether the daemon is known to run with something else than settings, which is what its next start will have."""
    if name == LIVE_RESTORE:
        return snapshot.engine is not None and snapshot.engine.live_restore != (settings.get(name) is True)
    if name == KEY:
        value = proxy_in_force(snapshot).value
        return value is not None and value != settings.get(KEY, proxy_default())
    return False


def written_out(text: str | None, old: str | None) -> str | None:
    """Return text with the default of each reloadable key that old has and text lacks, for a reload to take them."""
    values = parse_text(text).values
    for name in parse_text(old).values:
        if name in values or not reloadable(name):
            continue
        default = KEYS[name].default
        if default is None:
            default = _EMPTY.get(KEYS[name].kind)
        if default is not None:
            text = json_text.with_key(text or "", name, value=default)
    return text


_EMPTY: dict[str, Any] = {STRINGS: [], OBJECTS: {}, BOOLEAN_MAP: {}}
