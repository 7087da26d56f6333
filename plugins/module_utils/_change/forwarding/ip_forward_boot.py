# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Forwarding after the next boot: what the files must promise, and which families they turn on. Pure."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.dockerd_forwarding import VERSIONS
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.ip_forward_wish import (
    ALWAYS,
    KNOBS,
    ForwardingWish,
    interface_key,
    wanted_interfaces,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.own_sysctls import (
    OwnFile,
    boot_files,
    boot_with,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import obstacle_at_start
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import BootSysctls, SysctlFile
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import boot_value, sysctl_key


def families_by_files(snapshot: HostSnapshot, wish: ForwardingWish) -> set[str]:
    """Families that files have to turn on at boot: all that are not left to dockerd.

    dockerd turns on what no file speaks of, and closes FORWARD with it. It mends a file that says 0 as well, but only
    until somebody applies the files again.
    """
    if wish.persistent == ALWAYS:
        return set(wish.families)
    return {family for family in wish.families if not _is_left_to_dockerd(snapshot, wish, family)}


def _is_left_to_dockerd(snapshot: HostSnapshot, wish: ForwardingWish, family: str) -> bool:
    boot = boot_files(snapshot)
    interfaces = [interface_key(family, name) for name in wanted_interfaces(snapshot, wish, family)]
    knobs = [boot_value(boot, key).value for key in KNOBS[family]]
    values = [*knobs, *(boot_value(boot, key).value for key in interfaces)]
    if any(value not in (None, "1") for value in values) or all(value == "1" for value in knobs):
        return False
    return obstacle_at_start(snapshot, VERSIONS[family]) is None


def promises(
    snapshot: HostSnapshot, wish: ForwardingWish, advertised: dict[str, str], by_files: set[str]
) -> dict[str, str]:
    """What boot must set: first what keeps the routes, then forwarding, then what must not be closed by itself."""
    promised = dict.fromkeys(_kept_at_boot(snapshot, wish, advertised, by_files), "2")
    promised.update({knob: "1" for family in wish.families if family in by_files for knob in KNOBS[family]})
    if "ipv4" in by_files:
        # The same knob by its other name: systemd-sysctl leaves a line where the same one stands earlier (sysctl.c,
        # parse_file), so against a file that uses both names only the one that is set to 0 wins.
        promised[interface_key("ipv4", "all")] = "1"
    for family in wish.families:
        if family in by_files:
            for name in wanted_interfaces(snapshot, wish, family):
                promised[interface_key(family, name)] = "1"
    return promised


def _kept_at_boot(
    snapshot: HostSnapshot, wish: ForwardingWish, advertised: dict[str, str], by_files: set[str]
) -> list[str]:
    """Keys of accept_ra without which, forwarding at boot, the host would not learn its advertised default routes."""
    if "ipv6" not in wish.families:
        return []
    boot = boot_files(snapshot)
    keys = {name: sysctl_key(6, name, "accept_ra") for name in sorted(advertised)}
    lost = [name for name, key in keys.items() if boot_value(boot, key).value != "2"]
    if not lost or wish.keep_advertised_routes:
        return list(keys.values())
    if boot_value(boot, KNOBS["ipv6"][0]).value == "1":
        # So it is already, by a file of somebody else.
        return []
    if "ipv6" not in by_files:
        # So it is already, by dockerd.
        return []
    raise Refusal(
        f"nothing was changed: the default route of {', '.join(lost)} comes from router advertisements, and with IPv6 "
        "forwarding on at boot the kernel would not take it, since no file sets accept_ra to 2 there. With "
        "router_advertisements: keep, it is set; or use persistent: false"
    )


def later_by_hand(tail: SysctlFile | None, promised: dict[str, str]) -> list[str]:
    """Where boot does not read a file that ``sysctl --system`` reads last, that command would undo what boot set."""
    found = BootSysctls("procps", [tail] if tail else [])
    against = [(key, boot_value(found, key)) for key, value in promised.items()]
    against = [(key, other) for key, other in against if other.value not in (None, promised[key])]
    return [
        f"boot does not read {other.path}, but whoever runs sysctl --system does, last of all: its line {other.line} "
        f"sets {key} to {other.value}. Remove that line"
        for key, other in against[:1]
    ]


def opened_by(boot: BootSysctls) -> set[str]:
    """Families that boot turns on."""
    return {family for family, knobs in KNOBS.items() if all(boot_value(boot, knob).value == "1" for knob in knobs)}


def turned_on_at_boot(snapshot: HostSnapshot, files: list[OwnFile], opened: set[str]) -> set[str]:
    """Families that files turn on at boot once ours are what files say; opened: those that ours turn on."""
    return opened_by(boot_with(boot_files(snapshot), files)) | opened
