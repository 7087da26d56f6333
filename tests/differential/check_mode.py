"""Hardens hosts that were broken at random, first in check mode: what it foretells must become true, and nothing else.

    python -m tests.differential.check_mode --cases 100 --seed 1
    python -m tests.differential.check_mode --seed 77 --only 26 --only 36

Needs a lab; its hosts share the cases among them: with all four, a case has the same kind of host each time. Exits with
1 when a run did anything else than it had foretold.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.differential.broken_hosts import BrokenHost, broken_host
from tests.differential.predictions import Prediction, differences, host_facts, prediction, said, unforeseen
from tests.integration.snapshots import install_readers, read_host
from tests.lab.ansible_runs import PlaybookResult
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.machine_lock import file_lock
from tests.lab.proc import LabError

PLAYBOOK = "dockernet.baseline.harden_docker_net"
TRACKED_CONNECTIONS = "net.netfilter.nf_conntrack_count"


@dataclass
class Verdict:
    """One broken host: what was done, and what was wrong about it."""

    case: BrokenHost
    kind: str
    complaints: list[str] = field(default_factory=list)
    spoken: dict[str, dict[str, Any]] = field(default_factory=dict)
    void: str = ""
    """Why the host could not be broken in this way; then there is no verdict."""

    def __str__(self) -> str:
        if self.void:
            return f"{self.kind}, {self.case}\n  could not be broken so: {self.void}"
        heads = "\n".join(f"  * {complaint}" for complaint in self.complaints)
        actions = "\n".join(
            f"    {name}: {words.get('actions') or words['why'] or 'nothing to do'}"
            for name, words in self.spoken.items()
        )
        return f"{self.kind}, {self.case}\n  foretold:\n{actions}\n{heads}"


def run_case(lab: Lab, host: Host, case: BrokenHost) -> Verdict:
    """Break a host that was reset, harden it in check mode, really, and once more."""
    verdict = Verdict(case, host.kind)
    try:
        case.apply(host)
    except LabError as error:
        verdict.void = str(error)
        return verdict
    install_readers(host)
    before, read_before = host_facts(host), read_host(host)
    foretold = _harden(lab, host, case, check=True)
    verdict.spoken = said(foretold)
    verdict.complaints += [
        f"check mode changed {name}: {old} -> {new}"
        for name, (old, new) in differences(before, host_facts(host)).items()
    ]
    done = _harden(lab, host, case)
    verdict.complaints += _spoken_otherwise(verdict.spoken, said(done))
    after, read_after = host_facts(host), read_host(host)
    expected = prediction(verdict.spoken, before)
    verdict.complaints += unforeseen(expected, before, after) + unforeseen_by_readers(expected, read_before, read_after)
    again = _harden(lab, host, case)
    changed = again.stats.get(host.name, {}).get("changed")
    verdict.complaints += [] if changed == 0 else [f"the second run changed something again: {said(again)}"]
    verdict.complaints += [f"the second run changed {name}" for name in differences(after, host_facts(host))]
    verdict.complaints += [
        f"a traceback: {run.out}{run.err}" for run in (foretold, done, again) if "Traceback" in run.out + run.err
    ]
    return verdict


def _harden(lab: Lab, host: Host, case: BrokenHost, *, check: bool = False) -> PlaybookResult:
    return lab.ansible_playbook(PLAYBOOK, limit=[host.name], extra_vars=case.variables, check=check, diff=True)


def _spoken_otherwise(foretold: dict[str, dict[str, Any]], done: dict[str, dict[str, Any]]) -> list[str]:
    """Where check mode and the real run did not say the same. A module that found nothing to do might not have run."""
    complaints = []
    for name in sorted({*foretold, *done}):
        one, other = (_unless_idle(words.get(name, {})) for words in (foretold, done))
        complaints += [
            f"{name}: {key} in check mode {one.get(key)!r}, really {other.get(key)!r}"
            for key in sorted({*one, *other} - {"warnings"})
            if one.get(key) != other.get(key)
        ]
    return complaints


def _unless_idle(words: dict[str, Any]) -> dict[str, Any]:
    return words if words.get("actions") or words.get("why") else {}


# ---- the readers' view -----------------------------------------------------------------------------------------------

# Parts of the snapshot that may differ, by what the plan named. The values themselves are compared by the facts.
_PARTS = {
    "sysctl:": {"sysctls"},
    "hairpin:": {"links"},
    "policy:": {"ruleset"},
    "file:/etc/docker/": {"daemon_config"},
    "file:/srv/": {"daemon_config"},
    "file:/etc/": {"boot", "service"},
}


def unforeseen_by_readers(found: Prediction, before: HostSnapshot, after: HostSnapshot) -> list[str]:
    """Parts of the readers' snapshot that changed though nothing in the plan reaches them."""
    free = {"taken_at"}
    for name in found.wanted:
        for start, parts in _PARTS.items():
            free |= parts if name.startswith(start) else set()
    if found.restart or found.reload:
        free |= {"engine"}
    if found.restart:
        free |= {"daemon", "service", "proxies", "ruleset", "sysctls", "networks", "routes"}
        # docker-proxy, or dockerd in its place, listens anew; so does dockerd's name server inside the containers.
        free |= {"listeners", "container_namespaces"}
    if any(name.endswith(".mtu") for name in found.possible):
        free |= {"links"}
    if found.restart and found.disrupted:
        free |= {"containers", "links", "routes"}
    one, other = _still(before), _still(after)
    return [
        f"the readers see another {part}: {differences(_flat(one[part]), _flat(other[part]))}"
        for part in one
        if part not in free and one[part] != other[part]
    ]


def _still(snapshot: HostSnapshot) -> dict[str, Any]:
    """The snapshot without what moves by itself, and lists that have no order in one."""
    plain = to_plain(snapshot)
    for proxy in plain["proxies"]:
        proxy["pss"] = proxy["rss"] = None
    plain["networks"].sort(key=lambda network: network["name"])
    if plain["daemon"]:
        # By the wall clock, which can be set while a case runs; the number of the process tells it from another one.
        plain["daemon"]["started_at"] = None
    plain["sources"] = {item["name"]: item["value"]["read"] for item in plain["sources"]}
    # The facts have the rules, without counters; what is tracked comes and goes, and reading takes its time.
    plain["ruleset"] = plain["conntrack"] = plain["seconds"] = None
    plain["sysctls"] = [item for item in plain["sysctls"] if item["name"] != TRACKED_CONNECTIONS]
    return dict(plain)


def _flat(value: Any, path: str = "") -> dict[str, str]:
    if isinstance(value, dict):
        return {name: text for key, item in value.items() for name, text in _flat(item, f"{path}.{key}").items()}
    if isinstance(value, list):
        return {name: text for key, item in enumerate(value) for name, text in _flat(item, f"{path}.{key}").items()}
    return {path: repr(value)}


# ---- many ------------------------------------------------------------------------------------------------------------


def main() -> int:
    """Share the cases among the lab's hosts and print what was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--only", type=int, action="append", help="just this case; may be given again")
    parser.add_argument("--seconds", type=float, default=0, help="begin no case after so many")
    asked = parser.parse_args()
    lab = Lab.open()
    hosts = [lab.host(name) for name in lab.hosts]
    numbers = asked.only or range(asked.first, asked.first + asked.cases)
    started = time.monotonic()

    def work(place: int) -> list[Verdict]:
        verdicts = []
        for number in (number for number in numbers if number % len(hosts) == place):
            if asked.seconds and time.monotonic() - started > asked.seconds:
                break
            with file_lock(lab.identity.state / "busy" / hosts[place].name):
                hosts[place].reset()
                verdict = run_case(lab, hosts[place], broken_host(asked.seed, number))
            print(verdict if verdict.complaints or verdict.void else f"{verdict.kind} {number}: ok", flush=True)
            verdicts.append(verdict)
        return verdicts

    with ThreadPoolExecutor(len(hosts)) as pool:
        verdicts = [verdict for some in pool.map(work, range(len(hosts))) for verdict in some]
    return _report(verdicts, asked.seed)


def _report(verdicts: list[Verdict], seed: int) -> int:
    wrong = [verdict for verdict in verdicts if verdict.complaints]
    void = [verdict for verdict in verdicts if verdict.void]
    acted: Counter[str] = Counter()
    for verdict in verdicts:
        for name, words in verdict.spoken.items():
            acted[f"{name} {'refused' if words.get('refused') else 'changes' if words.get('actions') else 'idle'}"] += 1
    print(f"\n{', '.join(f'{name}: {count}' for name, count in sorted(acted.items()))}")
    tried = len(verdicts) - len(void)
    print(f"{tried} broken hosts (seed {seed}): {tried - len(wrong)} as foretold, {len(wrong)} not, {len(void)} void")
    return 1 if wrong or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
