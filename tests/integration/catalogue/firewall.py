# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area firewall."""

from __future__ import annotations

from tests.integration.catalogue.case import Case, as_it_is
from tests.integration.catalogue.scenario import PORT, release, restart_with, uses_nftables
from tests.lab.host import Host

NOWHERE = "10.88.1.222"
GONE = "br-0123456789ab"
NATIVE = ("ip", "docker-bridges")


def all_rules_flushed(host: Host) -> None:
    """As a flush of the ruleset leaves it, on a host whose policy is to let pass."""
    if uses_nftables(host):
        host.run("nft delete table ip docker-bridges && nft delete table ip6 docker-bridges")
    for program in ("iptables", "ip6tables"):
        host.run(f"{program} -P FORWARD ACCEPT; for table in filter nat raw; do {program} -t $table -F; done")
        host.run(f"for table in filter nat; do {program} -t $table -X; done")


def web_out_of_reach_of_its_proxy(host: Host) -> None:
    """docker-proxy is what serves it once the rules are gone."""
    if uses_nftables(host):
        # What other tables than dockerd's drop is kept off on purpose.
        host.run("kill $(pidof docker-proxy)")
    else:
        host.run(["iptables", "-I", "OUTPUT", "-o", "front0", "-p", "tcp", "--dport", "80", "-j", "DROP"])


def jump_for_back_deleted(host: Host) -> None:
    if uses_nftables(host):
        host.run(["nft", "delete", "element", *NATIVE, "filter-forward-in-jumps", '{ "back0" }'])
        return
    if host.release == "28.0.0":
        # A set of ipset leads to DOCKER for all bridges.
        host.run("iptables -D DOCKER-ISOLATION-STAGE-1 -i back0 ! -o back0 -j DOCKER-ISOLATION-STAGE-2")
        return
    chain = "FORWARD" if release(host) < (28, 0) else "DOCKER-BRIDGE"
    host.run(["iptables", "-D", chain, "-o", "back0", "-j", "DOCKER"])


def denied_by_the_host(host: Host) -> None:
    host.run(["iptables", "-I", "INPUT", "-p", "tcp", "--dport", str(PORT), "-j", "DROP"])


def rules_for_a_network_that_is_gone(host: Host) -> None:
    # Without iptables there is no chain DOCKER, unless the engine used it before.
    host.run(["iptables", "-A", "FORWARD", "-o", GONE, "-j", "DOCKER"], check=not uses_nftables(host))
    host.run(["iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "10.99.0.0/16", "!", "-o", GONE, "-j", "MASQUERADE"])


def port_of_a_container_that_is_gone(host: Host) -> None:
    if uses_nftables(host):
        rule = f'iifname != "front0" tcp dport 9999 counter dnat to {NOWHERE}:80 comment "DNAT"'
        # Chains that dockerd changes it writes anew, and this one never again.
        host.run(["nft", "add", "rule", *NATIVE, "nat-PREROUTING", rule])
        return
    match = ["!", "-i", "front0", "-p", "tcp", "--dport", "9999"]
    host.run(["iptables", "-t", "nat", "-A", "DOCKER", *match, "-j", "DNAT", "--to-destination", f"{NOWHERE}:80"])


def chains_in_the_other_backend(host: Host) -> None:
    host.run(["iptables-legacy", "-t", "nat", "-N", "DOCKER"])


def made_to_write_no_rules(host: Host) -> None:
    """Dockerd does not start with icc off and iptables off."""
    restart_with(host, iptables=False, ip6tables=False, experimental=None, icc=None)


CASES: tuple[Case, ...] = (
    Case("firewall.flushed", all_rules_flushed, group="flushed"),
    Case("firewall.publish", web_out_of_reach_of_its_proxy, "web:80/tcp", "flushed"),
    Case("firewall.egress", as_it_is, "back", "flushed"),
    Case("firewall.egress", as_it_is, "dual", "flushed"),
    Case("firewall.isolation", as_it_is, "back", "flushed"),
    Case("firewall.bypass", denied_by_the_host, "web:80/tcp", "rules"),
    Case("firewall.flushed", jump_for_back_deleted, "back", "rules"),
    Case("firewall.stale", rules_for_a_network_that_is_gone, GONE, "rules"),
    Case("firewall.stale", port_of_a_container_that_is_gone, f"9999 to {NOWHERE}", "rules"),
    Case("firewall.mixed", chains_in_the_other_backend, group="rules"),
    Case("firewall.disabled", made_to_write_no_rules, "dockerd", "no rules"),
)
