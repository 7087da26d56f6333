"""Prints what a change of ours could touch on this host as one object of JSON, read by the host's own programs.

Runs on the lab host, with nothing but its standard library.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

FOLDERS = ("/etc", "/srv")
# Their text is compared with what was predicted; of others only a checksum.
SHOWN = ("/etc/docker", "/etc/sysctl", "/etc/systemd/system", "/etc/modules-load.d", "/srv")
SYSCTLS = ("net/ipv4/conf", "net/ipv6/conf", "net/bridge", "net/ipv4/ip_forward")
# Each is a secret or a counter.
LEFT_OUT = ("stable_secret",)


def out(*argv: str) -> str:
    """What a program prints; "" when it fails or is missing."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout
    except OSError:
        return ""


def files() -> dict[str, str]:
    """Files and symbolic links with what is in them, and who may change them."""
    facts = {}
    for folder in FOLDERS:
        for place, folders, names in os.walk(folder):
            for name in [*names, *(entry for entry in folders if os.path.islink(os.path.join(place, entry)))]:
                path = Path(place, name)
                if path.is_symlink():
                    facts[f"link:{path}"] = os.readlink(path)
                elif path.is_file():
                    data = path.read_bytes()
                    shown = str(path).startswith(SHOWN)
                    facts[f"file:{path}"] = data.decode("latin-1") if shown else hashlib.sha256(data).hexdigest()
                    status = path.stat()
                    facts[f"mode:{path}"] = f"{status.st_mode:o} {status.st_uid} {status.st_gid}"
    return facts


def sysctls() -> dict[str, str]:
    """Running values by dotted key, dots inside an interface's name as slashes."""
    facts = {}
    for top in SYSCTLS:
        root = Path("/proc/sys", top)
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if path.is_file() and path.name not in LEFT_OUT:
                try:
                    value = path.read_text().strip()
                except OSError:
                    continue
                parts = [part.replace(".", "/") for part in path.relative_to("/proc/sys").parts]
                facts[f"sysctl:{'.'.join(parts)}"] = value
    return facts


def ports() -> dict[str, str]:
    """The hairpin flag of each bridge port."""
    found = Path("/sys/class/net").glob("*/brport/hairpin_mode")
    return {f"hairpin:{path.parent.parent.name}": path.read_text().strip() for path in found}


def rules() -> dict[str, str]:
    """Policies other than ACCEPT, which every chain has from its birth, and all rules of a family as one text."""
    facts = {}
    for family, program in (("ipv4", "iptables-save"), ("ipv6", "ip6tables-save")):
        table = ""
        kept = []
        for line in out(program).splitlines():
            if line.startswith("*"):
                table = line[1:]
            policy = re.match(r":(\S+) (DROP) ", line)
            if policy:
                facts[f"policy:{family} {table} {policy.group(1)}"] = policy.group(2)
            elif "dockernet-loopback-guard" in line:
                facts["rule"] = "raw PREROUTING ! -i lo -d 127.0.0.0/8 -j DROP"
            elif line.startswith("-"):
                kept.append(f"{table} {line}")
        facts[f"rules:{family}"] = "\n".join(kept)
    return facts


def engine() -> dict[str, str]:
    """The daemon, its containers and networks."""
    facts = {"daemon:pid": out("systemctl", "show", "--property=MainPID", "docker.service").strip()}
    facts["daemon:live-restore"] = out("docker", "info", "--format", "{{.LiveRestoreEnabled}}").strip()
    ids = out("docker", "ps", "--all", "--quiet", "--no-trunc").split()
    for entry in json.loads(out("docker", "inspect", *ids) or "[]") if ids else []:
        state = entry["State"]
        networks = {
            name: [end["IPAddress"], end["MacAddress"], end["Gateway"]]
            for name, end in entry["NetworkSettings"]["Networks"].items()
        }
        seen = [entry["Id"], state["Status"], state["Pid"], state["StartedAt"], networks]
        facts[f"container:{entry['Name'].lstrip('/')}"] = json.dumps(seen, sort_keys=True)
    for line in out("docker", "network", "ls", "--no-trunc", "--format", "{{.Name}} {{.ID}} {{.Driver}}").splitlines():
        facts[f"network:{line.split()[0]}"] = line
    return facts


def proxies() -> dict[str, str]:
    """The command line of each docker-proxy, without what tells one start from the next."""
    return {"proxies": "\n".join(sorted(re.findall(r"docker-proxy (.*)", out("ps", "-eo", "args"))))}


def routes() -> dict[str, str]:
    """Routes of both families, without what counts down, follows a cable, or is the kernel's own."""
    lines = [*out("ip", "route", "show", "table", "all").splitlines(), *out("ip", "-6", "route").splitlines()]
    return {"routes": "\n".join(sorted({_route(line) for line in lines} - {""}))}


def _route(line: str) -> str:
    own = line.startswith(("anycast ", "local ", "multicast ", "broadcast ", "ff00::", "fe80::"))
    return "" if own else re.sub(r" (expires \S+|linkdown|dead|pref \S+)", "", line).strip()


def units() -> dict[str, str]:
    """Services that were enabled or disabled by somebody, by the system manager's own word."""
    argv = ("systemctl", "list-unit-files", "--type=service", "--no-legend", "--no-pager")
    # A busy system manager does not always answer in its own time limit.
    lines = next((lines for lines in (out(*argv).splitlines() for dummy in range(5)) if lines), [])
    return {f"unit:{line.split()[0]}": line.split()[1] for line in lines if len(line.split()) > 1}


if __name__ == "__main__":
    print(json.dumps({**files(), **sysctls(), **ports(), **rules(), **engine(), **proxies(), **routes(), **units()}))
