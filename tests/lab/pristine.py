"""Runs on a lab host: notes what the fresh host looks like, and brings it back to that. Python 3.9, no libraries.

note: once, after boot, before Docker is started.
restore: later, whatever has happened since, to files, packages, containers, rules, links and sysctls. Docker is then
started again on a host that does not forward yet.
"""

from __future__ import annotations

import contextlib
import filecmp
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KEPT = Path("/var/lib/dockernet-lab")
ETC_KEPT = KEPT / "etc"
NOTE = KEPT / "note.json"
WORKLOAD_IMAGE = "dockernet/workload:1"

# The engine of the lab mounts these into the host. The last is made by containerd 2.x, which ends when it is removed.
NOT_OURS = {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/cni"}
# Homes of running daemons, which look after them themselves, and the lab's own way in.
KEPT_PATHS = {KEPT, Path("/var/lib/docker"), Path("/var/lib/containerd"), Path("/root/.ssh")}
# Places where everything that was added goes away again: whole trees, and first levels.
TREES = ("/usr/local", "/root", "/opt", "/srv")
LEVELS = ("/var/lib", "/var/backups", "/var/cache", "/var/log")
CONTROL = "/run/systemd/system.control"
RUNTIME = ("/run/systemd/system", CONTROL, "/run/sysctl.d")
# Places that systemd makes no units of.
WITHOUT_UNITS = {Path("/etc/docker"), Path("/etc/sysctl.d"), Path("/etc/sysctl.conf"), Path("/root"), Path("/var")}
SYSCTL_ROOTS = ("/proc/sys/net/ipv4", "/proc/sys/net/ipv6", "/proc/sys/net/bridge", "/proc/sys/net/netfilter")
NETWORKD = ("systemd-networkd.socket", "systemd-networkd.service")
DEFAULT_RULES = (0, 32766, 32767)
VOLATILE = ("tcp_fastopen_key", "stable_secret", "flush", "nf_conntrack_count")
SYSCTL_PASSES = 3
REMOVALS = 20
COMMAND_LIMIT = 300.0

REMOVED: list[Path] = []
"""What was taken away or replaced so far."""


def note() -> None:
    if NOTE.exists():
        return
    shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(parents=True)
    # Keys in the making come and go under other names while the tree is read.
    shutil.copytree("/etc", ETC_KEPT, symlinks=True, ignore=shutil.ignore_patterns("ssh_host_*"))
    facts = {
        "sysctls": read_sysctls(),
        "links": links(),
        "packages": packages(),
        "paths": [str(path) for path in added_places()],
    }
    part = NOTE.with_suffix(".part")
    part.write_text(json.dumps(facts))
    part.rename(NOTE)


def restore() -> None:
    facts = json.loads(NOTE.read_text())
    stop_services()
    lift_filters()
    restore_packages(set(facts["packages"]))
    restore_files(set(facts["paths"]))
    if removed_units() or units_are_stale():
        run("systemctl", "daemon-reload")
    if run("systemctl", "is-active", "docker.service", check=False).strip() != "active":
        # With nftables dockerd does not start on a host that was told not to forward.
        write_sysctls(facts["sysctls"])
        start_docker()
    empty_docker()
    run("systemctl", "stop", "docker.socket", "docker.service")
    # Where a test let it manage links.
    run("systemctl", "stop", *NETWORKD, check=False)
    restore_network(set(facts["links"]), facts["sysctls"])
    start_docker()


def stop_services() -> None:
    """Those of the system that tests start, and what was started by systemd-run."""
    run("systemctl", "stop", "systemd-networkd.socket", "systemd-networkd.service", "run-*.service", check=False)


def lift_filters() -> None:
    """Those of slices: without their files, services below would keep them until they are started again."""
    for folder in Path(CONTROL).glob("*.slice.d"):
        run("systemctl", "set-property", "--runtime", folder.name[:-2], "IPAddressAllow=", "IPAddressDeny=")


def restore_packages(wanted: set[str]) -> None:
    present = set(packages())
    if present - wanted:
        run("apt-get", "purge", "--yes", *sorted(present - wanted))
    if wanted - present:
        run("apt-get", "install", "--yes", "--no-install-recommends", *sorted(wanted - present))


def restore_files(paths: set[str]) -> None:
    same_tree(ETC_KEPT, Path("/etc"))
    for path in added_places():
        if str(path) not in paths and not is_kept(path):
            remove(path)
    for folder in RUNTIME:
        # The folders stay: /run/systemd/system is how programs see that systemd runs.
        for entry in Path(folder).glob("*"):
            remove(entry)


def removed_units() -> bool:
    """Whether anything was removed or replaced that could be a unit, a part of one, or what systemd makes units of."""
    return any(WITHOUT_UNITS.isdisjoint((path, *path.parents)) for path in REMOVED)


def units_are_stale() -> bool:
    """Whether systemd knows Docker's units from files that a test has changed and changed back since."""
    return "yes" in run("systemctl", "show", "docker.service", "docker.socket", "--property=NeedDaemonReload")


def is_foreign(path: Path) -> bool:
    """The host's keys may still be in the making when the fresh host is noted, and the controller knows them."""
    return str(path) in NOT_OURS or path.name.startswith("ssh_host_")


def same_tree(kept: Path, now: Path) -> None:
    """Make `now` the same as `kept`: content, kind, mode and owner of every entry."""
    for entry in now.iterdir():
        if not os.path.lexists(kept / entry.name) and not is_foreign(entry):
            remove(entry)
    for entry in kept.iterdir():
        target = now / entry.name
        if is_foreign(target):
            continue
        if entry.is_dir() and not entry.is_symlink():
            if target.is_symlink() or not target.is_dir():
                remove(target)
                target.mkdir()
            same_tree(entry, target)
        elif not same_entry(entry, target):
            remove(target)
            shutil.copy2(entry, target, follow_symlinks=False)
        same_owner(entry, target)


def same_entry(kept: Path, now: Path) -> bool:
    if not os.path.lexists(now):
        return False
    if kept.is_symlink() or now.is_symlink():
        return kept.is_symlink() and now.is_symlink() and os.readlink(kept) == os.readlink(now)
    return now.is_file() and filecmp.cmp(kept, now, shallow=False)


def same_owner(kept: Path, now: Path) -> None:
    wanted, found = kept.lstat(), now.lstat()
    if (wanted.st_uid, wanted.st_gid) != (found.st_uid, found.st_gid):
        os.chown(now, wanted.st_uid, wanted.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(wanted.st_mode) and wanted.st_mode != found.st_mode:
        now.chmod(stat.S_IMODE(wanted.st_mode))


def added_places() -> Iterator[Path]:
    """Every path of the trees and first levels in which additions are looked for."""
    for level in LEVELS:
        yield from Path(level).iterdir()
    for tree in TREES:
        yield from list(Path(tree).rglob("*"))


def is_kept(path: Path) -> bool:
    return not KEPT_PATHS.isdisjoint((path, *path.parents))


def remove(path: Path) -> None:
    REMOVED.append(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def empty_docker() -> None:
    """Containers, volumes, images but the workload's, and swarm; networks go with their database.

    The engine is asked over its socket: its client takes longer to start than the engine to answer.
    """
    for dummy in range(REMOVALS):
        containers = [entry["Id"] for entry in ask_engine("/containers/json?all=1")]
        if not containers:
            break
        # Refused for a container that removes itself just then; the next round sees it gone.
        run("docker", "rm", "--force", "--volumes", *containers, check=False)
    else:
        sys.exit(f"containers that cannot be removed: {' '.join(containers)}")
    volumes = [entry["Name"] for entry in ask_engine("/volumes")["Volumes"] or ()]
    if volumes:
        run("docker", "volume", "rm", "--force", *volumes)
    strange = [entry["Id"] for entry in ask_engine("/images/json") if entry["RepoTags"] != [WORKLOAD_IMAGE]]
    if strange:
        run("docker", "image", "rm", "--force", *strange)
    if Path("/var/lib/docker/swarm/docker-state.json").exists():
        run("docker", "swarm", "leave", "--force")


def ask_engine(question: str) -> Any:
    """What the engine answers to a GET, from JSON."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(COMMAND_LIMIT)
        connection.connect("/run/docker.sock")
        # The answer to a request of this version is neither in parts nor followed by another one.
        connection.sendall(f"GET {question} HTTP/1.0\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, dummy, body = answer.partition(b"\r\n\r\n")
    if head.split(maxsplit=2)[1:2] != [b"200"]:
        sys.exit(f"GET {question}: {answer.decode(errors='replace').strip() or 'no answer'}")
    return json.loads(body)


def restore_network(wanted_links: set[str], sysctls: dict[str, str]) -> None:
    remove(Path("/var/lib/docker/network/files"))
    remove(Path("/var/lib/docker/swarm"))
    for link in links():
        if link not in wanted_links:
            run("ip", "link", "delete", link, check=False)
            continue
        for place in ("clsact", "root"):
            run("tc", "qdisc", "delete", "dev", link, place, check=False)
        run("ip", "link", "set", "dev", link, "xdp", "off", check=False)
    run("nft", "flush", "ruleset")
    run("ip", "xfrm", "policy", "flush")
    # Debian 11 has no word for it.
    run("ip", "xfrm", "policy", "setdefault", "in", "accept", "fwd", "accept", "out", "accept", check=False)
    flush_legacy()
    run("conntrack", "--flush", check=False)
    # Its loopback addresses are of another scope. Those of eth0 are the lab's, which keeps them right.
    run("ip", "address", "flush", "dev", "lo", "scope", "global")
    for family in ("-4", "-6"):
        remove_policy_rules(family)
        for origin in ("boot", "static"):
            run("ip", family, "route", "flush", "table", "all", "proto", origin, check=False)
    write_sysctls(sysctls)


def remove_policy_rules(family: str) -> None:
    """All but the rules that every namespace has from the start."""
    for rule in json.loads(run("ip", family, "-json", "rule", "show") or "[]"):
        if rule["priority"] not in DEFAULT_RULES:
            run("ip", family, "rule", "delete", "priority", str(rule["priority"]), check=False)


def flush_legacy() -> None:
    """Rules of the old iptables, on a host that was switched to it."""
    for names, program in (("ip_tables_names", "iptables-legacy"), ("ip6_tables_names", "ip6tables-legacy")):
        path = Path("/proc/net") / names
        for table in path.read_text().split() if path.exists() else ():
            for command in ("-F", "-X"):
                run(program, "-t", table, command, check=False)
            for chain in ("INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"):
                run(program, "-t", table, "-P", chain, "ACCEPT", check=False)


def start_docker() -> None:
    # The unit allows three starts a minute.
    run("systemctl", "reset-failed", "docker.service", "docker.socket", check=False)
    run("systemctl", "start", "docker.socket", "docker.service")


def links() -> list[str]:
    return sorted(link["ifname"] for link in json.loads(run("ip", "-json", "link", "show")))


def packages() -> list[str]:
    listed = run("dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\\n")
    return sorted(line.split()[1] for line in listed.splitlines() if line.startswith("installed "))


def read_sysctls() -> dict[str, str]:
    values = {}
    for root in SYSCTL_ROOTS:
        for path in Path(root).rglob("*"):
            if path.name in VOLATILE or not path.is_file():
                continue
            with contextlib.suppress(OSError, UnicodeDecodeError):
                values[str(path)] = path.read_text()
    return values


def write_sysctls(wanted: dict[str, str]) -> None:
    """Some sysctls set others (forwarding sets redirects), so the differences are written until none is left."""
    for dummy in range(SYSCTL_PASSES):
        now = read_sysctls()
        different = [path for path, value in wanted.items() if path in now and now[path] != value]
        if not different:
            return
        # ip_forward first: it sets the interfaces' values.
        for path in sorted(different, key=lambda path: not path.endswith("/ip_forward")):
            with contextlib.suppress(OSError):
                Path(path).write_text(wanted[path])


def run(*argv: str, check: bool = True) -> str:
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=COMMAND_LIMIT
    )
    if check and done.returncode != 0:
        sys.exit(f"{' '.join(argv)}: status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    {"note": note, "restore": restore}[sys.argv[1]]()
