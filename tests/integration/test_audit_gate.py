"""The gate of the role audit, by real runs of ansible-playbook over saved snapshots: exit status and JUnit agree."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import LINKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import LEVELS

from tests.lab.ansible_runs import PlaybookResult, ansible_playbook
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
    "unreachable": {
        "audit_snapshot": None,
        "ansible_connection": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_port": 1,
    },
}
NOT_AUDITED = ("wrong-waiver", "no-check", "no-check-left", "no-file", "unreachable")


def levels_of(kind: str) -> tuple[str, ...]:
    """The levels at which a kind of host is tried: those on both sides of where its gate closes, or the outer ones.

    All combinations are tried without Ansible, in tests/unit/plugins/plugin_utils/test__gate.py.
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
        return LOST if kind == "unreachable" else CLOSED
    if level == "none" or kind in ("passes", "waived", "bound"):
        return OPEN
    if kind == "unknown":
        return CLOSED if variables.get("audit_fail_on_unknown", True) else OPEN
    severity = "high" if kind in ("expired", "refused", "of-another-host") else kind.removeprefix("fails-")
    return CLOSED if SEVERITIES.index(severity) <= SEVERITIES.index(level) else OPEN


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate")
    published = SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",))
    snapshots = {"published": published, "healthy": SyntheticHost(), "blind": SyntheticHost().unread(LINKS)}
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
    groups = {"audited": {"hosts": hosts}, "empty": {"hosts": {}}}
    path.write_text(json.dumps({"all": {"children": groups}}))
    return path


def run(
    inventory: Path, *options: str, playbook: str = AUDIT, limit: tuple[str, ...] = (), **variables: Any
) -> PlaybookResult:
    identity = cast(Any, SimpleNamespace(inventory=inventory))
    done = ansible_playbook(playbook, identity, limit=limit, extra_vars=variables, options=options, timeout=120)
    assert "Traceback" not in done.out + done.err
    assert "DEPRECATION" not in done.out + done.err
    return done


def suites(folder: Path) -> dict[str, ElementTree.Element]:
    return {
        path.stem: ElementTree.parse(path).getroot()[0]  # noqa: S314 (our own)
        for path in folder.glob("*.xml")
    }


def test_each_host_fails_exactly_as_its_files_say(inventory: Path, tmp_path: Path) -> None:
    done = run(inventory, audit_output_dir=str(tmp_path))
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


@pytest.mark.parametrize(
    "name", ["passes.info", "waived.info", "fails-low.medium", "fails-high.high", "expired.info", "unreachable.none"]
)
def test_exit_status_over_one_host(inventory: Path, name: str) -> None:
    assert run(inventory, limit=(name,)).rc == expected(name)


@pytest.mark.parametrize(
    ("limit", "pattern"),
    [((), "empty"), (("passes.info",), "waived.none"), (("nosuch",), "all")],
)
def test_no_host_is_a_failure(inventory: Path, limit: tuple[str, ...], pattern: str) -> None:
    done = run(inventory, limit=limit, dockernet_hosts=pattern)
    assert done.rc == (1 if limit == ("nosuch",) else LOST)
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
    assert done.rc != OPEN
    assert "audit_fail_on must be one of" in done.out
    assert done.of("dockernet.baseline.docker_netcheck") == []


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
        timeout=120,
    )
    assert done.returncode == CLOSED, done.stdout + done.stderr
    assert re.search(rf"document_path: {tmp_path}/tmp/[^/\n]+/dockernet-audits/fails-high\.high\.json\n", done.stdout)
    assert list((tmp_path / "tmp").iterdir()) == []
