"""Runs of the role harden on lab hosts, and the state of a host that they are held against."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain

from tests.integration.host_state import host_state
from tests.integration.snapshots import install_readers, read_host
from tests.lab.ansible_runs import PlaybookResult
from tests.lab.host import Host
from tests.lab.lab import Lab

HARDEN = "dockernet.baseline.harden_docker_net"
NETCHECK = "dockernet.baseline.docker_netcheck"
_REPORT = re.compile(
    r"^\S+: (?:before|what would be reverted|reverted changes|current findings).*?(?=^(?:TASK|PLAY|ok:))",
    re.MULTILINE | re.DOTALL,
)
CHANGES = tuple(
    f"dockernet.baseline.{name}"
    for name in (
        "ip_forward",
        "daemon_config",
        "bridge_hairpin",
        "bridge_network",
        "baseline_rollback",
    )
)


def run(lab: Lab, host: Host, book: str = HARDEN, *, check: bool = False, **variables: Any) -> PlaybookResult:
    """Run a playbook on one host, and hold that it showed nobody a traceback or a deprecation of ours."""
    done = lab.ansible_playbook(book, limit=[host.name], extra_vars=variables, check=check, diff=check)
    assert "Traceback" not in done.out + done.err, done.out + done.err
    assert "DEPRECATION" not in done.out + done.err, done.out + done.err
    return done


def harden(lab: Lab, host: Host, **variables: Any) -> PlaybookResult:
    done = run(lab, host, **variables)
    assert done.rc == 0, done.out + done.err
    return done


def audits(done: PlaybookResult) -> list[dict[str, Any]]:
    return [task.result for task in done.of(NETCHECK) if task.outcome == "ok"]


def changes(done: PlaybookResult) -> dict[str, dict[str, Any]]:
    """The results of the modules that ran, by their short names."""
    tasks = [task for name in CHANGES for task in done.of(name) if task.outcome != "skipped"]
    return {task.action.rpartition(".")[2]: task.result for task in tasks}


def actions(done: PlaybookResult) -> dict[str, list[str]]:
    return {name: result["actions"] for name, result in changes(done).items()}


def failing(audit: dict[str, Any], check: str) -> list[dict[str, Any]]:
    return [item for item in audit["findings"] if item["check"] == check and item["outcome"] == "fail"]


def table(done: PlaybookResult) -> str:
    """What the role printed last, on one line, so that it does not matter where it was wrapped."""
    shown = _REPORT.findall(done.out)
    return re.sub(r"\s+", " ", str(shown[-1]))


def state(host: Host) -> dict[str, Any]:
    """All that a run could have changed: as the host's own programs show it, and the snapshot without what moves."""
    install_readers(host)
    snapshot = read_host(host)
    proxies = [replace(proxy, pss=None, rss=None) for proxy in snapshot.proxies]
    # The engine tells its networks in any order; the rules are among what the host's programs show.
    networks = sorted(snapshot.networks, key=lambda network: network.name)
    sources = {name: replace(source, seconds=0.0) for name, source in snapshot.sources.items()}
    # Reckoned back from now, to the microsecond; another dockerd has another process id.
    daemon = replace(snapshot.daemon, started_at=0.0) if snapshot.daemon is not None else None
    # Each connection to the host is counted, this one too.
    sysctls = {key: value for key, value in snapshot.sysctls.items() if key != "net.netfilter.nf_conntrack_count"}
    still = replace(
        snapshot,
        taken_at="",
        seconds=0.0,
        sources=sources,
        daemon=daemon,
        proxies=proxies,
        networks=networks,
        ruleset=None,
        sysctls=sysctls,
    )
    return {"programs": host_state(host), **to_plain(still)}


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}


def settled(host: Host) -> dict[str, Any]:
    """The host's state once its interfaces have no address that waits to be confirmed."""
    host.wait_for(lambda: not host.run("ip -6 address show tentative").out, 120, "addresses to settle")
    return state(host)


def starts(host: Host) -> int:
    """How often dockerd was started since boot, by the word of systemd: a log-level can keep back dockerd's own."""
    lines = host.run("journalctl --boot --unit docker.service --no-pager --output=cat", check=False).out.splitlines()
    return sum(line.startswith("Started ") for line in lines)
