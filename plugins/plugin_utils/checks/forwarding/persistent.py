# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether the next boot brings forwarding back, be it by a file of sysctls or because dockerd does it at its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import (
    LEFT_ALONE,
    NFTABLES,
    NO_DOCKERD,
    NO_NETWORK,
    NOT_STARTED,
    UNTOLD,
    next_values,
    obstacle_at_start,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import BootSysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    BOOT,
    ENGINE,
    SYSCTL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import BootValue, boot_value
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.outward_networks import outward_networks

_KNOBS = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
_OBSTACLES = {
    LEFT_ALONE: "After boot nothing forwards: dockerd is told to leave it alone (ip-forward: false), so containers "
    "have no network beyond this host.",
    NFTABLES: "After boot dockerd does not start: with the nftables backend it wants {name} on and does not turn it on "
    "itself.",
    NOT_STARTED: "After boot nothing forwards until somebody starts dockerd, which boot does not.",
    NO_DOCKERD: "After boot nothing forwards: there is no dockerd here that turns {name} on when it starts.",
    NO_NETWORK: "After boot nothing forwards: dockerd turns {name} on for networks that have it alone.",
    UNTOLD: "What dockerd does about {name} when it starts could not be told.",
}


@dataclass(frozen=True)
class _Kept:
    """Forwarding of one IP version, now and after boot."""

    version: int
    running: str
    boot: BootValue
    obstacle: Optional[str]
    """Why dockerd does not turn it on at its start (forwarding_at_boot); None where it does."""

    @property
    def name(self) -> str:
        return f"IPv{self.version} forwarding"

    @property
    def is_kept(self) -> bool:
        """A file that says 0 is mended by dockerd, until somebody applies the files again: that counts as lost."""
        if self.boot.value is None:
            return self.obstacle is None
        return self.boot.value != "0" and self.running != "0"

    @property
    def is_untold(self) -> bool:
        return self.boot.value is None and self.obstacle == UNTOLD


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    resource = resources.host(snapshot)
    versions = [version for version in _KNOBS if outward_networks(snapshot, version)]
    if not versions:
        return [not_applicable(resource, "There is no bridge network that leads outside")]
    unread = [_KNOBS[version] for version in versions if _KNOBS[version] not in snapshot.sysctls]
    if unread:
        return [unknown(resource, f"the kernel shows no {', '.join(unread)}")]
    if snapshot.boot is None:
        return [unknown(resource, "what boot sets was not read")]
    files = snapshot.boot
    kept = [_kept(snapshot, files, version) for version in versions]
    evidence: dict[str, Any] = {_KNOBS[item.version]: item.running for item in kept}
    for item in kept:
        evidence.update(_shown(files, item.boot))
    lost = [item for item in kept if not item.is_kept and not item.is_untold]
    if lost:
        return [_lost(snapshot, lost, evidence)]
    if any(item.is_untold for item in kept):
        reason = "no file sets it at boot, and what dockerd is told for its next start could not be read"
        return [unknown(resource, reason, evidence)]
    said = " and ".join(f"{item.name} {_by_whom(item)}" for item in kept)
    return [passed(resource, f"The next boot turns {said}", evidence)]


def _kept(snapshot: HostSnapshot, files: BootSysctls, version: int) -> _Kept:
    knob = _KNOBS[version]
    return _Kept(version, snapshot.sysctls[knob], boot_value(files, knob), obstacle_at_start(snapshot, version))


def _lost(snapshot: HostSnapshot, lost: list[_Kept], evidence: dict[str, Any]) -> Verdict:
    summary = "; ".join(_difference(item) for item in lost)
    impact = " ".join(dict.fromkeys(_impact(snapshot, item) for item in lost))
    args: dict[str, Any] = {"state": "present", "families": [f"ipv{item.version}" for item in lost]}
    remedy = Remedy(
        "Turn forwarding on for the next boot as well. dockerd then finds it on and does not close the chain FORWARD, "
        "so the module keeps that closed",
        "ip_forward",
        args,
    )
    return failed(resources.host(snapshot), summary, evidence, impact, remedy)


def _by_whom(item: _Kept) -> str:
    if item.boot.value is None:
        return "on: dockerd does, when it starts"
    return f"on ({item.boot.path} line {item.boot.line})"


def _difference(item: _Kept) -> str:
    place = f"{item.boot.path} line {item.boot.line}"
    if item.running == "0" and item.boot.value not in (None, "0"):
        return f"{item.name} is off, and boot turns it on ({place})"
    state = "off" if item.running == "0" else "on"
    if item.boot.value is None:
        return f"{item.name} is {state}, and nothing turns it on at boot"
    return f"{item.name} is {state}, and boot turns it off ({place})"


def _impact(snapshot: HostSnapshot, item: _Kept) -> str:
    if item.running == "0" and item.boot.value not in (None, "0"):
        return "Containers have no network beyond this host until it boots again, or until somebody turns it on."
    after_boot = _what_dockerd_does(snapshot, item)
    if item.boot.value is None:
        return after_boot
    return f"{after_boot} Whoever applies these files later ('sysctl --system') turns it off."


def _shown(files: BootSysctls, boot: BootValue) -> dict[str, Any]:
    """The line that decides at boot, as it stands; or the files that were read in vain."""
    if boot.value is None:
        return {"files read at boot that do not set it": [file.path for file in files.files]}
    return {
        f"{file.path}:{item.line}": f"{item.key} = {item.value}"
        for file in files.files
        for item in file.assignments
        if (file.path, item.line) == (boot.path, boot.line)
    }


def _what_dockerd_does(snapshot: HostSnapshot, item: _Kept) -> str:
    """Say what the next boot brings."""
    if item.obstacle is not None:
        return _OBSTACLES[item.obstacle].format(name=item.name)
    values = next_values(snapshot)
    if item.version == 6 or values.get("iptables") is False or values.get("ip-forward-no-drop") is True:
        return f"After boot there is no {item.name} until dockerd starts and turns it on."
    return (
        "After boot nothing forwards until dockerd starts and turns it on itself; having done so, it sets the "
        "policy of the chain FORWARD to DROP, which also stops what this host forwards for others (virtual "
        "machines, VPN)."
    )


PERSISTENT = Check(
    id="forwarding.persistent",
    severity=MEDIUM,
    title="The next boot brings forwarding back",
    rationale=(
        "dockerd turns forwarding on when it starts, unless it filters with nftables, is told not to, or boot does not "
        "start it. A file that turns forwarding off wins whenever somebody applies it, as sysctl --system does."
    ),
    needs=(ENGINE, SYSCTL, BOOT),
    judge=_judge,
    mended_by=("ip_forward",),
)
