"""What a run in check mode foretold, against what really changed on the host."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.ansible_runs import PlaybookResult
from tests.lab.host import Host

PROGRAM = Path(__file__).with_name("host_facts_program.py")
COLLECTION = "dockernet.baseline."
READS_ONLY = "docker_netcheck"

Facts = Mapping[str, str]


def host_facts(host: Host) -> dict[str, str]:
    """The host as its own programs show it, see host_facts_program.py."""
    found: dict[str, str] = json.loads(host.run(["python3", "-"], stdin=PROGRAM.read_text()).out)
    return found


def differences(before: Facts, after: Facts) -> dict[str, tuple[str | None, str | None]]:
    """What is not the same, by its name."""
    names = sorted({*before, *after})
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


# ---- what was said ---------------------------------------------------------------------------------------------------


def said(run: PlaybookResult) -> dict[str, dict[str, Any]]:
    """What each module that may change something said: actions, diff, disruptions, whether and why it refused."""
    kept = ("actions", "diff", "disruptions", "refused", "changed", "warnings")
    found = {}
    for task in run.tasks:
        name = task.action.removeprefix(COLLECTION)
        if task.action.startswith(COLLECTION) and name != READS_ONLY and task.outcome != "skipped":
            words = {key: task.result.get(key) for key in kept if key in task.result}
            found[name] = {**words, "why": task.result.get("msg", "") if task.result.get("failed") else ""}
    return found


@dataclass
class Prediction:
    """What must be after the real run, and what may be different without being named."""

    wanted: dict[str, str | None] = field(default_factory=dict)
    """Facts by name, with the value that was foretold."""
    restart: bool = False
    reload: bool = False
    disrupted: list[str] = field(default_factory=list)
    possible: dict[str, str | None] = field(default_factory=dict)
    """Facts that may become so, and only so, by what was said beside the diffs."""


# Said of a start of dockerd, in actions and warnings.
_ANEW = re.compile(r"^restart .*it recreates network \S+ \((?P<bridge>\S+)\) with .*\bmtu (?P<mtu>\d+)")
_CLOSES = re.compile(r"dockerd turns it on, and closes the chain FORWARD")


def prediction(spoken: Mapping[str, Mapping[str, Any]], before: Facts) -> Prediction:
    """Read the diffs and actions of all modules as the facts that they promise."""
    found = Prediction()
    for words in spoken.values():
        for diff in words.get("diff") or []:
            found.wanted.update(_promised(diff, before))
        for action in words.get("actions") or []:
            found.restart |= action.startswith("restart ")
            anew = _ANEW.match(action)
            if anew is not None:
                found.possible[f"sysctl:net.ipv6.conf.{anew['bridge']}.mtu"] = anew["mtu"]
            found.reload |= action.startswith("reload ")
        if any(_CLOSES.search(str(warning)) for warning in words.get("warnings") or []):
            found.possible["policy:ipv4 filter FORWARD"] = "DROP"
        found.disrupted += [item["name"] for item in words.get("disruptions") or []]
    return found


_TABLES = {
    "running sysctls": (r"(?P<key>\S+) = (?P<value>.*)", "sysctl:{key}"),
    "hairpin mode of bridge ports": (r"\S+ (?P<key>\S+) .* (?P<value>on|off)", "hairpin:{key}"),
    "policies of table filter": (r"(?P<family>\S+) (?P<chain>\S+) (?P<value>\S+)", "policy:{family} filter {chain}"),
}
_SWITCH = {"on": "1", "off": "0"}


def _promised(diff: Mapping[str, str], before: Facts) -> Iterator[tuple[str, str | None]]:
    title = diff["before_header"]
    if title in _TABLES:
        pattern, name = _TABLES[title]
        for line in diff["after"].splitlines():
            row = re.fullmatch(pattern, line)
            assert row is not None, f"a line of {title!r} that nobody can read: {line!r}"
            yield name.format(**row.groupdict()), _SWITCH.get(row["value"], row["value"])
    elif title == "rule":
        yield "rule", diff["after"].strip() or None
    elif title.startswith("state of "):
        state = diff["after"].strip()
        yield f"unit:{title.removeprefix('state of ')}", None if state == "absent" else state
    else:
        path = title
        while f"link:{path}" in before:
            path = before[f"link:{path}"]
        yield f"file:{path}", diff["after"] or None


# ---- what became true ------------------------------------------------------------------------------------------------

# Changes that no diff names, each with the reason. Patterns of facts; the key says when they count.
UNNAMED: dict[str, dict[str, str]] = {
    "always": {
        "mode:*": "the mode of a file that a diff names; that of others is compared below",
        "link:/etc/systemd/system/*.wants/dockernet-*": "how systemd keeps that a unit is enabled, which a diff names",
    },
    "forwarding": {
        "sysctl:net.ipv4.conf.*.forwarding": "the kernel sets it on all interfaces with ip_forward",
        "sysctl:net.ipv6.conf.*.forwarding": "the kernel sets it on all interfaces with conf.all.forwarding",
        "sysctl:net.ipv4.ip_forward": "another name of net.ipv4.conf.all.forwarding",
        "sysctl:net.ipv4.conf.all.accept_redirects": "the kernel: a router heeds no redirects",
    },
    "restart": {
        "daemon:pid": "a restart is a new process",
        "daemon:live-restore": "named as a key of daemon.json",
        "rules:*": "dockerd makes its rules anew, for the mode that it starts with",
        "policy:ipv6 filter FORWARD": "dockerd before 28 closes it at every start with ip6tables on",
        "policy:* * DOCKER*": "chains of dockerd come and go with its mode",
        "routes": "dockerd gives its bridges their addresses again, and the IPv6 routes that they lost without carrier",
        "sysctl:net.ipv4.ip_forward": "dockerd turns forwarding on when it starts, if ip-forward does not forbid it",
        "sysctl:net.ipv4.conf.*.forwarding": "as above",
        "sysctl:net.ipv4.conf.all.accept_redirects": "as above",
        "sysctl:net.ipv6.conf.*.forwarding": "dockerd turns it on when it starts and a network has IPv6",
        "network:bridge": "dockerd makes its default network anew where no container holds it",
        "proxies": "docker-proxy goes or comes with the mode",
        "sysctl:net.ipv4.conf.*.route_localnet": "dockerd sets it on its bridges when it starts without docker-proxy",
        "sysctl:net.bridge.*": "dockerd loads br_netfilter and sets it when it starts without docker-proxy",
    },
    "reload": {
        "daemon:live-restore": "named as a key of daemon.json",
    },
    "disruption": {
        "container:*": "named as a disruption",
        "hairpin:veth*": "a container that is started again has a new port",
        "sysctl:net.*.veth*": "a container that is started again has a new interface",
        "routes": "a container that is started again may have another address",
        "sysctl:net.*.docker0.*": "dockerd makes its default bridge anew where no container holds it",
    },
}
_FORWARDING = (
    "sysctl:net.ipv4.ip_forward",
    "sysctl:net.ipv4.conf.all.forwarding",
    "sysctl:net.ipv6.conf.all.forwarding",
)


def unforeseen(found: Prediction, before: Facts, after: Facts) -> list[str]:
    """Sentences about what changed and was not foretold, and what was foretold and did not become true."""
    circumstances = {
        "always": True,
        "forwarding": any(key in found.wanted for key in _FORWARDING),
        "restart": found.restart,
        "reload": found.reload,
        "disruption": found.restart and bool(found.disrupted),
    }
    excused = [pattern for name, patterns in UNNAMED.items() if circumstances[name] for pattern in patterns]
    complaints = []
    for name, (old, new) in differences(before, after).items():
        if name in found.possible and found.possible[name] == new:
            continue
        if name in found.wanted or any(fnmatch.fnmatchcase(name, pattern) for pattern in excused):
            continue
        complaints.append(f"not foretold: {name} went from {_short(old)} to {_short(new)}")
    for name, value in found.wanted.items():
        if _value(after, name) != value:
            complaints.append(f"foretold: {name} becomes {_short(value)}, and it is {_short(after.get(name))}")
        elif _value(before, name) == value:
            complaints.append(f"foretold: {name} becomes {_short(value)}, which it was before")
    return complaints + _modes(found, before, after)


def _value(facts: Facts, name: str) -> str | None:
    return facts.get(name, "ACCEPT" if name.startswith("policy:") else None)


def _modes(found: Prediction, before: Facts, after: Facts) -> list[str]:
    """A file that was there keeps its mode and owner; a new one is open to be read, and written by root alone."""
    complaints = []
    for name, (old, new) in differences(before, after).items():
        if name.startswith("mode:") and new is not None and new != (old or "100644 0 0"):
            complaints.append(f"{name} went from {old} to {new}")
    return complaints


def _short(value: str | None) -> str:
    return "nothing" if value is None else repr(value if len(value) <= 300 else f"{value[:300]}...")
