# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which programs and services set the policies of the host's packet filter. Opens nothing for writing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.boot import shell_setting, ufw_is_enabled
from ansible_collections.dockernet.baseline.plugins.module_utils._host.boot_order import read_boot_order
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import PROGRAM_PATH, Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import SYSTEMD_RUNS
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import Firewall

_PROGRAMS = {"ipv4": "iptables", "ipv6": "ip6tables"}
_FIREWALLD = "firewalld.service"
_ON = ("enabled", "enabled-runtime")


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
    return shown.get("ActiveState") == "active" or shown.get("UnitFileState") in _ON


def _ipvs_services(table: Path) -> int:
    """Services in /proc/net/ip_vs; the three lines of its head begin with other words."""
    try:
        lines = table.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return sum(line.split(" ")[0] in ("TCP", "UDP", "SCTP", "FWM") for line in lines)
