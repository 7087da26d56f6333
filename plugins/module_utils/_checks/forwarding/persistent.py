# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether boot sets forwarding as it is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._checks import resources
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.outward_networks import outward_networks
from ansible_collections.dockernet.baseline.plugins.module_utils._model.boot_sysctl import BootValue, boot_value
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import BootSysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._model.next_start import next_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    BOOT,
    ENGINE,
    SYSCTL,
    HostSnapshot,
)

_KNOBS = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}


@dataclass(frozen=True)
class _Kept:
    """Forwarding of one IP version, now and after boot."""

    version: int
    running: str
    boot: BootValue

    @property
    def name(self) -> str:
        return f"IPv{self.version} forwarding"

    @property
    def agrees(self) -> bool:
        return (self.boot.value or "0") == self.running


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
    kept = [_Kept(item, snapshot.sysctls[_KNOBS[item]], boot_value(files, _KNOBS[item])) for item in versions]
    evidence: dict[str, Any] = {_KNOBS[item.version]: item.running for item in kept}
    for item in kept:
        evidence.update(_shown(files, item.boot))
    differing = [item for item in kept if not item.agrees]
    if not differing:
        said = " and ".join(f"{item.name} is {_state(item)}" for item in kept)
        return [passed(resource, f"{said}, and boot leaves it so", evidence)]
    summary = "; ".join(_difference(item) for item in differing)
    impact = " ".join(dict.fromkeys(_impact(snapshot, item) for item in differing))
    args: dict[str, Any] = {"state": "present", "families": [f"ipv{item.version}" for item in differing]}
    remedy = Remedy(
        "Turn forwarding on for the next boot as well. dockerd then finds it on and does not close the chain FORWARD, "
        "so the module keeps that closed",
        "ip_forward",
        args,
    )
    return [failed(resource, summary, evidence, impact, remedy)]


def _state(item: _Kept) -> str:
    return "off" if item.running == "0" else "on"


def _difference(item: _Kept) -> str:
    place = f"{item.boot.path} line {item.boot.line}"
    if item.running == "0":
        return f"{item.name} is off, and boot turns it on ({place})"
    if item.boot.value is None:
        return f"{item.name} is on, and nothing turns it on at boot"
    return f"{item.name} is on, and boot turns it off ({place})"


def _impact(snapshot: HostSnapshot, item: _Kept) -> str:
    if item.running == "0":
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
    """Say what the next boot brings (moby setup_ip_forwarding.go; checkIPv4Forwarding for nftables)."""
    values = next_values(snapshot)
    if values.get("ip-forward") is False:
        return (
            "After boot nothing forwards: dockerd is told to leave it alone (ip-forward: false), so containers have "
            "no network beyond this host."
        )
    driver = (snapshot.engine.firewall_driver or "iptables") if snapshot.engine else "iptables"
    if driver.startswith("nftables"):
        return (
            f"After boot dockerd does not start: with the nftables backend it wants {item.name} on and does not "
            "turn it on itself."
        )
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
    title="Boot sets forwarding as it is now",
    rationale=(
        "dockerd turns forwarding on for the running kernel only. What a file sets at boot, or later with sysctl "
        "--system, can differ, and it decides whether dockerd closes the FORWARD chain."
    ),
    needs=(ENGINE, SYSCTL, BOOT),
    judge=_judge,
    mended_by=("ip_forward",),
)
