"""What a test compares to prove that a host was left alone: read by the host's own programs, not by the collection."""

from __future__ import annotations

from tests.lab.host import Host

# Everything that a change of ours could touch. iptables counters are left out, as they move by themselves.
COLLECT = r"""
find /etc /var/lib/dockernet-baseline /run/dockernet-baseline.lock -xdev \( -type f -o -type l \) \
    -printf '%p %m %U %G %s %i %T@ %C@ %l\n' 2>/dev/null | sort
find /etc -xdev -type f -exec sha256sum {} + | sort -k2
find /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf /proc/sys/net/bridge /proc/sys/net/ipv4/ip_forward -type f \
    ! -name stable_secret -exec grep -H '' {} + 2>/dev/null | sort
bridge -d link show | sed 's/ state [a-z]*//'
iptables-save | sed 's/\[[0-9:]*\]//; /^#/d'
ip6tables-save | sed 's/\[[0-9:]*\]//; /^#/d'
pidof dockerd
docker ps --all --quiet --no-trunc | sort \
    | xargs -r docker inspect --format '{{.Name}} {{.State.Pid}} {{.State.StartedAt}}'
docker info --format 'live-restore {{.LiveRestoreEnabled}}'
"""


def host_state(host: Host) -> list[str]:
    """The host as it is now, line by line."""
    return host.run(COLLECT, check=False).out.splitlines()
