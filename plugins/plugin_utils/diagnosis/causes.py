# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The words of all causes, which programs rely on, and what each means."""

from __future__ import annotations

from collections.abc import Mapping

INSIDE = "inside the container that asks"
LINKS = "links, bridges and neighbours"
SETTINGS = "settings and routes of the host"
RULES = "rules"
ANSWERING = "what answers"
BEYOND = "names, sizes and machines outside"

CAUSES: Mapping[str, Mapping[str, str]] = {
    INSIDE: {
        "interface_down_in_container": "the container's interface is down or has no carrier",
        "address_missing_in_container": "it has no address of the family",
        "default_route_missing": "it has no default route",
        "route_missing_in_container": "it has a default route and none to the target",
        "null_route_in_container": "its route or policy rule ends what it sends (prohibit, unreachable, blackhole)",
        "wrong_gateway_in_container": "its default route leads to an address that is not its gateway's",
        "arp_off_in_container": "its interface asks for no hardware addresses, or does not answer who asks for its own",
        "rules_in_container": "firewall rules of its own may drop the connection",
    },
    LINKS: {
        "veth_detached": "the host's end of the container's link is on no bridge",
        "bridge_down": "the bridge of its network is down",
        "arp_off_on_bridge": "ARP is off on the bridge: it and the containers do not resolve each other's addresses",
        "gateway_address_missing": "the bridge has lost the gateway address of its network",
        "bridge_port_blocked": "a bridge port is down, blocked or isolated",
        "hairpin_off": "hairpin mode of a bridge port is off, and a container asks its own published port",
        "bridge_netfilter_off": "the bridge hands answers past the rules that would translate them back",
        "endpoint_unreachable": "the engine gives a container an address that no link has",
        "address_without_container": "no container has the address",
        "neighbour_unresolved": "the hardware address of a neighbour is not learnt",
        "permanent_neighbour": "a fixed entry of the neighbour table may name a wrong hardware address",
    },
    SETTINGS: {
        "forwarding_off": "net.ipv4.ip_forward is 0",
        "interface_forwarding_off": "forwarding is off on one interface",
        "ipv6_forwarding_off": "net.ipv6.conf.all.forwarding is 0",
        "rp_filter": "the reverse-path filter drops a packet",
        "martian_source": "the kernel does not believe a source address",
        "route_missing_on_host": "the host has no route",
        "null_route_on_host": "a route or policy rule ends a packet (prohibit, unreachable, blackhole)",
        "route_overlap": "routes lead an address of a Docker network elsewhere",
        "policy_route": "a policy rule leads a packet away",
        "ipsec_policy": "an IPsec policy takes or blocks a packet",
        "conntrack_full": "connection tracking has no room",
        "conntrack_timeout_zero": "connection tracking forgets connections at once",
        "stale_conntrack": "an entry of a UDP flow leads to a container that is gone",
        "traffic_control": "a tc filter, a queueing discipline or an XDP program may drop a packet",
    },
    RULES: {
        "docker_user_drops_request": "a rule in DOCKER-USER, or a chain that it leads to, drops the request",
        "docker_user_drops_reply": "the same of the answer",
        "rule_drops_request": "another rule drops the request",
        "rule_drops_reply": "the same of the answer",
        "policy_drops_request": "a chain's policy drops the request",
        "policy_drops_reply": "the same of the answer",
        "bridge_rule_drops": "a rule or policy of the bridge family drops what asks for a hardware address",
        "input_drops_proxy": "INPUT drops what is for docker-proxy",
        "input_drops_request": "INPUT drops what is for a program of the host",
        "input_drops_reply": "INPUT drops the answer to a program of the host",
        "rules_flushed": "dockerd's rules are missing",
        "masquerade_missing": "no rule translates the source of what leaves the host",
        "tracking_off": "a rule exempts the request from connection tracking, so no rule translates it",
        "dnat_to_dead_address": "a rule translates the destination to an address that no running container has",
        "dnat_to_wrong_container": "a rule translates the destination to another container, where rules drop it",
        "internal_network": "the network is internal",
        "icc_off": "the network has icc=false",
        "networks_isolated": "dockerd isolates the two networks",
        "port_not_published": "the port is not published",
    },
    ANSWERING: {
        "nothing_listens": "nothing listens on the port",
        "listens_on_loopback": "the program listens on a loopback address alone",
        "published_on_other_address": "the port is published on other addresses",
        "proxy_missing": "docker-proxy of the port does not run",
        "port_only_reserved": "dockerd only reserves the port, and the rules did not apply",
        "process_paused": "the container is paused, or its control group is frozen",
        "process_stopped": "the process that should answer is stopped by a signal or a debugger",
        "container_not_running": "it does not run",
        "accept_queue_full": "the program accepts no connections",
        "wrong_service": "another program or container answers than the one that is meant",
        "service_silent": "the connection opens, and the service says nothing",
        "container_silent": "the container does not answer, and nothing that was read explains it",
        "echo_ignored": "a setting keeps the target from answering echo requests",
    },
    BEYOND: {
        "resolver_dead": "the container's resolver does not answer",
        "upstream_dns_dead": "the name servers behind it do not answer",
        "name_unknown": "no name server knows the name",
        "mtu_black_hole": "large packets are lost without a message",
        "target_silent": "the packet leaves this host, and no answer comes",
        "target_refuses": "the packet leaves this host, and the connection is refused",
        "next_hop_silent": "the next hop of the uplink does not answer",
        "stopped_on_path": "the path ends for a reason that has no word of its own",
    },
}
"""By where they are; the words are stable."""

WORDS = frozenset(word for group in CAUSES.values() for word in group)
