# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which programs and services set the policies of the host's packet filter, and how boot orders them. Only reads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import PROGRAM_PATH, Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import SYSTEMD_RUNS
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import shell_setting, ufw_is_enabled
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import BootOrder, Firewall

_PROGRAMS = {"ipv4": "iptables", "ipv6": "ip6tables"}
_FIREWALLD = "firewalld.service"
_ENABLED = ("enabled", "enabled-runtime")


def read_firewall(run: Run, root: Path = Path("/")) -> Firewall:
    """Return what is found; a program that does not answer counts as not installed. Raises nothing."""
    programs = {}
    backends = {}
    for family, name in _PROGRAMS.items():
        path = shutil.which(name, path=PROGRAM_PATH)
        backend = _backend(run, path) if path else None
        if path and backend:
            programs[family] = path
            backends[family] = backend
    systemd = SYSTEMD_RUNS.is_dir()
    return Firewall(
        programs=programs,
        backends=backends,
        systemd=systemd,
        ufw=_ufw(root),
        firewalld=systemd and _is_on(run, _FIREWALLD),
        boot_order=read_boot_order(run) if systemd else None,
        ipvs_services=_ipvs_services(root / "proc/net/ip_vs"),
    )


def _backend(run: Run, program: str) -> Optional[str]:
    """``iptables v1.8.7 (nf_tables)``; releases before 1.8 name none and are legacy (iptables(8))."""
    status, output, dummy = run([program, "--version"])
    if status != 0:
        return None
    return "nft" if "nf_tables" in output else "legacy"


def _ufw(root: Path) -> dict[str, str]:
    """The policies that ufw-init sets (ufw_start in /lib/ufw/ufw-init-functions): REJECT becomes DROP and a rule."""
    if not ufw_is_enabled(root):
        return {}
    policy = shell_setting(root / "etc/default/ufw", "DEFAULT_FORWARD_POLICY") or "DROP"
    policy = "ACCEPT" if policy == "ACCEPT" else "DROP"
    with_ipv6 = shell_setting(root / "etc/default/ufw", "IPV6").lower() == "yes"
    return {"ipv4": policy, "ipv6": policy if with_ipv6 else "DROP"}


def _is_on(run: Run, unit: str) -> bool:
    """Whether it is active or enabled."""
    dummy, output, dummy2 = run(["systemctl", "show", "--property=ActiveState,UnitFileState", unit])
    shown = dict(line.partition("=")[::2] for line in output.splitlines())
    return shown.get("ActiveState") == "active" or shown.get("UnitFileState") in _ENABLED


def _ipvs_services(table: Path) -> int:
    """Services in /proc/net/ip_vs; the three lines of its head begin with other words."""
    try:
        lines = table.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return sum(line.split(" ")[0] in ("TCP", "UDP", "SCTP", "FWM") for line in lines)


# What loads rulesets at boot. Packages order them before network-pre.target or behind the network; people change that.
LOADERS = (
    "nftables.service",
    "netfilter-persistent.service",
    "iptables.service",
    "ip6tables.service",
    "ufw.service",
    "firewalld.service",
    "shorewall.service",
    "shorewall6.service",
    "ferm.service",
    "arno-iptables-firewall.service",
)
_BASE = ("local-fs.target", "systemd-modules-load.service")
_NETWORK = "network-pre.target"
_DOCKER = "docker.service"
_OWN = "dockernet-"
_ON = ("enabled", "enabled-runtime", "generated")
# A host has some hundred units, and an order of some twenty steps.
_MOST_UNITS = 5000
_MOST_STEPS = 100


def read_boot_order(run: Run) -> Optional[BootOrder]:
    """Return the place behind all that loads rulesets, and before what of network and dockerd does not come earlier.

    None where systemd does not answer.
    """
    graph = _Graph(run)
    if not graph.read([*_BASE, *LOADERS]):
        return None
    late = [name for name in LOADERS if _NETWORK in graph.before(name)]
    loaders = [name for name in LOADERS if name not in late or graph.is_on(name)]
    after = [*_BASE, *loaders]
    earlier = {earlier for name in after for earlier in graph.before(name)} | set(after)
    before = [name for name in (_NETWORK, _DOCKER) if name not in earlier]
    return BootOrder(after, before, [name for name in late if name in loaders])


def in_a_cycle(run: Run, unit: str) -> Optional[bool]:
    """Whether systemd orders a unit behind itself; None where it does not answer."""
    graph = _Graph(run, own=unit)
    return unit in graph.before(unit) if graph.read([unit]) else None


class _Graph:
    """Units, and which come before them."""

    def __init__(self, run: Run, own: str = "") -> None:
        self._run = run
        self._own = own
        self._after: dict[str, list[str]] = {}
        self._on: set[str] = set()

    def read(self, names: list[str]) -> bool:
        """Read the units and all that come before them; False where systemd does not answer, or without end."""
        wanted = list(names)
        for dummy in range(_MOST_STEPS):
            if not wanted:
                return True
            if len(self._after) + len(wanted) > _MOST_UNITS or not self._read_some(wanted):
                return False
            found = {item for name in wanted for item in self._after[name]}
            wanted = sorted(name for name in found if name not in self._after and not self._is_passed_over(name))
        return False

    def _is_passed_over(self, name: str) -> bool:
        # Where those of ours stand is what is asked for.
        return name.startswith(_OWN) and name != self._own

    def _read_some(self, names: list[str]) -> bool:
        command = ["systemctl", "show", "--property=After,ActiveState,UnitFileState", "--", *names]
        status, output, dummy = self._run(command)
        # A paragraph each, in the order in which they were asked for; an alias shows the unit behind it.
        paragraphs = [part for part in output.split("\n\n") if part.strip()]
        if status != 0 or len(paragraphs) != len(names):
            return False
        for name, paragraph in zip(names, paragraphs):
            shown = dict(line.partition("=")[::2] for line in paragraph.splitlines())
            self._after[name] = shown.get("After", "").split()
            if shown.get("ActiveState") == "active" or shown.get("UnitFileState") in _ON:
                self._on.add(name)
        return True

    def is_on(self, name: str) -> bool:
        """Whether boot starts it, or somebody did."""
        return name in self._on

    def before(self, name: str) -> set[str]:
        """All that come before a unit."""
        found: set[str] = set()
        open_ends = list(self._after.get(name, []))
        while open_ends:
            unit = open_ends.pop()
            if unit not in found:
                found.add(unit)
                open_ends += self._after.get(unit, [])
        return found
