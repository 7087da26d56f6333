# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether the running dockerd was told to make rules: keys iptables and ip6tables, as flag, in the file, or by default.

The keys mean the same for the backend of nftables. No engine reports them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.capabilities import capabilities_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import flattened
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import DAEMON_CONFIG, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.start_settings import changed_since_start

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
