"""Ways in which hosts are broken, most of which somebody has met in the field; for the host of findings_probes.py."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.integration.catalogue.scenario import release
from tests.lab.host import Host

Break = Callable[[Host], object]


def _sh(text: str) -> Break:
    return lambda host: host.run(text)


def _inside(container: str, *commands: str) -> Break:
    """Run programs of the machine in a container's network namespace."""

    def apply(host: Host) -> None:
        for command in commands:
            host.container(container).net(["sh", "-c", command])

    return apply


def _port(container: str, text: str) -> Break:
    """A shell text in which PORT is the bridge port of a container."""

    def apply(host: Host) -> None:
        inside = host.container(container).net(["ip", "-o", "link", "show", "eth0"]).out
        index = inside.partition("@if")[2].partition(":")[0]
        links = host.run(["ip", "-o", "link", "show"]).out.splitlines()
        name = next(line.split(": ")[1].partition("@")[0] for line in links if line.startswith(f"{index}: "))
        host.run(text.replace("PORT", name))

    return apply


def _nft(family: str, text: str) -> Break:
    """A table of another tool."""
    return lambda host: host.run(["nft", "-f", "-"], stdin=f"table {family} other {{ {text} }}\n")


def _chain_emptied(table: str, chain: str) -> Break:
    return lambda host: host.run(["iptables", "-t", table, "-F", chain], check=False)


def _ufw(text: str) -> Break:
    return lambda host: host.run(f"apt-get install --yes --no-install-recommends ufw && {text}")


def _accept_chain(host: Host) -> str:
    return "FORWARD" if release(host) < (28, 0) else "DOCKER-FORWARD"


def _mac(container: str, mac_of: Callable[[Host], str]) -> Break:
    """Give a container another hardware address, as --mac-address does; what others know of its old one stays."""

    def apply(host: Host) -> None:
        inside, mac = host.container(container), mac_of(host)
        route = inside.net(["ip", "route", "show", "default"]).out.split()
        for words in (["down"], ["address", mac], ["up"]):
            inside.net(["ip", "link", "set", "eth0", *words])
        inside.net(["ip", "route", "replace", *route])

    return apply


def _mac_inside(container: str) -> Callable[[Host], str]:
    return lambda host: _mac_shown(host.container(container).net(["ip", "-json", "link", "show", "eth0"]).out)


def _mac_shown(text: str) -> str:
    (link,) = json.loads(text)
    return str(link["address"])


def _docker_user_behind(host: Host) -> None:
    """Somebody's deny at the end of FORWARD, which is what keeps nobody off."""
    host.run("iptables -A FORWARD -d 10.88.2.0/24 -j DROP")


BREAKS: dict[str, Break] = {
    # rules in tables that few look at
    "mangle FORWARD drops what back0 sends": _sh("iptables -t mangle -A FORWARD -i back0 -j DROP"),
    "mangle POSTROUTING drops what goes to front0": _sh("iptables -t mangle -A POSTROUTING -o front0 -j DROP"),
    "raw PREROUTING drops replies from the internet": _sh(
        "iptables -t raw -A PREROUTING -i eth0 -s 203.0.113.0/24 -j DROP"
    ),
    "raw PREROUTING does not track back0": _sh("iptables -t raw -A PREROUTING -i back0 -j CT --notrack"),
    "security FORWARD drops": _sh("iptables -t security -A FORWARD -o eth0 -j DROP"),
    "mangle PREROUTING marks back0, and marks are routed to nowhere": _sh(
        "iptables -t mangle -A PREROUTING -i back0 -j MARK --set-mark 7; ip rule add fwmark 7 blackhole"
    ),
    "nat POSTROUTING returns ahead of masquerading": _sh("iptables -t nat -I POSTROUTING -s 10.88.2.0/24 -j RETURN"),
    "nat POSTROUTING gives a foreign source address": _sh(
        "iptables -t nat -I POSTROUTING -s 10.88.2.0/24 -o eth0 -j SNAT --to-source 192.0.2.77"
    ),
    "nat PREROUTING redirects the published port": _sh(
        "iptables -t nat -I PREROUTING -p tcp --dport 8081 -j REDIRECT --to-ports 9"
    ),
    # routes, policy rules, addresses
    "ip rule: back's subnet to an empty table, unreachable": _sh(
        "ip rule add from 10.88.2.0/24 lookup 77; ip route add unreachable default table 77"
    ),
    "blackhole route for back": _sh("ip route add blackhole 10.88.2.0/25"),
    "prohibit route for the internet": _sh("ip route add prohibit 203.0.113.0/24"),
    "no default route": _sh("ip route del default"),
    "no default route of IPv6": _sh("ip -6 route del default"),
    "route to front deleted": _sh("ip route del 10.88.1.0/24"),
    "a longer route to back leads out": _sh("ip route add 10.88.2.0/25 dev eth0"),
    "gateway address of front gone": _sh("ip address flush dev front0"),
    "gateway address of dual gone, IPv6": _sh("ip -6 address flush dev dual0 scope global"),
    # settings
    "rp_filter strict on back0 and its route elsewhere": _sh(
        "echo 1 > /proc/sys/net/ipv4/conf/back0/rp_filter; ip rule add from all to 10.88.2.0/24 lookup 79 pref 100; "
        "ip route add 10.88.2.0/24 dev eth0 table 79"
    ),
    "forwarding off on front0": _sh("echo 0 > /proc/sys/net/ipv4/conf/front0/forwarding"),
    "forwarding off on eth0": _sh("echo 0 > /proc/sys/net/ipv4/conf/eth0/forwarding"),
    "IPv6 forwarding off": _sh("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding"),
    "IPv6 forwarding off on dual0": _sh("echo 0 > /proc/sys/net/ipv6/conf/dual0/forwarding"),
    "IPv6 disabled on dual0": _sh("echo 1 > /proc/sys/net/ipv6/conf/dual0/disable_ipv6"),
    "arp_ignore on back0": _sh("echo 8 > /proc/sys/net/ipv4/conf/back0/arp_ignore"),
    "back0 asks for no neighbour": _sh("echo 0 > /proc/sys/net/ipv4/neigh/back0/mcast_solicit"),
    "connection tracking forgets a SYN at once": _sh(
        "echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_syn_sent"
    ),
    # links
    "front0 down": _sh("ip link set front0 down"),
    "port of web down": _port("web", "ip link set PORT down"),
    "port of db detached from its bridge": _port("db", "ip link set PORT nomaster"),
    "ports of db and open isolated": lambda host: [
        _port(name, "bridge link set dev PORT isolated on")(host) for name in ("db", "open")
    ],
    "port of db attached to another bridge": _port("db", "ip link set PORT master front0"),
    "host's end of the link of db takes 68 bytes": _port("db", "ip link set PORT mtu 68"),
    "db and open with one hardware address": _mac("db", _mac_inside("open")),
    "db with the hardware address of back0": _mac(
        "db", lambda host: _mac_shown(host.run(["ip", "-json", "link", "show", "back0"]).out)
    ),
    "mtu of eth0 too small for nothing": _sh("ip link set eth0 mtu 1200"),
    "wrong neighbour entry for the router": _sh(
        "ip neigh replace $(ip route show default | cut -d' ' -f3) lladdr 02:00:00:00:00:01 dev eth0 nud permanent"
    ),
    # inside a container
    "db without a default route": _inside("db", "ip route del default"),
    "db with a wrong gateway": _inside("db", "ip route replace default via 10.88.2.200"),
    "db with its address gone": _inside("db", "ip address flush dev eth0"),
    "db with another address": _inside(
        "db", "ip address flush dev eth0", "ip address add 10.88.2.99/24 dev eth0", "ip route add default via 10.88.2.1"
    ),
    "db with its link down": _inside("db", "ip link set eth0 down"),
    "six without a default route of IPv6": _inside("six", "ip -6 route del default"),
    "db with rules of its own": _inside("db", "iptables -A OUTPUT -p tcp --dport 80 -j DROP"),
    "db with a blackhole route": _inside("db", "ip route add blackhole 203.0.113.0/24"),
    "db with strict rp_filter and a route for the internet elsewhere": _inside(
        "db", "ip rule add from all lookup 5 pref 5", "ip route add unreachable 203.0.113.0/24 table 5"
    ),
    # rules of docker
    "chain DOCKER of filter emptied": _chain_emptied("filter", "DOCKER"),
    "chain DOCKER of nat emptied": _chain_emptied("nat", "DOCKER"),
    "POSTROUTING emptied": _chain_emptied("nat", "POSTROUTING"),
    "nat PREROUTING emptied": _chain_emptied("nat", "PREROUTING"),
    "FORWARD emptied": _chain_emptied("filter", "FORWARD"),
    "isolation stage 1 emptied": _chain_emptied("filter", "DOCKER-ISOLATION-STAGE-1"),
    "isolation stage 2 emptied": _chain_emptied("filter", "DOCKER-ISOLATION-STAGE-2"),
    "DOCKER-FORWARD emptied": _chain_emptied("filter", "DOCKER-FORWARD"),
    "DOCKER-CT emptied": _chain_emptied("filter", "DOCKER-CT"),
    "DOCKER-BRIDGE emptied": _chain_emptied("filter", "DOCKER-BRIDGE"),
    "filter of IPv6 flushed": _sh("ip6tables -F; ip6tables -P FORWARD DROP"),
    "nat of IPv6 flushed": _sh("ip6tables -t nat -F"),
    "FORWARD accepts all ahead of docker": _sh("iptables -I FORWARD -j ACCEPT"),
    "FORWARD accepts established only, drops the rest, ahead of docker": _sh(
        "iptables -I FORWARD -j DROP; iptables -I FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"
    ),
    "drop between containers of back": lambda host: host.run(
        ["iptables", "-I", _accept_chain(host), "-i", "back0", "-o", "back0", "-j", "DROP"]
    ),
    "user rule behind docker's": _docker_user_behind,
    "INPUT drops all but ssh, docker-proxy included": _sh(
        "iptables -P INPUT DROP; iptables -A INPUT -p tcp --dport 22 -j ACCEPT; iptables -A INPUT -i lo -j ACCEPT"
    ),
    "ip6 INPUT drops neighbour discovery": _sh("ip6tables -A INPUT -p icmpv6 -j DROP"),
    # other tools
    "nft table of another tool, forward policy drop": _nft(
        "inet", "chain f { type filter hook forward priority 10; policy drop; }"
    ),
    "nft table of another tool, prerouting drops 8080": _nft(
        "ip", "chain p { type filter hook prerouting priority -150; tcp dport 8080 drop; }"
    ),
    "nft table of another tool, postrouting drops of dual IPv6": _nft(
        "ip6", 'chain p { type filter hook postrouting priority 0; iifname "dual0" oifname "eth0" drop; }'
    ),
    "nft bridge table drops": _nft("bridge", "chain f { type filter hook forward priority 0; policy drop; }"),
    "nft netdev ingress drops on eth0": lambda host: host.run(
        ["nft", "-f", "-"],
        stdin='table netdev other { chain i { type filter hook ingress device "eth0" priority 0; '
        "ip saddr 203.0.113.0/24 drop; } }\n",
    ),
    "tc drops what eth0 sends to the internet": _sh(
        "tc qdisc add dev eth0 clsact && tc filter add dev eth0 egress protocol ip u32 match ip dst 203.0.113.0/24 "
        "action drop"
    ),
    "ufw denies routed traffic ahead": _ufw(
        "ufw --force enable && iptables -I FORWARD -j ufw-before-forward && ufw route deny from 10.88.2.0/24"
    ),
    # processes
    "docker-proxies killed": _sh("pkill docker-proxy"),
    "server of open stopped": lambda host: host.docker("pause", "open"),
    "conntrack table full": _sh("echo 1 > /proc/sys/net/netfilter/nf_conntrack_max"),
}
