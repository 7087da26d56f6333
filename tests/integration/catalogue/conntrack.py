# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area conntrack."""

from __future__ import annotations

from tests.integration.catalogue.case import Case
from tests.lab.host import Host

GONE = "10.88.2.250:53"
PORT = 7003


def flow_to_a_container_that_is_gone(host: Host) -> None:
    """Translated by a rule that is gone, too: as dockerd leaves it that was not there when the container went."""
    rule = ["OUTPUT", "-p", "udp", "--dport", str(PORT), "-j", "DNAT", "--to-destination", GONE]
    host.set_sysctl("net.netfilter.nf_conntrack_udp_timeout", "300")
    host.run(["iptables", "-t", "nat", "-I", *rule])
    host.run(["bash", "-c", f"echo > /dev/udp/{host.address}/{PORT}"])
    host.run(["iptables", "-t", "nat", "-D", *rule])


CASES: tuple[Case, ...] = (Case("conntrack.stale", flow_to_a_container_that_is_gone, "", "workload"),)
