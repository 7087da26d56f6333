# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Forwarding, now and after boot: what is asked for, what boot must set for it, and the plan. Pure.

``net.ipv4.ip_forward`` and ``net.ipv4.conf.all.forwarding`` are one knob: changing it sets every interface (kernel,
Documentation/networking/ip-sysctl.rst); ``net.ipv6.conf.all.forwarding`` does the same for its family. For IPv4 a value
that is written again changes nothing, so an interface that was closed by itself must be opened by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.dockerd_forwarding import VERSIONS
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    Outline,
    Refusal,
    SysctlChange,
    demand,
    sysctl_actions,
    sysctl_diff,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.sysctl_plan import (
    OwnFile,
    boot_files,
    boot_with,
    file_diffs,
    persist,
    withdraw,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_orders import obstacle_at_start
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    BootSysctls,
    SysctlFile,
    sysctl_key,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import BOOT, SYSCTL, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import boot_value
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import (
    AdvertisedUplink,
    advertised_uplinks,
)

# When boot is to turn forwarding on by a file.
AUTO = "auto"
"""Where it would lack it otherwise."""
ALWAYS = "enabled"
NEVER = "keep"

KNOBS = {
    "ipv4": ["net.ipv4.ip_forward"],
    "ipv6": ["net.ipv6.conf.all.forwarding", "net.ipv6.conf.default.forwarding"],
}
_ACCEPT_RA = re.compile(r"net\.ipv6\.conf\..+\.accept_ra\Z")


@dataclass(frozen=True)
class ForwardingRequest:
    """What the caller wants."""

    present: bool
    families: list[str]
    persistent: str = AUTO
    """AUTO, ALWAYS or NEVER."""
    interfaces: list[str] = field(default_factory=list)
    """Opened one by one where they were closed by themselves; bridges of Docker always are."""
    keep_advertised_routes: bool = False
    """Consent to accept_ra=2 on uplinks that live on router advertisements."""


@dataclass(frozen=True)
class ForwardingPlan:
    """What to do, in order: sysctls, then files."""

    outline: Outline
    sysctls: list[SysctlChange] = field(default_factory=list)
    implied: list[SysctlChange] = field(default_factory=list)
    """Values of single interfaces that the kernel changes along; needed to go back."""
    files: list[OwnFile] = field(default_factory=list)
    promised: dict[str, str] = field(default_factory=dict)
    """What boot must set once the files are written."""
    opened_now: set[str] = field(default_factory=set)
    opened_at_boot: set[str] = field(default_factory=set)
    """Families in which the host begins to forward, now and at boot."""
    closed_at_boot: set[str] = field(default_factory=set)
    """Families that boot turned on and will no longer."""


def plan_forwarding(
    snapshot: HostSnapshot, request: ForwardingRequest, advertised: dict[str, str], tail: SysctlFile | None = None
) -> ForwardingPlan:
    """Plan what is requested.

    advertised: interfaces that hold a default route learned from router advertisements, with their accept_ra.
    tail: a file that boot does not read, and that ``sysctl --system`` reads last.
    Raises Refusal where a route would be lost, a later file cannot be beaten, or what is needed was not read.
    """
    if not request.present:
        return _plan_absent(snapshot, request)
    demand(snapshot, SYSCTL)
    _refuse_unknown_interfaces(snapshot, request)
    deaf = _deaf_uplinks(snapshot, request)
    sysctls = _router_advertisement_guards(snapshot, request, advertised) + _runtime(snapshot, request)
    warnings = []
    if request.keep_advertised_routes:
        sysctls = [SysctlChange(uplink.accept_ra_key, uplink.accept_ra, "2") for uplink in deaf] + sysctls
        advertised = {**advertised, **{uplink.interface: uplink.accept_ra for uplink in deaf}}
    else:
        warnings = _unheard(deaf)
    actions = sysctl_actions(sysctls)
    files: list[OwnFile] = []
    promised: dict[str, str] = {}
    by_files: set[str] = set()
    if request.persistent != NEVER:
        demand(snapshot, BOOT)
        by_files = _families_by_files(snapshot, request)
        promised = _promises(snapshot, request, advertised, by_files)
        files, reasons = persist(boot_files(snapshot), promised)
        actions += reasons
        expected = {knob: "1" for family in request.families for knob in KNOBS[family]}
        warnings += _later_by_hand(tail, {**expected, **promised})
    opened_now = {family for family in request.families if any(change.key in KNOBS[family] for change in sysctls)}
    opened_at_boot = by_files if files else set()
    outline = Outline(actions, sysctl_diff(sysctls) + file_diffs(snapshot, files), warnings=warnings)
    implied = _implied(snapshot, sysctls)
    return ForwardingPlan(outline, sysctls, implied, files, promised, opened_now, opened_at_boot)


def turned_on_at_boot(snapshot: HostSnapshot, files: list[OwnFile], opened: set[str]) -> set[str]:
    """Families that files turn on at boot once ours are what files say; opened: those that ours turn on."""
    return _opened_by(boot_with(boot_files(snapshot), files)) | opened


def _runtime(snapshot: HostSnapshot, request: ForwardingRequest) -> list[SysctlChange]:
    changes: list[SysctlChange] = []
    for family in request.families:
        knobs = [_change_to_one(snapshot, knob) for knob in KNOBS[family]]
        if family == "ipv6" and knobs[0] is not None:
            # conf.all.forwarding takes conf.default along.
            knobs = knobs[:1]
        changes += [knob for knob in knobs if knob is not None]
        if knobs[0] is None:
            changes += _single_interfaces(snapshot, request, family)
    return changes


def _change_to_one(snapshot: HostSnapshot, key: str) -> SysctlChange | None:
    value = snapshot.sysctls.get(key)
    if value is None:
        family = "IPv6" if key.startswith("net.ipv6.") else "IPv4"
        raise Refusal(f"the kernel has no {key}: it was started without {family}, so there is nothing to forward")
    return None if value == "1" else SysctlChange(key, value, "1")


def _refuse_unknown_interfaces(snapshot: HostSnapshot, request: ForwardingRequest) -> None:
    for family in request.families:
        unknown = [name for name in request.interfaces if _interface_key(family, name) not in snapshot.sysctls]
        if unknown:
            raise Refusal(f"no interface {', '.join(unknown)} on this host with {family} forwarding to set")


def _single_interfaces(snapshot: HostSnapshot, request: ForwardingRequest, family: str) -> list[SysctlChange]:
    keys = [_interface_key(family, name) for name in _wanted_interfaces(snapshot, request, family)]
    if family == "ipv6":
        # Judged as a knob of its own.
        keys.remove(_interface_key(family, "default"))
    return [SysctlChange(key, snapshot.sysctls[key], "1") for key in keys if snapshot.sysctls.get(key, "1") != "1"]


def _implied(snapshot: HostSnapshot, changes: list[SysctlChange]) -> list[SysctlChange]:
    written = {change.key for change in changes}
    implied: list[SysctlChange] = []
    for family, knobs in KNOBS.items():
        if knobs[0] not in written:
            continue
        pattern = re.compile(rf"net\.{family}\.conf\.(?!all\.)[^.]+\.forwarding")
        keys = [key for key in snapshot.sysctls if pattern.fullmatch(key) and key not in written]
        # Those that are open already, too: going back would close them along with the rest.
        implied += [SysctlChange(key, snapshot.sysctls[key], "1") for key in keys]
    return implied


def _router_advertisement_guards(
    snapshot: HostSnapshot, request: ForwardingRequest, advertised: dict[str, str]
) -> list[SysctlChange]:
    """accept_ra=2 where turning forwarding on would throw the default route away.

    The kernel purges default routes from router advertisements of interfaces with accept_ra other than 2 when
    forwarding goes on (net/ipv6/route.c, rt6_purge_dflt_routers), and hears no further ones.
    """
    if "ipv6" not in request.families or snapshot.sysctls.get(KNOBS["ipv6"][0]) == "1":
        return []
    lost = {name: value for name, value in sorted(advertised.items()) if value != "2"}
    if lost and not request.keep_advertised_routes:
        names = ", ".join(lost)
        raise Refusal(
            f"IPv6 forwarding was not turned on: the default route of {names} comes from router advertisements, and "
            f"the kernel would drop it (accept_ra is {', '.join(lost.values())}). With accept_ra: allow, "
            f"accept_ra is set to 2 on {names} first, and the route stays",
            consents=[{"accept_ra": "allow"}],
        )
    return [SysctlChange(sysctl_key(6, name, "accept_ra"), value, "2") for name, value in lost.items()]


def _deaf_uplinks(snapshot: HostSnapshot, request: ForwardingRequest) -> list[AdvertisedUplink]:
    """Uplinks that lose, or have lost, an advertised route because the host forwards IPv6 already."""
    if "ipv6" not in request.families or snapshot.sysctls.get(KNOBS["ipv6"][0]) != "1":
        return []
    return [uplink for uplink in advertised_uplinks(snapshot) if not uplink.is_heard]


def _unheard(deaf: list[AdvertisedUplink]) -> list[str]:
    return [
        f"{uplink.interface} ignores router advertisements, because the host forwards IPv6 and accept_ra is "
        f"{uplink.accept_ra}: its default route is lost or soon will be. With accept_ra: allow, accept_ra "
        "is set to 2, and the route returns with the next advertisement"
        for uplink in deaf
    ]


def _plan_absent(snapshot: HostSnapshot, request: ForwardingRequest) -> ForwardingPlan:
    """Take our lines back. The running value stays: what else on the host forwards by now cannot be known."""
    demand(snapshot, BOOT)
    before = boot_files(snapshot)
    files, actions = withdraw(before, lambda key: _is_taken_back(key, request))
    closed = _opened_by(before) - _opened_by(boot_with(before, files))
    return ForwardingPlan(Outline(actions, file_diffs(snapshot, files)), files=files, closed_at_boot=closed)


def _is_taken_back(key: str, request: ForwardingRequest) -> bool:
    if "ipv6" in request.families and _ACCEPT_RA.match(key):
        return True
    if any(key in KNOBS[family] for family in request.families):
        return True
    return any(key.startswith(f"net.{family}.conf.") and key.endswith(".forwarding") for family in request.families)


def _wanted_interfaces(snapshot: HostSnapshot, request: ForwardingRequest, family: str) -> list[str]:
    """Those that must forward by themselves as well; ``default`` stands for bridges that are yet to be made."""
    return ["default", *sorted(_docker_bridges(snapshot, family) | set(request.interfaces))]


def _docker_bridges(snapshot: HostSnapshot, family: str) -> set[str]:
    # The kernel asks the interface that a packet comes in by, so a closed bridge cuts its containers off.
    networks = [network for network in snapshot.networks if family == "ipv4" or network.ipv6]
    return {network.bridge for network in networks if network.bridge is not None and not network.internal}


def _interface_key(family: str, interface: str) -> str:
    """The setting of one interface, ``all`` or ``default``."""
    return sysctl_key(VERSIONS[family], interface, "forwarding")


def _families_by_files(snapshot: HostSnapshot, request: ForwardingRequest) -> set[str]:
    """Families that files have to turn on at boot: all that are not left to dockerd.

    dockerd turns on what no file speaks of, and closes FORWARD with it. It does so against a file that
    says 0 as well, but only until the files are applied again.
    """
    if request.persistent == ALWAYS:
        return set(request.families)
    return {family for family in request.families if not _is_left_to_dockerd(snapshot, request, family)}


def _is_left_to_dockerd(snapshot: HostSnapshot, request: ForwardingRequest, family: str) -> bool:
    boot = boot_files(snapshot)
    interfaces = [_interface_key(family, name) for name in _wanted_interfaces(snapshot, request, family)]
    knobs = [boot_value(boot, key).value for key in KNOBS[family]]
    values = [*knobs, *(boot_value(boot, key).value for key in interfaces)]
    if any(value not in (None, "1") for value in values) or all(value == "1" for value in knobs):
        return False
    return obstacle_at_start(snapshot, VERSIONS[family]) is None


def _promises(
    snapshot: HostSnapshot, request: ForwardingRequest, advertised: dict[str, str], by_files: set[str]
) -> dict[str, str]:
    """What boot must set: first what keeps the routes, then forwarding, then what must not be closed by itself."""
    promised = dict.fromkeys(_kept_at_boot(snapshot, request, advertised, by_files), "2")
    promised.update({knob: "1" for family in request.families if family in by_files for knob in KNOBS[family]})
    if "ipv4" in by_files:
        # The same knob by its other name: systemd-sysctl leaves a line where the same one stands earlier (sysctl.c,
        # parse_file), so against a file that uses both names only the one that is set to 0 wins.
        promised[_interface_key("ipv4", "all")] = "1"
    for family in request.families:
        if family in by_files:
            for name in _wanted_interfaces(snapshot, request, family):
                promised[_interface_key(family, name)] = "1"
    return promised


def _kept_at_boot(
    snapshot: HostSnapshot, request: ForwardingRequest, advertised: dict[str, str], by_files: set[str]
) -> list[str]:
    """Keys of accept_ra without which, forwarding at boot, the host would not learn its advertised default routes."""
    if "ipv6" not in request.families:
        return []
    boot = boot_files(snapshot)
    keys = {name: sysctl_key(6, name, "accept_ra") for name in sorted(advertised)}
    lost = [name for name, key in keys.items() if boot_value(boot, key).value != "2"]
    if not lost or request.keep_advertised_routes:
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
        "accept_ra: allow, it is set; or use persistent: keep",
        consents=[{"accept_ra": "allow"}, {"persistent": "keep"}],
    )


def _later_by_hand(tail: SysctlFile | None, promised: dict[str, str]) -> list[str]:
    """Where boot does not read a file that ``sysctl --system`` reads last, that command would undo what boot set."""
    found = BootSysctls("procps", [tail] if tail else [])
    against = [(key, boot_value(found, key)) for key, value in promised.items()]
    against = [(key, other) for key, other in against if other.value not in (None, promised[key])]
    return [
        f"boot does not read {other.path}, but sysctl --system does, last of all: its line {other.line} "
        f"sets {key} to {other.value}. Remove that line"
        for key, other in against[:1]
    ]


def _opened_by(boot: BootSysctls) -> set[str]:
    """Families that boot turns on."""
    return {family for family, knobs in KNOBS.items() if all(boot_value(boot, knob).value == "1" for knob in knobs)}
