# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host and its containers are set to, as their own programs show it: equal before a break and after it."""

from __future__ import annotations

import re

from tests.integration.diagnosis.scene import Scene

COLLECT = r"""
grep -rs . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf /proc/sys/net/bridge \
    /proc/sys/net/netfilter/nf_conntrack_udp_timeout | grep -v stable_secret | sort
for save in iptables-save ip6tables-save; do $save | sed 's/\[[0-9:]*\]//; /^#/d'; done
nft list tables
for family in -4 -6; do ip $family rule show; ip $family route show table all; ip $family -o address show; done
ip -o link show | sed 's/state [A-Z]*//; s/link\/.*//'
bridge -d link show | sed 's/ mcast_[nm][a-z_]* [0-9]*//g'
ip xfrm policy
tc qdisc show | grep -v noqueue
docker ps --all --format '{{.Names}} {{.State}} {{.Networks}}' | sort
ps -eo stat=,args= | grep docker-prox[y] | sed 's/fd [0-9]*//' | sort
"""
INSIDE = r"""
docker inspect --format '{{.Name}} {{.State.Pid}}' NAMES | while read name pid; do
    echo "--- $name"; cat /proc/$pid/root/etc/resolv.conf; nsenter --net --target $pid -- sh -c '
        ip address show; ip rule show; ip route show table all; ip xfrm policy
        grep -s . /proc/sys/net/ipv4/conf/*/arp_ignore
        for save in iptables-save ip6tables-save; do $save | sed "s/\[[0-9:]*\]//; /^#/d; s/[0-9]\{5\}//"; done
        nft list tables
        ss -Hlntu | while read kind state received sent address rest; do echo $kind $address; done'
done
"""
PASSING = re.compile(
    r"\btentative |valid_lft \S+|preferred_lft \S+|expires \S+|^\d+:|@\w+|link-netnsid \d+|index \d+|\blinkdown\b"
    # Ports of Docker's resolver.
    r"|:\d{5}\b",
    re.MULTILINE,
)
NAMES = re.compile(r"\bveth\w+")
LINK_LOCAL = re.compile(r"\bf[ef][08]0:")
HARDWARE = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")


def condition(scene: Scene) -> list[str]:
    """Line by line, without what changes by itself (IPv6 of a link does) or with the restart of a container."""
    names = " ".join(item.name for item in scene.workloads)
    seen = scene.host.run(COLLECT + INSIDE.replace("NAMES", names), check=False).out
    text = HARDWARE.sub("HARDWARE", NAMES.sub("veth", PASSING.sub("", seen)))
    return sorted({line.strip() for line in text.splitlines() if not LINK_LOCAL.search(line)})
