"""What can lie where a regular file is expected, and what can be in it."""

from __future__ import annotations

import random

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    BOOT,
    CONTAINER_NAMESPACES,
    DAEMON_CONFIG,
    ENGINE,
    NAMESERVERS,
    NAMESPACES,
    PROCESSES,
    SERVICE,
)

from tests.hostile import nasty
from tests.hostile.hostilities import hostility
from tests.hostile.special_files import KINDS
from tests.hostile.world import World

_WHO_RUNS = (ENGINE, NAMESPACES, CONTAINER_NAMESPACES, PROCESSES, SERVICE)
FILES: dict[str, tuple[str, ...]] = {
    "etc/docker/daemon.json": (DAEMON_CONFIG, *_WHO_RUNS),
    "etc/sysctl.d/50-forward.conf": (BOOT,),
    "etc/sysctl.d/99-x.conf": (BOOT,),
    "run/sysctl.d/10-x.conf": (BOOT,),
    "usr/lib/sysctl.d/zz.conf": (BOOT,),
    "etc/sysctl.conf": (BOOT,),
    "etc/sysctl.d": (BOOT,),
    "etc/ufw/ufw.conf": (BOOT,),
    "etc/default/ufw": (BOOT,),
    "etc/resolv.conf": (NAMESERVERS,),
    "run/systemd/resolve/resolv.conf": (NAMESERVERS,),
    "run/docker.pid": _WHO_RUNS,
    "run/systemd/netif/links/2": ("managed_links",),
    "usr/bin/dockerd": _WHO_RUNS,
    "etc/default/docker": (SERVICE,),
}
# Those that have no default of their own are read only where something leads to them.
_SETTINGS = b"ENABLED=yes\nIPT_SYSCTL=/etc/ufw/sysctl.conf\n"


@hostility(14)
def no_regular_file(world: World, dice: random.Random) -> None:
    for name in dice.sample(sorted(FILES), dice.choice((1, 1, 3))):
        if any(other.startswith(f"{name}/") for other in world.special):
            continue
        for other in [other for other in world.files if other.startswith(f"{name}/")]:
            del world.files[other]
        if not any(name.startswith(f"{other}/") for other in world.special):
            world.special[name] = dice.choice(KINDS)
        world.touched.update(FILES[name])
    _ask_for_more(world, dice)


@hostility(8)
def files_of_odd_content(world: World, dice: random.Random) -> None:
    for name in dice.sample([name for name in FILES if name != "etc/sysctl.d"], dice.choice((1, 3))):
        world.files[name] = dice.choice(
            (nasty.raw(dice), nasty.word(dice).encode("utf-8", "surrogatepass"), _long(dice))
        )
        world.touched.update(FILES[name])
    _ask_for_more(world, dice)


def _long(dice: random.Random) -> bytes:
    line = dice.choice(
        (b"net.ipv4.ip_forward = 0\n", b"nameserver 192.0.2.1\n", b'{"a": "b"}\n', b"- = -\n", b"[" * 50)
    )
    return line * dice.choice((10, 50_000))


@hostility(6)
def a_configuration_that_is_odd(world: World, dice: random.Random) -> None:
    body = dice.choice(
        (
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b'{"hosts": ["tcp://127.evil.example:1"]}',
            b'{"hosts": 5}',
            b'{"hosts": [[]]}',
            b'{"dns": {"a": [1]}}',
            b'{"labels": ["password=x\\u001b[2J"]}',
            b'{"bip": "\xff"}',
            b'{"mtu": 1e400}',
            b'{"mtu": ' + b"9" * 5000 + b"}",
            b'{"a": 1, "a": 2, "A": 3}',
            b"\xef\xbb\xbf{}",
            b'{"\\ud800": "\\udfff"}',
            b'{"__ansible_type": "x"}',
            b"null",
            b"{}x",
            b'{"default-address-pools": [{"base": "::/0", "size": -1}]}',
            b'{"log-opts": {"x": {"__ansible_unsafe": 1}}}',
            b'{"fixed-cidr": "10.0.0.0/99", "hosts": ["unix://\\n"]}',
            b'{"live-restore": "' + b"x" * 900_000 + b'"}',
        )
    )
    world.files["etc/docker/daemon.json"] = body
    world.touched.update((DAEMON_CONFIG, *_WHO_RUNS))


def _ask_for_more(world: World, dice: random.Random) -> None:
    """Now and then ufw is enabled, and names another file."""
    if dice.random() < 0.3 and "etc/ufw/ufw.conf" not in world.special:
        world.files["etc/ufw/ufw.conf"] = _SETTINGS
        world.files.setdefault("etc/default/ufw", _SETTINGS)
        world.special.setdefault("etc/ufw/sysctl.conf", dice.choice(KINDS))
        world.touched.add(BOOT)


@hostility(3)
def sysctls_of_odd_content(world: World, dice: random.Random) -> None:
    names = sorted(name for name in world.files if name.startswith("proc/sys/net/"))
    for name in dice.sample(names, dice.choice((1, 5))):
        if dice.random() < 0.3:
            world.gone.add(name)
        else:
            world.files[name] = dice.choice((b"", b"\xff\n", b"-1\n", b"9" * 30 + b"\n", b"x\n", b"1\t2\t3\n", b"\0"))
    world.touched.update(("sysctl", CONTAINER_NAMESPACES))
