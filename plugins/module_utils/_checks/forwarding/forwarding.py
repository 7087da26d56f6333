# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether the kernel forwards, now and after the next boot."""

from __future__ import annotations

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
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.interfaces import (
    outer_links,
    outward_networks,
    sysctl_key,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.boot_sysctl import BootValue, boot_value
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.next_start import next_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    BOOT,
    ENGINE,
    LINKS,
    SYSCTL,
    HostSnapshot,
)

_KNOB = "net.ipv4.ip_forward"
_ARGS: dict[str, Any] = {"state": "present", "families": ["ipv4"]}
_NO_NETWORK = "There is no bridge network that leads outside by IPv4"
_CUT_OFF = (
    "The kernel drops what containers send beyond this host, and what comes from outside for a published port: "
    "containers reach nothing but the host and their own network, and nobody on other machines reaches them."
)


def _judge_ipv4(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    """Judge every interface that packets of containers come in by: the kernel asks that one (ip_route_input)."""
    networks = outward_networks(snapshot, 4)
    if not networks:
        return [not_applicable(resources.host(snapshot), _NO_NETWORK)]
    present = {link.name for link in snapshot.links}
    bridges = {network.bridge: network.name for network in networks if network.bridge in present}
    uplinks = [link.name for link in outer_links(snapshot, 4)]
    keys = {name: sysctl_key("ipv4", name, "forwarding") for name in [*uplinks, *(str(name) for name in bridges)]}
    read = {key: snapshot.sysctls[key] for key in [_KNOB, *keys.values()] if key in snapshot.sysctls}
    unread = [key for key in [_KNOB, *keys.values()] if key not in read]
    if unread:
        return [unknown(resources.host(snapshot), f"the kernel shows no {', '.join(unread)}", read)]
    closed = [name for name, key in keys.items() if read[key] == "0"]
    if not closed:
        names = ", ".join(keys) or "no interface so far"
        return [passed(resources.host(snapshot), f"The kernel forwards IPv4 on {names}", read)]
    if read[_KNOB] == "0":
        return [_closed_host(snapshot, closed, read)]
    return [_closed_interface(name, keys[name], bridges.get(name)) for name in closed]


def _closed_host(snapshot: HostSnapshot, closed: list[str], read: dict[str, Any]) -> Verdict:
    summary = f"{_KNOB} is 0: the kernel forwards no IPv4 from {', '.join(closed)}"
    return failed(resources.host(snapshot), summary, read, _CUT_OFF, _remedy())


def _closed_interface(name: str, key: str, network: str | None) -> Verdict:
    resource = resources.interface(name)
    summary = f"The kernel forwards nothing that comes in by {name}, though {_KNOB} is 1"
    evidence = {_KNOB: "1", key: "0"}
    if network is not None:
        impact = f"Containers of network {network} reach nothing but the host and each other."
        return failed(resource, f"{summary} (bridge of network {network})", evidence, impact, _remedy())
    impact = (
        f"Published ports cannot be reached through {name}, and containers get no answers through it. If nothing of "
        "theirs should pass there, leave it so."
    )
    remedy = Remedy(f"A human decides. To open it: module ip_forward with interfaces: [{name}]")
    return failed(resource, summary, evidence, impact, remedy)


def _remedy() -> Remedy:
    return Remedy("Turn IPv4 forwarding on, now and for the next boot", "ip_forward", _ARGS)


def _judge_persistent(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    if not outward_networks(snapshot, 4):
        return [not_applicable(resources.host(snapshot), _NO_NETWORK)]
    running = snapshot.sysctls.get(_KNOB)
    if running is None or snapshot.boot is None:
        return [unknown(resources.host(snapshot), f"the kernel shows no {_KNOB}")]
    boot = boot_value(snapshot.boot, _KNOB)
    evidence = {_KNOB: running, **_shown(snapshot, boot)}
    state = "on" if running == "1" else "off"
    if (boot.value or "0") == running:
        return [passed(resources.host(snapshot), f"IPv4 forwarding is {state}, and boot leaves it {state}", evidence)]
    place = f"{boot.path} line {boot.line}"
    if running != "1":
        summary = f"IPv4 forwarding is off, and boot turns it on ({place})"
        impact = "Containers have no network beyond this host until it boots again, or until somebody turns it on."
    elif boot.value is None:
        summary = "IPv4 forwarding is on, and nothing turns it on at boot"
        impact = _what_dockerd_does(snapshot)
    else:
        summary = f"IPv4 forwarding is on, and boot turns it off ({place})"
        impact = f"{_what_dockerd_does(snapshot)} Whoever applies these files later ('sysctl --system') turns it off."
    remedy = Remedy(
        "Turn IPv4 forwarding on for the next boot as well. dockerd then finds it on and does not close the chain "
        "FORWARD, so the module keeps that closed",
        "ip_forward",
        _ARGS,
    )
    return [failed(resources.host(snapshot), summary, evidence, impact, remedy)]


def _shown(snapshot: HostSnapshot, boot: BootValue) -> dict[str, Any]:
    """The line that decides at boot, as it stands; or the files that were read in vain."""
    files = snapshot.boot.files if snapshot.boot else []
    if boot.value is None:
        return {"files read at boot that do not set it": [file.path for file in files]}
    return {
        f"{file.path}:{item.line}": f"{item.key} = {item.value}"
        for file in files
        for item in file.assignments
        if (file.path, item.line) == (boot.path, boot.line)
    }


def _what_dockerd_does(snapshot: HostSnapshot) -> str:
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
            "After boot dockerd does not start: with the nftables backend it wants IPv4 forwarding on and does not "
            "turn it on itself."
        )
    if values.get("iptables") is False or values.get("ip-forward-no-drop") is True:
        return "After boot nothing forwards until dockerd starts and turns it on."
    return (
        "After boot nothing forwards until dockerd starts and turns it on itself; having done so, it sets the "
        "policy of the chain FORWARD to DROP, which also stops what this host forwards for others (virtual "
        "machines, VPN)."
    )


IPV4 = Check(
    id="forwarding.ipv4",
    severity=HIGH,
    title="The kernel forwards IPv4 wherever packets of containers come in",
    rationale=(
        "A container's way out and the way in to a published port both lead through the host's routing. The kernel "
        "decides by the interface a packet comes in by, so ip_forward alone does not tell."
    ),
    needs=(ENGINE, LINKS, SYSCTL),
    judge=_judge_ipv4,
)

PERSISTENT = Check(
    id="forwarding.persistent",
    severity=MEDIUM,
    title="Boot sets IPv4 forwarding as it is now",
    rationale=(
        "dockerd turns forwarding on for the running kernel only. What a file sets at boot, or later with sysctl "
        "--system, can differ, and it decides whether dockerd closes the FORWARD chain."
    ),
    needs=(ENGINE, SYSCTL, BOOT),
    judge=_judge_persistent,
)
