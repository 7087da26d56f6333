"""Hosts that are not laid out as Debian's packages do it. Done before the first start of Docker.

ce: as Docker's own packages lay out an engine: programs in /usr/bin, a unit that starts dockerd with `-H fd://` and
containerd's socket and has no variable for options, so that /etc/default/docker says nothing. The engine is the kind's:
Debian's unit is Docker's with two changes, which are taken back.

legacy: `iptables` and `ip6tables` are iptables-legacy, by update-alternatives, and so are the rules of dockerd.
"""

from __future__ import annotations

_CE = """
unit=/lib/systemd/system/docker.service
for program in dockerd docker-proxy; do
    # An engine of one's own is mounted in /usr/bin already.
    if [ -e /usr/bin/$program ]; then rm --force /usr/sbin/$program; else mv /usr/sbin/$program /usr/bin/; fi
done
sed -i -e '/^EnvironmentFile=/d' -e 's|^ExecStart=/usr/sbin/|ExecStart=/usr/bin/|' -e 's| [$]DOCKER_OPTS$||' $unit
grep -qx 'ExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock' $unit
systemctl daemon-reload
"""

_LEGACY = """
for program in iptables ip6tables; do
    update-alternatives --set $program /usr/sbin/$program-legacy
done
"""

SCRIPTS = {"ce": _CE, "legacy": _LEGACY}
"""For `sh -e`, by the name of the layout. Each may be run again."""

_PROGRAMS = {"ce": "/usr/bin"}


def folder_of_programs(layout: str) -> str:
    """Where a host has dockerd and docker-proxy."""
    return _PROGRAMS.get(layout, "/usr/sbin")
