# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy that is said once, in group_vars, and tags that choose what looks and what changes, on a real engine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.harden_runs import HARDEN, NETCHECK, changes, run, table
from tests.lab.ansible_runs import PlaybookResult, ansible_playbook
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.unit.audits import problems

FORWARDING = "forwarding.ipv4"
SHOP = Scenario(
    [NetworkSpec("front", "10.88.1.0/24")],
    [
        Workload("web", ["front"], publish=["8080:80"]),
        Workload("agent", network_mode="host", serve=[9100]),
    ],
)
POLICY: dict[str, Any] = {
    "dockernet_profile": "strict",
    "dockernet_cis_benchmark": "1.7.0",
    "dockernet_checks": ["forwarding.*", "publish.*", "mode.host", "proxy.enabled"],
    "dockernet_exclude": ["forwarding.ipv6"],
    "dockernet_severities": {"mode.host": "low", "publish.*": "info"},
    "dockernet_parameters": {"publish.privileged": {"allowed": [443]}},
    "dockernet_waivers": [{"check": "mode.host", "reason": "known", "owner": "ops", "expires": "2999-12-31"}],
    "dockernet_refuse_waivers_by": ["labels"],
    "dockernet_labels": "omit",
    "dockernet_userland_proxy": "keep",
}


def book(folder: Path, host: Host, variables: dict[str, Any], *roles: str) -> str:
    """A play with roles of the collection, and its variables where users have them."""
    (folder / "group_vars").mkdir(exist_ok=True)
    (folder / "group_vars" / "all.yml").write_text(json.dumps(variables))
    plays = [{"name": "Site", "hosts": host.name, "gather_facts": False, "roles": list(roles)}]
    path = folder / "site.yml"
    path.write_text(json.dumps(plays))
    return str(path)


def tagged(host: Host, name: str, *options: str, **variables: Any) -> PlaybookResult:
    done = ansible_playbook(name, host.identity, limit=[host.name], extra_vars=variables, options=options)
    assert done.rc == 0, done.out + done.err
    assert "Traceback" not in done.out + done.err
    return done


def forwards(host: Host) -> bool:
    return host.run(["sysctl", "-n", "net.ipv4.ip_forward"]).out.strip() == "1"


def test_audit_and_harden_judge_by_the_same_and_what_a_role_says_goes_first(
    fresh_host: Host, lab: Lab, tmp_path: Path
) -> None:
    host = fresh_host
    host.deploy(SHOP)
    host.break_("forwarding-off")
    folder = tmp_path / "audits"
    said = {**POLICY, "dockernet_output_dir": str(folder)}
    roles = ("dockernet.baseline.audit", "dockernet.baseline.harden")
    files = {"audited": folder / f"{host.name}.json", "before": folder / "before" / f"{host.name}.json"}

    # A gate of the audit that closes would keep the role harden from being run.
    audited = run(lab, host, book(tmp_path, host, said, roles[0]), check=True)
    assert audited.rc == 0, audited.out
    first = json.loads(files["audited"].read_text())
    done = run(lab, host, book(tmp_path, host, {**said, "harden_fail_on": "high"}, roles[1]))

    # What is repaired is no failure of the gate any more.
    assert done.rc == 0, done.out
    assert changes(done).keys() == {"ip_forward"}
    documents = {name: json.loads(path.read_text()) for name, path in files.items()}
    for document in (first, *documents.values()):
        assert problems(document) == []
        assert document["policy"] == first["policy"]
        assert document["checks"] == first["checks"]
        assert document["host"]["labels"] == "omit"
    assert first["policy"]["userland_proxy"] == "keep"
    assert first["policy"]["cis_benchmark"] == "1.7.0"
    outcomes = {
        name: {item["outcome"] for item in document["findings"] if item["check"] == FORWARDING}
        for name, document in {"first": first, **documents}.items()
    }
    assert outcomes == {"first": {"fail"}, "before": {"fail"}, "audited": {"pass"}}
    (agent,) = (item for item in documents["audited"]["findings"] if item["check"] == "mode.host")
    assert (agent["severity"], agent["waiver"]["owner"]) == ("low", "ops")
    own_files = {f"{host.name}.json", f"{host.name}.xml"}
    assert {path.name for path in folder.iterdir()} >= {"before", "fleet", *own_files}
    assert {path.name for path in (folder / "before").iterdir()} == {"fleet", *own_files}

    # What a role says for itself goes before what is said for all.
    own = {**said, "harden_profile": "default", "harden_waivers": [], "harden_fail_on": "low"}
    closed = run(lab, host, book(tmp_path, host, own, roles[1]))
    assert closed.rc == 2
    assert "1 failed with severity low (harden_fail_on: low)" in re.sub(r"\s+", " ", closed.out)
    assert json.loads(files["before"].read_text())["policy"]["profile"] == "default"
    assert json.loads(files["audited"].read_text())["policy"]["profile"] == "default"
    assert "harden_fail_on is low" in files["audited"].with_suffix(".xml").read_text()


@pytest.mark.parametrize("state", ["present", "reverted"])
def test_tags_choose_what_looks_and_what_changes(state: str, fresh_host: Host) -> None:
    host = fresh_host
    host.break_("forwarding-off")
    if state == "reverted":
        tagged(host, HARDEN)
    there = forwards(host)
    words = {"present": "It would run ip_forward.", "reverted": "Nothing was reverted, since tags leave that out."}

    # A tag of another role.
    other = tagged(host, HARDEN, "--tags", "other", harden_state=state)
    assert [task for task in other.of(NETCHECK) if task.outcome != "skipped"] == []

    for options in (["--tags", "audit"], ["--skip-tags", "remediate"]):
        done = tagged(host, HARDEN, *options, harden_state=state, harden_fail_on="none")
        assert changes(done) == {}
        assert done.stats[host.name]["changed"] == 0
        assert len([task for task in done.of(NETCHECK) if task.outcome == "ok"]) == 1
        assert words[state] in table(done)
        assert forwards(host) == there

    predicted = tagged(host, HARDEN, "--skip-tags", "audit", "--check", harden_state=state)
    assert "Planned changes:" in table(predicted)
    assert forwards(host) == there
    done = tagged(host, HARDEN, "--tags", "remediate", harden_state=state)
    assert "Changes applied:" in table(done)
    assert changes(done).keys() == ({"ip_forward"} if state == "present" else {"baseline_rollback"})
    assert done.stats[host.name]["changed"] > 0
    if state == "present":
        assert forwards(host)
        again = tagged(host, HARDEN)
        assert again.stats[host.name]["changed"] == 0
        assert len([task for task in again.of(NETCHECK) if task.outcome == "ok"]) == 1


def test_tags_choose_among_roles(fresh_host: Host, tmp_path: Path) -> None:
    host = fresh_host
    host.break_("forwarding-off")
    listed = {"networks_list": [{"name": "front", "mtu": 1400}]}
    site = book(tmp_path, host, listed, *(f"dockernet.baseline.{role}" for role in ("audit", "harden", "networks")))

    looked = tagged(host, site, "--tags", "audit")
    assert looked.stats[host.name]["changed"] == 0
    assert (len(looked.of(NETCHECK)), len(looked.of("dockernet.baseline.audit_host"))) == (1, 1)
    assert "front" not in host.docker("network", "ls").out
    assert not forwards(host)

    done = tagged(host, site, "--tags", "remediate")
    assert done.of("dockernet.baseline.audit_summary") == []
    assert "front" in host.docker("network", "ls").out
    assert forwards(host)

    nothing = ansible_playbook(
        "dockernet.baseline.audit_docker_net", host.identity, limit=[host.name], options=["--skip-tags", "audit"]
    )
    assert nothing.rc != 0
    assert "--skip-tags audit leaves out the audit" in re.sub(r"\s+", " ", nothing.out + nothing.err)
    told = tagged(host, "dockernet.baseline.audit_docker_net", "--tags", "other")
    assert len(told.of("dockernet.baseline.audit_summary")) == 1
