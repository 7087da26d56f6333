"""The gate of the role audit, by real runs of ansible-playbook over saved snapshots: exit status and JUnit agree."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import LINKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import LEVELS

from tests.lab.ansible_runs import PLAYBOOK_LIMIT, PlaybookResult, ansible_playbook
from tests.lab.identity import ROOT
from tests.unit.synthetic_host import SyntheticHost

AUDIT = "dockernet.baseline.audit_docker_net"
PROGRAM = str(Path(sys.executable).with_name("ansible-playbook"))
CHECK = "publish.wildcard"
BLIND = "hairpin.missing"
OPEN, CLOSED, LOST = 0, 2, 4
SEVERITIES = ("high", "medium", "low", "info")


def waiver(expires: str, **more: Any) -> dict[str, Any]:
    return {"check": CHECK, "reason": "edge host", "owner": "netops", "expires": expires, **more}


# What each host is told; all but one are saved snapshots that the controller judges.
HOSTS: dict[str, dict[str, Any]] = {
    "passes": {"audit_snapshot_path": "healthy.json"},
    **{f"fails-{severity}": {"audit_severities": {CHECK: severity}} for severity in SEVERITIES},
    "unknown": {"audit_snapshot_path": "blind.json", "audit_checks": [CHECK, BLIND], "audit_exclude": [CHECK]},
    "waived": {"audit_severities": {CHECK: "high"}, "audit_waivers": [waiver("2999-12-31")]},
    "expired": {"audit_severities": {CHECK: "high"}, "audit_waivers": [waiver("2020-12-31")]},
    "refused": {
        "audit_severities": {CHECK: "high"},
        "audit_waivers": [waiver("2999-12-31", selector="labels.team == 'edge' || container == 'web'")],
        "audit_refuse_waivers_by": ["labels"],
    },
    "bound": {
        "audit_severities": {CHECK: "high"},
        "audit_waivers": [waiver("2999-12-31", selector="contains(published, '0.0.0.0:80/tcp')", hosts=["bound*"])],
        "audit_refuse_waivers_by": ["labels", "image"],
    },
    "of-another-host": {
        "audit_severities": {CHECK: "high"},
        "audit_waivers": [waiver("2999-12-31", hosts=["bound*"])],
    },
    "wrong-waiver": {"audit_waivers": [waiver("2999-12-31", selector="kind ==")]},
    "no-check": {"audit_checks": ["no.such"]},
    "no-check-left": {"audit_exclude": [CHECK]},
    "no-file": {"audit_snapshot_path": "gone.json"},
    "without-docker": {"audit_snapshot_path": "absent.json", "audit_checks": ["*"]},
    "unreachable": {
        "audit_snapshot": None,
        "ansible_connection": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_port": 1,
    },
}
# Of these some have no file of the audit, and are run one by one.
BROKEN: dict[str, dict[str, Any]] = {
    "no-root": {"ansible_connection": "local", "ansible_become_user": "daemon", "ansible_become_exe": "/gone/sudo"},
    "no-answer": {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": "/bin/true"},
}
NOT_AUDITED = ("wrong-waiver", "no-check", "no-check-left", "no-file", "unreachable")


def levels_of(kind: str) -> tuple[str, ...]:
    """The levels at which a kind of host is tried: those on both sides of where its gate closes, or the outer ones.

    All combinations are tried without Ansible, in tests/unit/plugins/plugin_utils/report/test_gate_table.py.
    """
    severity = kind.removeprefix("fails-")
    if severity not in SEVERITIES:
        return "none", "info"
    strictest_open = "none" if severity == SEVERITIES[0] else LEVELS[LEVELS.index(severity) - 1]
    return strictest_open, severity


def variants() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every kind of host at its levels, by name."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for kind, variables in HOSTS.items():
        for level in levels_of(kind):
            found[f"{kind}.{level}"] = (kind, {**variables, "audit_fail_on": level})
    found["unknown.pardoned"] = (
        "unknown",
        {**HOSTS["unknown"], "audit_fail_on": "low", "audit_fail_on_unknown": False},
    )
    return found


VARIANTS = variants()


def expected(name: str) -> int:
    """What a run over the host of this name alone is to end with."""
    kind, variables = VARIANTS[name]
    level = variables["audit_fail_on"]
    if kind in NOT_AUDITED:
        return LOST
    if level == "none" or kind in ("passes", "waived", "bound", "without-docker"):
        return OPEN
    if kind == "unknown":
        return CLOSED if variables.get("audit_fail_on_unknown", True) else OPEN
    severity = "high" if kind in ("expired", "refused", "of-another-host") else kind.removeprefix("fails-")
    return CLOSED if SEVERITIES.index(severity) <= SEVERITIES.index(level) else OPEN


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate")
    published = SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",))
    absent = SyntheticHost().unread("engine", kind="absent", reason="no Docker Engine here")
    snapshots = {
        "published": published,
        "healthy": SyntheticHost(),
        "blind": SyntheticHost().unread(LINKS),
        "absent": absent,
    }
    for name, host in snapshots.items():
        (folder / f"{name}.json").write_text(host.snapshot().to_json())
    common = {
        "audit_snapshot": "audit",
        "audit_snapshot_path": "published.json",
        "audit_checks": [CHECK],
        "audit_reachability": "none",
        "ansible_ssh_common_args": "-o BatchMode=yes",
    }
    hosts = {name: {**common, **variables} for name, (dummy, variables) in VARIANTS.items()}
    for variables in hosts.values():
        variables["audit_snapshot_path"] = str(folder / variables["audit_snapshot_path"])
        if variables["audit_snapshot"] is None:
            del variables["audit_snapshot"], variables["audit_snapshot_path"]
    path = folder / "hosts.yml"
    groups = {"audited": {"hosts": hosts}, "broken": {"hosts": BROKEN}, "empty": {"hosts": {}}}
    path.write_text(json.dumps({"all": {"children": groups}}))
    return path


def run(
    inventory: Path, *options: str, playbook: str = AUDIT, limit: tuple[str, ...] = (), **variables: Any
) -> PlaybookResult:
    identity = cast(Any, SimpleNamespace(inventory=inventory))
    done = ansible_playbook(playbook, identity, limit=limit, extra_vars=variables, options=options)
    assert "Traceback" not in done.out + done.err
    assert "DEPRECATION" not in done.out + done.err
    return done


def suites(folder: Path) -> dict[str, ElementTree.Element]:
    return {
        path.stem: ElementTree.parse(path).getroot()[0]  # noqa: S314 (our own)
        for path in folder.glob("*.xml")
    }


@pytest.mark.long
def test_each_host_fails_exactly_as_its_files_say(inventory: Path, tmp_path: Path) -> None:
    done = run(inventory, audit_output_dir=str(tmp_path), dockernet_hosts="audited")
    assert done.rc == LOST
    written = suites(tmp_path)
    assert set(written) == set(done.stats) == set(VARIANTS)
    for name, stats in done.stats.items():
        ends = expected(name)
        assert (stats["failures"] > 0, stats["unreachable"] > 0) == (ends == CLOSED, ends == LOST), name
        closing = int(written[name].attrib["failures"]) + int(written[name].attrib["errors"])
        assert (closing > 0) == (ends != OPEN), name
        document = json.loads((tmp_path / f"{name}.json").read_text())
        assert document["host"]["inventory_name"] == name
        assert ("error" in document) == (VARIANTS[name][0] in NOT_AUDITED)
        told = {child.tag: child.attrib["message"] for case in written[name].findall("testcase") for child in case}
        if name.startswith("waived."):
            assert told == {"skipped": "waived until 2999-12-31 by netops: edge host"}
        if name.startswith("unknown."):
            assert list(told) == ["error" if ends else "skipped"]
    reasons = {
        name: suite.findall("testcase/error")[0].attrib["message"]
        for name, suite in written.items()
        if expected(name) and name.endswith(".none")
    }
    assert "waivers[0].selector" in reasons["wrong-waiver.none"]
    assert "'no.such'" in reasons["no-check.none"]
    assert "excluded" in reasons["no-check-left.none"]
    assert "gone.json" in reasons["no-file.none"]
    assert "port 1" in reasons["unreachable.none"]
    assert done.out.count("Waivers that are refused, and cover nothing:") == len(levels_of("refused"))
    assert done.out.count("not audited") >= 2 * len(NOT_AUDITED)


@dataclass(frozen=True)
class Row:
    """A row of the table of exit statuses: hosts, options and variables of a run that it is about."""

    limit: tuple[str, ...]
    status: int
    said: str
    """In what Ansible prints, blanks made one."""
    options: tuple[str, ...] = ()
    variables: dict[str, Any] = field(default_factory=dict)


NO_DOCKER = ("without-docker.none", "without-docker.info")
TABLE: dict[str, list[Row]] = {
    "every host was audited, and nothing closes a gate": [
        Row(("passes.info", "waived.info", "without-docker.info"), OPEN, "Gate passed")
    ],
    "a check failed at `audit_fail_on` or above": [
        Row(("fails-high.high", "passes.info"), CLOSED, "Gate failed on 1 of 2 hosts"),
        Row(("expired.info",), CLOSED, "1 failed with severity high"),
        Row(("refused.info",), CLOSED, "1 failed with severity high"),
    ],
    "something is unknown (not evaluated)": [
        Row(("unknown.info",), CLOSED, "1 unknown (not evaluated)"),
        Row(("unknown.pardoned",), OPEN, "Gate passed"),
    ],
    "no host of the run has a Docker Engine": [Row(NO_DOCKER, CLOSED, "no host of this run has a Docker Engine")],
    "a host could not be reached": [Row(("unreachable.none",), LOST, "could not be reached")],
    "a host refused to let the audit become root": [
        Row(("no-root",), LOST, "not audited: become: sudo is not installed")
    ],
    "an option is wrong": [
        Row(("wrong-waiver.none",), LOST, "waivers[0].selector"),
        Row(("no-check.none",), LOST, "'no.such'"),
        Row(("no-check-left.none",), LOST, "excluded"),
        Row(("passes.none",), LOST, "audit_fail_on must be one of", variables={"audit_fail_on": "hgh"}),
    ],
    "the audit was aborted": [
        Row(("no-answer",), LOST, "not audited: "),
        Row(("no-file.none",), LOST, "gone.json"),
    ],
    "a report could not be made or written": [Row(("passes.none",), LOST, "output_dir: ")],
    "findings on some hosts, an error on others": [
        Row(("fails-high.high", "no-file.none"), LOST, "Gate failed on 2 of 2 hosts"),
        Row(("fails-high.high", "unreachable.none"), LOST, "Gate failed on 2 of 2 hosts"),
    ],
    "the pattern leaves no host": [
        Row(("passes.info",), LOST, "no host is left", variables={"dockernet_hosts": "waived.none"}),
        Row(("passes.info",), LOST, "--skip-tags audit leaves out the audit", ("--skip-tags", "audit")),
        Row(("passes.info",), LOST, "--skip-tags always leaves out tasks", ("--skip-tags", "always")),
        Row(("passes.info",), LOST, "--start-at-task leaves out tasks", ("--start-at-task", "Close the gate")),
    ],
    "`--limit` leaves no host of the inventory": [
        Row(("nosuch",), 1, "Specified inventory, host pattern and/or --limit leaves us with no hosts to target"),
        Row(("passes.info",), 1, "gone.yml", ("--extra-vars", "@gone.yml")),
    ],
}
"""By how the row of docs/gate.md begins."""
# All combinations are tried without Ansible, in tests/unit/plugins/plugin_utils/report/test_gate_table.py.
ROWS = [
    pytest.param(row, id=f"{begin}-{at}", marks=[pytest.mark.long] if at else [])
    for begin, rows in TABLE.items()
    for at, row in enumerate(rows)
]


def documented() -> list[tuple[str, int]]:
    """The rows of the page, with their statuses."""
    page = (ROOT / "docs/gate.md").read_text(encoding="utf-8")
    table = page.partition("| what happened | status |\n|---|---|\n")[2]
    rows = table.partition("\n\n")[0].splitlines()
    return [(what.strip(), int(status)) for what, status in (row.strip("| ").rsplit("|", 1) for row in rows)]


def test_the_page_has_the_rows_that_are_run() -> None:
    assert [status for dummy, status in documented()] == [rows[0].status for rows in TABLE.values()]
    for (what, dummy), begin in zip(documented(), TABLE, strict=True):
        assert what.startswith(begin)


@pytest.mark.parametrize("row", ROWS)
def test_a_run_ends_with_the_status_of_its_row(inventory: Path, tmp_path: Path, row: Row) -> None:
    if row.said == "output_dir: ":
        # Something else is where a report is to be.
        (tmp_path / "passes.none.xml").mkdir()
    variables = {"audit_output_dir": str(tmp_path), **row.variables}
    done = run(inventory, *row.options, limit=row.limit, **variables)
    told = re.sub(r"\s+", " ", done.out + done.err)
    assert done.rc == row.status, told
    assert row.said in told
    # Reports of all hosts are written before one of them is lost.
    audited = {task.host for task in done.of("dockernet.baseline.audit_host")}
    assert audited in ({*row.limit}, set())
    if row.said != "output_dir: ":
        assert set(suites(tmp_path)) == audited
    assert ("RUN SUMMARY" in done.out) == (len(audited) > 1)


def test_the_baseline_keeps_a_gate_open_for_what_it_knows(inventory: Path, tmp_path: Path) -> None:
    limit = ("fails-high.high", "fails-low.low")
    told = {"audit_output_dir": str(tmp_path / "first"), "dockernet_hosts": "audited"}
    assert run(inventory, limit=limit, **told).rc == CLOSED
    told = {"audit_output_dir": str(tmp_path / "second"), "audit_baseline": str(tmp_path / "first")}
    done = run(inventory, limit=limit, **told)
    assert done.rc == OPEN
    assert "Baseline: 2 failed findings in it, none new or worse" in done.out
    assert {suite.attrib["failures"] for suite in suites(tmp_path / "second").values()} == {"0"}
    # Of one host it is gone, and the finding of the other is more severe now.
    (tmp_path / "first/fails-high.high.json").unlink()
    done = run(inventory, limit=limit, audit_severities={CHECK: "high"}, **told)
    assert done.rc == CLOSED
    assert [done.stats[host]["failures"] for host in limit] == [1, 1]
    assert "No baseline for 1 host: fails-high.high: fails-high.high.json does not exist" in done.out


@pytest.mark.parametrize(
    ("limit", "pattern"),
    [((), "empty")],
)
def test_no_host_is_a_failure(inventory: Path, limit: tuple[str, ...], pattern: str) -> None:
    done = run(inventory, limit=limit, dockernet_hosts=pattern)
    assert done.rc == LOST
    assert done.tasks == []


@pytest.mark.parametrize(
    "playbook", [AUDIT, "dockernet.baseline.harden_docker_net", "dockernet.baseline.networks_docker_net"]
)
def test_an_empty_inventory_is_a_failure(tmp_path: Path, playbook: str) -> None:
    nobody = tmp_path / "nobody.yml"
    nobody.write_text("all: {}\n")
    done = run(nobody, playbook=playbook)
    assert done.rc == LOST
    assert "no host is left: the inventory has none" in done.err + done.out


def test_tags_do_not_leave_the_audit_out(inventory: Path) -> None:
    assert run(inventory, "--tags", "nosuch", limit=("fails-high.high",)).rc == CLOSED


def test_a_wrong_variable_fails_before_a_host_is_audited(inventory: Path) -> None:
    done = run(inventory, limit=("passes.none", "fails-high.none"), audit_fail_on="hgh")
    assert done.rc == LOST
    assert "not audited: " in done.out
    assert "audit_fail_on must be one of" in done.out
    assert done.of("dockernet.baseline.audit_host") == []


def test_a_waiver_that_covers_nothing_on_any_host_is_named_once(inventory: Path) -> None:
    unused = waiver("2999-12-31", selector="container == 'gone'")
    used = waiver("2999-12-31", selector="container == 'web'")
    done = run(inventory, limit=("passes.none", "fails-high.none"), audit_waivers=[unused, used])
    assert done.rc == OPEN
    assert done.out.count("waiver that covers nothing") == 1
    (told,) = [task.result["msg"] for task in done.of("ansible.builtin.debug") if task.outcome == "ok"]
    assert told == ["waiver that covers nothing: publish.wildcard where container == 'gone' (netops: edge host)"]


def test_without_a_directory_no_document_outlives_the_run(inventory: Path, tmp_path: Path) -> None:
    # As the command, for it is at its end that Ansible removes what is its own.
    done = subprocess.run(
        [PROGRAM, "-v", "--inventory", str(inventory), "--limit", "fails-high.high,no-file.none", AUDIT],
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"),
            "ANSIBLE_HOME": str(tmp_path / "home"),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=PLAYBOOK_LIMIT,
    )
    assert done.returncode == LOST, done.stdout + done.stderr
    assert re.search(rf"document_path: {tmp_path}/tmp/[^/\n]+/dockernet-audits/fails-high\.high\.json\n", done.stdout)
    assert list((tmp_path / "tmp").iterdir()) == []
