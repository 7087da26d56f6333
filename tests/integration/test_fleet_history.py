"""Reports of all hosts over several runs: what is new, fixed and missing, directories that are merged, a killed run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from tests.lab.ansible_runs import PlaybookResult, ansible_playbook, environment
from tests.lab.host import Host
from tests.unit.synthetic_host import SyntheticHost

AUDIT = "dockernet.baseline.audit_docker_net"
REPORT = "dockernet.baseline.report_docker_net"
LOST = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
CLOSED, NOT_AUDITED = 2, 4


def inventory_in(folder: Path, hosts: dict[str, dict[str, Any]], **variables: Any) -> Path:
    path = folder / "hosts.yml"
    path.write_text(json.dumps({"all": {"vars": variables, "hosts": hosts}}))
    return path


def run(book: str, inventory: Path, *limit: str, **variables: Any) -> PlaybookResult:
    identity = cast(Any, SimpleNamespace(inventory=inventory))
    done = ansible_playbook(book, identity, limit=limit, extra_vars=variables)
    assert "Traceback" not in done.out + done.err
    return done


def report_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def checks(report: dict[str, Any], age: str) -> dict[str, set[str]]:
    """By host, the checks whose findings are of that age."""
    return {
        host["host"]: {item["check"] for item in host["findings"] if item.get("age") == age} for host in report["hosts"]
    }


@pytest.mark.kinds("debian13")
def test_runs_over_hosts_say_what_is_new_fixed_and_missing(fresh_host: Host, tmp_path: Path) -> None:
    lab = yaml.safe_load(fresh_host.identity.inventory.read_text(encoding="utf-8"))["lab"]
    own = lab["hosts"][fresh_host.name]
    inventory = inventory_in(tmp_path, {"web1": own, "web2": own, "web3": own, "lost": LOST}, **lab["vars"])
    out = tmp_path / "out"
    first = run(AUDIT, inventory, audit_output_dir=str(out))
    assert first.rc == NOT_AUDITED, first.out
    # The line is wrapped where the name of the directory is long.
    assert "Fleet report:" in first.out
    report = report_in(out / "fleet")
    assert next((host["host"], host["state"]) for host in report["hosts"]) == ("lost", "unreachable")
    assert report["run"]["hosts"] == 4
    assert (out / "fleet" / "report.html").stat().st_size > 10_000

    fresh_host.run("sysctl -w net.ipv4.ip_forward=0")
    run(AUDIT, inventory, "web1", "web2", "lost", audit_output_dir=str(out))
    report = report_in(out / "fleet")
    assert [(run["hosts"], run["new"] > 0) for run in report["trend"]] == [(4, False), (3, True)]
    new = checks(report, "new")
    assert "forwarding.ipv4" in new["web1"] & new["web2"]
    assert [host["host"] for host in report["vanished"]] == ["web3"]

    fresh_host.run("sysctl -w net.ipv4.ip_forward=1")
    done = run(AUDIT, inventory, audit_output_dir=str(out))
    report = report_in(out / "fleet")
    fixed = {host["host"]: {item["check"] for item in host["fixed"]} for host in report["hosts"]}
    assert "forwarding.ipv4" in fixed["web1"] & fixed["web2"]
    assert (fixed["web3"], fixed["lost"], report["vanished"]) == (set(), set(), [])
    assert "Not part of this run" not in done.out
    assert not any(checks(report, "new").values())


@pytest.fixture
def hosts(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Twelve hosts out of saved snapshots."""
    path = tmp_path / "snapshot.json"
    path.write_text(SyntheticHost().snapshot().to_json())
    saved = {"audit_snapshot": "audit", "audit_snapshot_path": str(path)}
    return {f"web{number:02}": saved for number in range(12)}


def test_directories_of_several_controllers_are_one_report(hosts: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    inventory = inventory_in(tmp_path, {**hosts, "lost": LOST})
    names = [*list(hosts)[:4], "lost"]
    for folder, part in (("a", names[:3]), ("b", names[2:])):
        run(AUDIT, inventory, *part, audit_output_dir=str(tmp_path / folder), audit_history="none")
        assert not (tmp_path / folder / "history.sqlite3").exists()
    directories = [str(tmp_path / "a"), str(tmp_path / "b")]
    wishes = {"report_directories": directories, "report_output_dir": str(tmp_path / "all"), "report_fail_on": "high"}
    done = run(REPORT, inventory, **wishes)
    assert done.rc == NOT_AUDITED, done.out
    report = report_in(tmp_path / "all")
    assert [host["host"] for host in report["hosts"]] == sorted(names)
    (problem,) = report["problems"]
    assert problem.startswith("1 host in more than one directory: the later reading counts, that in ")
    assert problem.endswith("/b: web02")
    assert f"Problem: {problem[:40]}" in done.out
    formats = ["html", "json", "csv", "junit", "sarif", "prometheus", "markdown"]
    run(REPORT, inventory, **{**wishes, "report_directories": ",".join(directories), "report_formats": formats})
    assert {path.suffix for path in (tmp_path / "all").iterdir()} == {
        f".{ending}" for ending in ("html", "json", "csv", "xml", "sarif", "prom", "md")
    }
    assert len(report_in(tmp_path / "all")["trend"]) == 1

    nothing = run(REPORT, inventory, report_directories=str(tmp_path / "none"))
    assert nothing.rc == NOT_AUDITED
    assert "there is no such directory" in nothing.out


SERIAL = """
- hosts: all
  gather_facts: false
  become: true
  serial: 1
  roles: [dockernet.baseline.audit]
"""


@pytest.mark.long
@pytest.mark.kinds("debian13")
def test_hosts_of_later_batches_are_not_reached_until_their_turn(fresh_host: Host, tmp_path: Path) -> None:
    lab = yaml.safe_load(fresh_host.identity.inventory.read_text(encoding="utf-8"))["lab"]
    own, out = lab["hosts"][fresh_host.name], tmp_path / "out"
    inventory = inventory_in(tmp_path, {"web1": own, "web2": own}, **lab["vars"])
    (book := tmp_path / "serial.yml").write_text(SERIAL)
    done = run(str(book), inventory, audit_output_dir=str(out), audit_fail_on="high")
    assert done.rc == 0, done.out
    assert done.out.count("Not reached in this run: 1 host: web2") == 1
    assert "failed" not in report_in(out / "fleet")["run"]["states"]

    # Ansible begins no further batch once all hosts of one are lost.
    fresh_host.run("sysctl -w net.ipv4.ip_forward=0")
    done = run(str(book), inventory, audit_output_dir=str(out), audit_fail_on="high")
    assert (done.rc, set(done.stats)) == (CLOSED, {"web1"}), done.out
    report = report_in(out / "fleet")
    (reason,) = (host["error"]["reason"] for host in report["hosts"] if "error" in host)
    assert reason.startswith("not reached in this run: its batch (serial) has not begun; the document that is there")
    assert [host["gate"]["open"] for host in report["hosts"]] == [False, False]
    # So the gate of a report passes on no host that the run has not seen.
    seen = run(REPORT, inventory, report_directories=[str(out)], report_fail_on="high", report_history="none")
    assert seen.rc == NOT_AUDITED, seen.out


@pytest.mark.long
def test_a_run_that_is_killed_leaves_whole_reports_and_the_next_one_goes_on(
    hosts: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    inventory, out = inventory_in(tmp_path, hosts), tmp_path / "out"
    run(AUDIT, inventory, audit_output_dir=str(out))
    before = {path.name: path.read_bytes() for path in (out / "fleet").iterdir() if path.name != "run.json"}
    times = {path.name: path.stat().st_mtime_ns for path in out.glob("web*.json")}
    command = ["ansible-playbook", "--inventory", str(inventory), "--forks", "1", AUDIT]
    command += ["--extra-vars", json.dumps({"audit_output_dir": str(out)})]
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until and sum(
            path.stat().st_mtime_ns != times[path.name] for path in out.glob("web*.json")
        ) not in range(2, 12):
            time.sleep(0.1)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    # Each document is one of the two runs, and whole; the report is that of the first.
    documents = {path.stem: json.loads(path.read_text()) for path in out.glob("web*.json")}
    assert len({document["run"]["id"] for document in documents.values()}) == 2
    assert {path.name: path.read_bytes() for path in (out / "fleet").iterdir() if path.name != "run.json"} == before
    # What is there says which hosts it has nothing of.
    run(
        REPORT,
        inventory,
        report_directories=[str(out)],
        report_output_dir=str(tmp_path / "killed"),
        report_history="none",
    )
    report = report_in(tmp_path / "killed")
    assert report["run"]["hosts"] == 12
    assert 0 < report["run"]["states"]["failed"] < 12
    assert {host["error"]["reason"].partition(",")[0] for host in report["hosts"] if "error" in host} == {
        "the run left no document of it"
    }
    done = run(AUDIT, inventory, audit_output_dir=str(out))
    assert "Not compared with the last run" not in done.out
    report = report_in(out / "fleet")
    assert "failed" not in report["run"]["states"]
    assert [item["new"] for item in report["trend"]][1:] == [0]
