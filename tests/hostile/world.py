"""A whole Docker host that exists nowhere, at the boundary of the readers: files, netlink, engine and programs.

It is made from a snapshot, so that what is read of it, unspoilt, is that snapshot again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, PolicyRule, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.hostile import netlink_answers as say
from tests.hostile.engine_documents import documents_of
from tests.hostile.engine_server import Answer, answer_of
from tests.hostile.fake_kernel import Space
from tests.hostile.special_files import make_special

HOST = "host"
PROGRAM = "/usr/bin/dockerd"
SOCKET = "run/docker.sock"
UNIT = (
    "LoadState=loaded\nActiveState=active\nSubState=running\nMainPID={pid}\n"
    "ExecStart={{ path=/usr/bin/dockerd ; argv[]=/usr/bin/dockerd ; ignore_errors=no ; start_time=[n/a] }}\n"
    "FragmentPath=/lib/systemd/system/docker.service\nDropInPaths=\n"
    "Slice=system.slice\n\nLoadState=loaded\n\nLoadState=loaded\n"
)
_OF_INTERFACES = {
    "net/ipv4/conf": {"accept_local": 0, "forwarding": 1, "route_localnet": 0, "rp_filter": 0, "src_valid_mark": 0},
    "net/ipv6/conf": {"forwarding": 0, "accept_ra": 0, "disable_ipv6": 0},
}
_RULES = [PolicyRule(priority, 4, table=table) for priority, table in ((0, 255), (32766, 254), (32767, 253))] + [
    PolicyRule(priority, 6, table=table) for priority, table in ((0, 255), (32766, 254))
]


@dataclass
class Process:
    """What /proc shows of a process."""

    pid: int
    argv: Sequence[str]
    ppid: int = 1
    space: str = HOST
    uid: int = 0
    sockets: Sequence[int] = ()
    started: int = 100
    depth: int = 1
    """Of PID namespaces, counted from this /proc's."""
    exe: str = ""
    bounding: int = 0x1FFFFFFFFFF

    def files(self) -> dict[str, bytes]:
        name = os.path.basename(self.argv[0])[:15] if self.argv else "kthread"
        fields = ["S", str(self.ppid), *["0"] * 17, str(self.started), *["0"] * 30]
        ids = "\t".join([str(self.uid)] * 4)
        spaces = "\t".join([str(self.pid), *["1"] * (self.depth - 1)])
        status = f"Name:\t{name}\nUid:\t{ids}\nGid:\t{ids}\nNSpid:\t{spaces}\nCapBnd:\t{self.bounding:016x}\n"
        rollup = "00400000-7fff00000000 ---p 00000000 00:00 0 [rollup]\nRss:      4096 kB\nPss:      1024 kB\n"
        unit = "docker.service" if self.argv and self.argv[0] == PROGRAM else "session.scope"
        return {
            "stat": f"{self.pid} ({name}) {' '.join(fields)}\n".encode(),
            "status": status.encode(),
            "cmdline": b"".join(word.encode("utf-8", "surrogatepass") + b"\0" for word in self.argv),
            "environ": b"PATH=/usr/bin\0",
            "cgroup": f"0::/system.slice/{unit}\n".encode(),
            "smaps_rollup": rollup.encode(),
            "comm": name.encode() + b"\n",
        }


@dataclass
class World:
    """What a case may spoil, and which sources it has spoilt so far."""

    snapshot: HostSnapshot
    dockerd: int
    files: dict[str, bytes] = field(default_factory=dict)
    """By path below the root."""
    links: dict[str, str] = field(default_factory=dict)
    """Symbolic links: what each leads to."""
    special: dict[str, str] = field(default_factory=dict)
    """What stands where a file should: see make_special()."""
    folders: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    processes: list[Process] = field(default_factory=list)
    spaces: dict[str, Space] = field(default_factory=lambda: {HOST: Space()})
    answers: dict[str, Answer] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    """What the engine says, by path, until it becomes answers."""
    programs: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    """By the beginning of the command line."""
    touched: set[str] = field(default_factory=set)
    """Sources of which nothing is expected any more."""
    told: list[str] = field(default_factory=list)
    """What was done, for people."""

    def run(self, argv: Sequence[str], *dummy: Any, **dummy2: Any) -> tuple[int, str, str]:
        """In place of run_command()."""
        line = " ".join(argv)
        found = [name for name in self.programs if line == name or line.startswith(f"{name} ")]
        return self.programs[max(found, key=len)] if found else (127, "", f"{argv[0]}: not found")

    def container(self, name: str) -> Container:
        return next(item for item in self.snapshot.containers if item.name == name)

    def space_of(self, container: Container) -> str:
        return f"space{container.netns}"

    def inspect(self, name: str) -> Any:
        """The document of a container that may be spoilt."""
        return self.documents[f"/containers/{self.container(name).id}/json"]

    def settle(self) -> None:
        """Turn documents into answers, those that were replaced already left alone."""
        for path, document in self.documents.items():
            self.answers.setdefault(path, answer_of(document))

    def write(self, root: Path, socket_inode: int) -> dict[int, Space]:
        """Make the files below root; return the namespaces by their inode numbers there."""
        self._write_processes(socket_inode)
        place = (root / SOCKET).stat()
        self.spaces[HOST].add(say.UNIX, say.unix_socket(socket_inode, b"/run/docker.sock", place.st_ino, place.st_dev))
        for name in ("proc/.ns", "run/systemd/system", "etc", "dev", "tmp", *self.folders):
            (root / name).mkdir(parents=True, exist_ok=True)
        inodes = {}
        for name, space in self.spaces.items():
            (root / "proc/.ns" / name).write_bytes(b"")
            inodes[(root / "proc/.ns" / name).stat().st_ino] = space
        (root / "proc/.ns/other").write_bytes(b"")
        for number, name in ((3, "null"), (5, "zero")):
            os.mknod(root / "dev" / name, 0o666 | stat.S_IFCHR, os.makedev(1, number))
        for name, content in self.files.items():
            if name in self.special or name in self.gone:
                continue
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for name, target in self.links.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_symlink() and not path.exists():
                path.symlink_to(target)
        for name, kind in self.special.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            # What stands there by another hostility stays.
            if not os.path.lexists(root / name):
                make_special(root / name, kind)
        return inodes

    def _write_processes(self, socket_inode: int) -> None:
        for process in self.processes:
            folder = f"proc/{process.pid}"
            for name, content in process.files().items():
                self.files.setdefault(f"{folder}/{name}", content)
            self.files.setdefault(f"{folder}/fd/.keep", b"")
            sockets = [*process.sockets, *([socket_inode] if process.pid == self.dockerd else [])]
            for place, inode in enumerate(sockets):
                self.links.setdefault(f"{folder}/fd/{place + 3}", f"socket:[{inode}]")
            self.links.setdefault(f"{folder}/exe", process.exe or (process.argv[0] if process.argv else "/none"))
            self.links.setdefault(f"{folder}/ns/net", f"/proc/.ns/{process.space}")
            own = process.depth == 1
            for name in ("mnt", "pid", "user"):
                self.links.setdefault(f"{folder}/ns/{name}", "/proc/.ns/host" if own else "/proc/.ns/other")
            self.links.setdefault(f"{folder}/root", "/")
        head = "Num       RefCount Protocol Flags    Type St Inode Path\n"
        line = f"0000000000000000: 00000002 00000000 00010000 0001 01 {socket_inode} /run/docker.sock\n"
        found = self.files.get("proc/net/unix", b"")
        self.files["proc/net/unix"] = head.encode() + found + line.encode()


def world_of(snapshot: HostSnapshot, dockerd: int) -> World:
    """The host that a snapshot is of. dockerd is the id of the process that will answer as it."""
    world = World(snapshot, dockerd)
    world.processes.append(Process(1, ["/sbin/init"], ppid=0))
    holding = [number for number, item in enumerate(snapshot.listeners) if item.owner == "dockerd"]
    world.processes.append(Process(dockerd, [PROGRAM], sockets=[50_000 + number for number in holding]))
    _processes(world)
    _kernel(world)
    _files(world)
    world.documents.update(documents_of(snapshot))
    world.programs["systemctl show docker.service"] = (0, UNIT.format(pid=dockerd), "")
    if snapshot.ruleset is not None:
        for name, text in snapshot.ruleset.save.items():
            world.programs[name] = (0, text, "")
        if snapshot.ruleset.nft_json is not None:
            world.programs["nft -j list ruleset"] = (0, snapshot.ruleset.nft_json, "")
    return world


def _processes(world: World) -> None:
    for container in world.snapshot.containers:
        if container.pid is not None:
            name = HOST if container.network_mode == "host" else world.space_of(container)
            world.processes.append(
                Process(container.pid, ["/bin/app"], space=name, depth=2, bounding=container.bounding or 0)
            )
    held = {item.pid: 50_000 + number for number, item in enumerate(world.snapshot.listeners)}
    for proxy in world.snapshot.proxies:
        argv = [
            "/usr/bin/docker-proxy",
            "-proto",
            proxy.protocol,
            "-host-ip",
            proxy.host_ip,
            "-host-port",
            str(proxy.host_port),
            "-container-ip",
            proxy.container_ip,
            "-container-port",
            str(proxy.container_port),
        ]
        sockets = [held[proxy.pid]] if proxy.pid in held else []
        world.processes.append(Process(proxy.pid, argv, ppid=world.dockerd, sockets=sockets, started=200))


def _kernel(world: World) -> None:
    snapshot, host = world.snapshot, world.spaces[HOST]
    _fill(host, snapshot.links, snapshot.routes, snapshot.policy_rules or _RULES)
    for item in snapshot.neighbours:
        host.add(say.NEIGHBOURS, say.neighbour(item))
    for number, listener in enumerate(snapshot.listeners):
        question, message = say.listener(listener, 50_000 + number)
        host.add(question, message)
    tables = ["ip raw", "ip mangle", "ip nat", "ip filter"]
    if snapshot.ruleset is not None and snapshot.ruleset.nft_tables is not None:
        tables = snapshot.ruleset.nft_tables
    host.add(say.TABLES, *map(say.nft_table, tables))
    host.add(say.GENERATION, say.nft_generation(7))
    host.nsids = {item.pid: item.nsid for item in snapshot.containers if item.pid and item.nsid is not None}
    for inner in snapshot.container_namespaces:
        space = world.spaces.setdefault(f"space{inner.inode}", Space())
        _fill(space, inner.links, inner.routes, inner.rules or _RULES)
        for listener in inner.listeners:
            question, message = say.listener(listener, 60_000)
            space.add(question, message)
        space.add(say.GENERATION, say.nft_generation(1))


def _fill(space: Space, links: Sequence[Link], routes: Sequence[Route], rules: Sequence[PolicyRule]) -> None:
    bridges = [link.index for link in links if link.kind == "bridge"]
    for link in links:
        space.add(say.LINKS, say.link(link, bridges))
        space.add(say.ADDRESSES, *say.addresses(link))
        space.add(say.QDISCS, say.qdisc(link.index))
    space.add(say.ROUTES, *map(say.route, routes))
    space.add(say.RULES, *map(say.policy_rule, rules))


def _files(world: World) -> None:
    files, snapshot = world.files, world.snapshot
    values = {"net.ipv4.ip_forward": "1", "net.netfilter.nf_conntrack_count": "5"}
    for folder, settings in _OF_INTERFACES.items():
        for name in ("all", "default", *(link.name for link in snapshot.links)):
            for setting, usual in settings.items():
                values[f"{folder.replace('/', '.')}.{name}.{setting}"] = str(usual)
    values.update(snapshot.sysctls)
    for key, value in values.items():
        files[f"proc/sys/{key.replace('.', '/')}"] = f"{value}\n".encode()
    files["proc/modules"] = b"nf_tables 300000 1 - Live 0x0000000000000000\n"
    files[f"lib/modules/{os.uname().release}/modules.builtin"] = b"kernel/fs/ext4/ext4.ko\n"
    files["proc/stat"] = b"cpu  1 1 1 1\nbtime 1700000000\n"
    files["proc/net/ip_tables_names"] = b""
    files["etc/docker/daemon.json"] = b'{"live-restore": true}\n'
    files["etc/sysctl.d/50-forward.conf"] = b"net.ipv4.ip_forward = 1\n"
    files["etc/resolv.conf"] = b"nameserver 192.0.2.53\n"
    files["run/docker.pid"] = str(world.dockerd).encode()
    files["usr/bin/dockerd"] = b"\x7fELF"
    files["usr/bin/docker-proxy"] = b"\x7fELF"
    for name in ("self", "thread-self"):
        folder = f"proc/{name}"
        for kind in ("net", "mnt", "pid", "user"):
            world.links[f"{folder}/ns/{kind}"] = "/proc/.ns/host"
        for kind, content in Process(2, ["python3"]).files().items():
            files[f"{folder}/{kind}"] = content
        files[f"{folder}/uid_map"] = b"         0          0 4294967295\n"
        world.folders.append(f"{folder}/net")
    world.links["var/run"] = "/run"
    world.links["sbin"] = "/usr/bin"
