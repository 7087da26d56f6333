"""The role audit on real engines: the gate, and the file on the controller."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.lab.host import Host
from tests.lab.lab import Lab

AUDIT = "dockernet.baseline.audit_docker_net"


def test_a_gate_closes_after_the_findings_were_shown_and_written(fresh_host: Host, lab: Lab, tmp_path: Path) -> None:
    fresh_host.break_("forwarding-not-persistent")
    wishes = {"audit_fail_on": "medium", "audit_output_dir": str(tmp_path / "new")}
    done = lab.ansible_playbook(AUDIT, limit=[fresh_host.name], extra_vars=wishes, check=True)
    assert done.rc == 2
    assert "audit_fail_on: medium" in done.out
    assert done.out.index("forwarding.persistent") < done.out.index("audit_fail_on: medium")
    assert done.stats[fresh_host.name]["changed"] == 0
    written = tmp_path / "new" / f"{fresh_host.name}.json"
    assert written.stat().st_mode & 0o777 == 0o600
    document = json.loads(written.read_text())
    assert document["host"]["inventory_name"] == fresh_host.name
    failed = {item["check"] for item in document["findings"] if item["outcome"] == "fail"}
    assert "forwarding.persistent" in failed
    assert document["engine"]["version"].startswith(fresh_host.release)
    assert document["sources"]["engine"]["read"] is True
    (suite,) = ElementTree.parse(written.with_suffix(".xml")).getroot()  # noqa: S314 (our own)
    failures = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failures == {item["check"] for item in document["findings"] if closes(item)}
    assert int(suite.attrib["tests"]) == len(document["checks"])


def closes(finding: dict[str, Any]) -> bool:
    return finding["outcome"] == "fail" and finding["severity"] in ("high", "medium")


@pytest.mark.kinds("debian13")
def test_a_host_that_cannot_be_reached_has_its_files_and_a_status_of_its_own(
    engine_host: Host, lab: Lab, tmp_path: Path
) -> None:
    wishes = {"audit_output_dir": str(tmp_path), "ansible_port": 1}
    done = lab.ansible_playbook(AUDIT, limit=[engine_host.name], extra_vars=wishes)
    assert done.rc == 4
    document = json.loads((tmp_path / f"{engine_host.name}.json").read_text())
    assert document["error"]["kind"] == "unreachable"
    assert 'errors="1"' in (tmp_path / f"{engine_host.name}.xml").read_text()


def test_a_gate_stays_open_for_less_than_it_asks(fresh_host: Host, lab: Lab) -> None:
    fresh_host.break_("forwarding-not-persistent")
    done = lab.ansible_playbook(AUDIT, limit=[fresh_host.name], extra_vars={"audit_fail_on": "high"})
    assert done.rc == 0, done.out


def test_the_second_run_says_what_is_new_and_what_is_fixed(fresh_host: Host, lab: Lab, tmp_path: Path) -> None:
    name = fresh_host.name
    fresh_host.break_("forwarding-not-persistent")

    def audit() -> tuple[str, dict[str, Any]]:
        done = lab.ansible_playbook(AUDIT, limit=[name], extra_vars={"audit_output_dir": str(tmp_path)})
        assert done.rc == 0, done.out
        (audited,) = done.of("dockernet.baseline.audit_host", name)
        return done.out, audited.result["audit"].get("since_last_run", {})

    out, changes = audit()
    assert (changes, "last run" in out) == ({}, False)
    taken_at = json.loads((tmp_path / f"{name}.json").read_text())["host"]["taken_at"]
    fresh_host.run("rm /etc/sysctl.d/60-hardening.conf && sysctl -w net.ipv4.ip_forward=0")
    out, changes = audit()
    assert "Since the last run, " in out
    assert changes["taken_at"] == taken_at
    assert "forwarding.ipv4" in {item["check"] for item in changes["new"]}
    assert (changes["problem"], changes["not_compared"]) == ("", [])
    fresh_host.run("sysctl -w net.ipv4.ip_forward=1")
    assert "forwarding.ipv4" in {item["check"] for item in audit()[1]["fixed"]}
    out, changes = audit()
    assert "nothing new, nothing fixed" in out
    assert (changes["new"], changes["fixed"]) == ([], [])


def test_a_host_is_read_for_later_and_not_reported(fresh_host: Host, lab: Lab) -> None:
    saved = {"audit_snapshot": "save", "audit_snapshot_path": "/root/docker-network.json"}
    done = lab.ansible_playbook(AUDIT, limit=[fresh_host.name], extra_vars=saved)
    assert done.rc == 0, done.out
    assert fresh_host.exists("/root/docker-network.json")
    assert "RUN SUMMARY" not in done.out
    # What fails to be saved closes the gate.
    failed = {**saved, "audit_snapshot_path": "/nowhere/docker-network.json"}
    assert lab.ansible_playbook(AUDIT, limit=[fresh_host.name], extra_vars=failed).rc == 4
