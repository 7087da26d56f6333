"""What strangers' processes can be: anybody may start one with any name, words, environment and files."""

from __future__ import annotations

import random

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import MANAGED_LINKS

from tests.hostile import nasty
from tests.hostile import netlink_answers as say
from tests.hostile.hostilities import hostility
from tests.hostile.world import HOST, Process, World

NAMES = ("dockerd", "docker-proxy", "systemd-networkd", "NetworkManager", "containerd", "(sd-pam)", "a) S 1 (b", "x")
FLAGS = ("-proto", "-host-ip", "-host-port", "-container-ip", "-container-port")
_KERNEL_WRITES = ("stat", "status", "smaps_rollup", "cgroup")


def new_pid(world: World) -> int:
    return 500_000 + len(world.processes)


@hostility(4)
def a_process_that_calls_itself_dockerd(world: World, dice: random.Random) -> None:
    """It is not root's, or in a container, or holds no socket: none of that makes it the one."""
    file = dice.choice(("/tmp/fifo", "/dev/zero", "/proc/self/mem", "/", "/tmp/loop", "relative", "\ud800", "a\nb", ""))
    world.special.setdefault("tmp/fifo", "fifo")
    world.special.setdefault("tmp/loop", "loop")
    words = ["/usr/bin/dockerd", f"--config-file={file}"]
    words += dice.choice(([], ["-H", "fd://"], ["--host", nasty.word(dice)], [nasty.word(dice)], ["-H"] * 3000))
    depth = dice.choice((1, 1, 2))
    # One of the host's root that holds no socket could still be meant by /proc alone.
    process = Process(new_pid(world), words, uid=65534, depth=depth, started=dice.choice((1, 50, 10**9)))
    process.exe = dice.choice(
        ("/usr/bin/dockerd", "/tmp/dockerd", "/tmp/dockerd (deleted)", "/memfd:dockerd (deleted)")
    )
    world.processes.append(process)


@hostility(4)
def processes_that_call_themselves_docker_proxy(world: World, dice: random.Random) -> None:
    for dummy in range(dice.choice((1, 3, 40))):
        words = ["docker-proxy"]
        for flag in dice.sample(FLAGS, dice.choice((5, 5, 4))):
            usual = {"-proto": "tcp", "-host-ip": "0.0.0.0", "-container-ip": "172.18.0.9"}.get(flag, "4711")  # noqa: S104
            words += [flag, dice.choice((usual, usual, nasty.word(dice)))]
        world.processes.append(Process(new_pid(world), words, uid=1000, depth=dice.choice((1, 2))))


@hostility(6)
def files_of_a_process_are_odd(world: World, dice: random.Random) -> None:
    """Those that the process itself decides, and what is left of one that ends."""
    process = Process(new_pid(world), [dice.choice(NAMES)], uid=dice.choice((0, 1000, 65534)), depth=2)
    world.processes.append(process)
    folder = f"proc/{process.pid}"
    for name in dice.sample(("cmdline", "environ", "comm"), 2):
        world.files[f"{folder}/{name}"] = nasty.raw(dice)
    if dice.random() < 0.5:
        name = nasty.word(dice).replace("\n", "\\n")[:15]
        tail = process.files()["stat"].partition(b") ")[2]
        world.files[f"{folder}/stat"] = b"%d (%s) %s" % (process.pid, name.encode("utf-8", "surrogatepass"), tail)
    if dice.random() < 0.5:
        for name in dice.sample((*_KERNEL_WRITES, "cmdline", "environ"), dice.randint(1, 6)):
            world.gone.add(f"{folder}/{name}")
    if dice.random() < 0.3:
        for name in dice.sample(_KERNEL_WRITES, 2):
            whole = process.files()[name]
            world.files[f"{folder}/{name}"] = whole[: dice.randrange(len(whole))]


@hostility(3)
def processes_that_are_stopped(world: World, dice: random.Random) -> None:
    """Anybody may stop those that are their own, and name the control groups that are theirs."""
    for dummy in range(dice.choice((1, 30))):
        process = Process(new_pid(world), [dice.choice(NAMES)], uid=1000, depth=dice.choice((1, 2)))
        world.processes.append(process)
        head, dummy2, tail = process.files()["stat"].rpartition(b") S ")
        world.files[f"proc/{process.pid}/stat"] = b"%s) %s %s" % (head, dice.choice((b"T", b"t")), tail)
        group = nasty.word(dice).translate({0: None, ord("\n"): None, ord("/"): None})
        world.files[f"proc/{process.pid}/cgroup"] = f"0::/user.slice/{group}\n".encode("utf-8", "surrogatepass")
        for number in range(3, dice.choice((4, 300))):
            world.links[f"proc/{process.pid}/fd/{number}"] = f"socket:[{10**7 + number}]"


@hostility(2)
def very_many_processes(world: World, dice: random.Random) -> None:
    for dummy in range(dice.choice((200, 800))):
        world.processes.append(Process(new_pid(world), [dice.choice(NAMES)], uid=1000, depth=2))


@hostility(2)
def a_process_with_very_many_files(world: World, dice: random.Random) -> None:
    process = Process(new_pid(world), ["app"], uid=1000, started=10**8)
    world.processes.append(process)
    for number in range(3, dice.choice((50, 3000))):
        target = dice.choice(
            (f"socket:[{10**6 + number}]", "socket:[" + "9" * 60 + "]", "anon_inode:[eventfd]", "/a\nb")
        )
        world.links[f"proc/{process.pid}/fd/{number}"] = target


@hostility(3)
def sockets_of_odd_names(world: World, dice: random.Random) -> None:
    """Anybody may bind one, in a mount namespace of their own where /run/docker.sock is another file."""
    names = (
        b"/tmp/a\nb",
        b"/tmp/a\n0 1 2 zz 4 5 x /run/docker.sock",
        b"\0\xff\xfe",
        b"/tmp/" + b"x" * 100,
        b"\n\n\n",
        b"/run/docker.sock\n",
        b"\0/run/docker.sock",
        b"/tmp/x\r/run/docker.sock",
        b"/tmp/\xe2\x80\xa8x",
        b"",
        b"/run/docker.sock",
        b"/proc/self/root/run/docker.sock",
        b"/tmp/" + b"../" * 30,
    )
    found = dice.sample(names, dice.randint(1, len(names))) * dice.choice((1, 1, 500))
    holder = Process(new_pid(world), ["dockerd"], uid=dice.choice((1000, 65534)), sockets=range(80, 80 + len(found)))
    world.processes.append(holder)
    for number, name in enumerate(found):
        world.spaces[HOST].add(say.UNIX, say.unix_socket(80 + number, name, 900_000 + number, 0))
    head = b"0000000000000000: 00000002 00000000 00010000 0001 01 77 "
    world.files["proc/net/unix"] = b"".join(head + name.replace(b"\0", b"@") + b"\n" for name in found)


@hostility(2)
def a_network_manager_that_is_none(world: World, dice: random.Random) -> None:
    """Known by its name alone; nmcli then does not tell, or whatever answers in its place says nonsense."""
    name = dice.choice(("NetworkManager", "systemd-networkd"))
    world.processes.append(Process(new_pid(world), [f"/usr/sbin/{name}"], space=HOST))
    world.touched.add(MANAGED_LINKS)
    said = dice.choice(("", ":::", "unmanaged::\n" * 5000, nasty.word(dice), "\n".join(map(nasty.word, [dice] * 5))))
    world.programs["nmcli"] = dice.choice(((0, said, ""), (8, "", nasty.word(dice)), (124, "", "no end")))
    for link in world.snapshot.links:
        if dice.random() < 0.4:
            world.files[f"run/systemd/netif/links/{link.index}"] = nasty.raw(dice)
