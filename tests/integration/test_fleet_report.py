"""What an audit prints, by real runs over saved snapshots: a page for a fleet, a screen for a host."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import LINKS

from tests.lab.ansible_runs import PlaybookResult, ansible_playbook
from tests.unit.synthetic_host import SyntheticHost

AUDIT = "dockernet.baseline.audit_docker_net"
HEALTHY = [f"web{number:02}" for number in range(37)]
HOSTILE = "evil\x1b[2J\x1b[1A"
CLOSED, LOST = 2, 4
NOT_MODELLED = {"audit_exclude": ["firewall.*", "network.connectivity"]}
"""Checks of rules that a host of these tests does not have in full."""


def not_forwarding() -> SyntheticHost:
    """It has 30 containers whose names a terminal would act on, a port of each published, and no forwarding."""
    host = SyntheticHost()
    for number in range(30):
        host.container(f"{HOSTILE}{number}", publish=(f"0.0.0.0|{8000 + number}|80/tcp",))
    host.sysctls.update({name: "0" for name in host.sysctls if name.endswith(("forwarding", "ip_forward"))})
    return host


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """37 ordinary hosts; one does not forward, one was read in part, one cannot be reached."""
    folder = tmp_path_factory.mktemp("fleet")
    blind = SyntheticHost().unread(LINKS, reason="permission denied, run with become")
    snapshots = {"ordinary": SyntheticHost(), "stopped": not_forwarding(), "blind": blind}
    for name, host in snapshots.items():
        (folder / f"{name}.json").write_text(host.snapshot().to_json())

    def of(name: str) -> dict[str, Any]:
        return {"audit_snapshot": "audit", "audit_snapshot_path": str(folder / f"{name}.json")}

    lost = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    hosts = {
        **{name: of("ordinary") for name in HEALTHY},
        "stopped": of("stopped"),
        "blind": of("blind"),
        "lost": {**lost, "ansible_ssh_common_args": "-o BatchMode=yes"},
    }
    path = folder / "hosts.yml"
    path.write_text(json.dumps({"all": {"hosts": hosts}}))
    return path


def run(inventory: Path, *limit: str, options: tuple[str, ...] = (), **variables: Any) -> PlaybookResult:
    identity = cast(Any, SimpleNamespace(inventory=inventory))
    done = ansible_playbook(AUDIT, identity, limit=limit, extra_vars={**NOT_MODELLED, **variables}, options=options)
    assert "Traceback" not in done.out + done.err
    assert "\x1b" not in done.out
    return done


_OF_ANSIBLE = re.compile(r"PLAY|TASK|ok:|skipping:|\.\.\.ignoring|\S+ +: ok=|$")
_OURS = re.compile(
    r"(stopped|blind|lost|web\d\d): |RUN SUMMARY|Since the last run|Failing checks|Remediation:|Files: |Gate "
)


def ours(out: str) -> list[str]:
    """The lines of reports and summary, with all that is indented below each; not what Ansible says of its tasks."""
    lines: list[str] = []
    keeps = False
    for line in out.splitlines():
        if not line or _OF_ANSIBLE.match(line):
            continue
        keeps = bool(_OURS.match(line)) or (keeps and line.startswith("  "))
        lines += [line] if keeps else []
    return lines


@pytest.mark.parametrize("healthy", [4, pytest.param(len(HEALTHY), marks=pytest.mark.long)])
def test_a_fleet_takes_a_page_and_names_what_is_broken(inventory: Path, tmp_path: Path, healthy: int) -> None:
    names = [*HEALTHY[:healthy], "stopped", "blind", "lost"]
    done = run(inventory, *names, audit_fail_on="medium", audit_output_dir=str(tmp_path))
    assert done.rc == LOST
    told = ours(done.out)
    assert len(told) <= 60, "\n".join(told)
    assert max(len(line) for line in told) <= 110
    (begin,) = (at for at, line in enumerate(told) if line.startswith(f"RUN SUMMARY: {len(names)} hosts"))
    summary = told[begin:]
    states = {line.split()[0]: line.split()[-1] for line in summary[1:4]}
    assert states == {"UNREACHABLE": "lost", "HIGH": "stopped", "UNKNOWN": "blind"}
    assert any("net.ipv4.ip_forward" in line for line in summary)
    assert any(f"Files: {tmp_path}" in line for line in summary)
    (gate,) = (at for at, line in enumerate(summary) if line == f"Gate failed on 3 of {len(names)} hosts:")
    reasons = {line.split(":")[0].strip(): line for line in summary[gate + 1 :]}
    assert "failed with severity high" in reasons["stopped"]
    assert "unknown (not evaluated)" in reasons["blind"]
    assert "could not be reached" in reasons["lost"]
    for kind in ("json", "xml"):
        assert {path.stem for path in tmp_path.glob(f"*.{kind}")} == set(names)
    assert len(json.loads((tmp_path / "stopped.json").read_text())["findings"]) > 30
    assert "summary" in json.loads((tmp_path / "blind.json").read_text())


def test_a_second_run_says_what_is_new_and_fixed_and_breaks_on_no_earlier_file(inventory: Path, tmp_path: Path) -> None:
    few = ("stopped", "blind", "lost", *HEALTHY[:4])
    assert "last run" not in run(inventory, *few, audit_output_dir=str(tmp_path)).out
    # As if the hosts had changed places: one that forwards is read where one did not, and the other way round.
    stopped, web00, web01 = ((tmp_path / f"{name}.json").read_text() for name in ("stopped", *HEALTHY[:2]))
    (tmp_path / "stopped.json").write_text(web00.replace('"web00"', '"stopped"'))
    (tmp_path / "web00.json").write_text(stopped.replace('"stopped"', '"web00"'))
    (tmp_path / "web01.json").write_text(web01[: len(web01) // 2])
    (tmp_path / "web02.json").unlink()
    done = run(inventory, *few, audit_output_dir=str(tmp_path), audit_fail_on="medium")
    assert done.rc == LOST
    told = ours(done.out)
    assert len(told) <= 60, "\n".join(told)
    (title,) = (
        at for at, line in enumerate(told) if line.startswith("Since the last run") and "hosts compared" in line
    )
    assert told[title].endswith("(4 of 7 hosts compared)")
    rows = [tuple(re.split(r" {2,}", line.strip())[:3]) for line in told[title + 1 :] if line.startswith("  ")]
    assert ("NEW", "forwarding.ipv4 (high)", "1 host: stopped: host") in rows
    assert ("FIXED", "forwarding.ipv4 (high)", "1 host: web00: host") in rows
    (problem,) = (row for row in rows if row[0] == "NOT COMPARED")
    assert problem[1:] == ("1 host", problem[2])
    assert problem[2].startswith("web01: web01.json: it is no JSON")
    (summary,) = {json.dumps(task.result["since_last_run"]) for task in done.of("dockernet.baseline.audit_summary")}
    changes = json.loads(summary)
    assert sorted(changes["compared"]) == ["blind", "stopped", "web00", "web03"]
    assert [item["host"] for item in changes["problems"]] == ["web01"]
    assert json.loads((tmp_path / "web01.json").read_text())["findings"]


def test_the_summary_survives_the_gate_on_every_host(inventory: Path) -> None:
    done = run(inventory, "stopped", "blind", audit_fail_on="medium")
    assert done.rc == CLOSED
    assert done.out.count("RUN SUMMARY: 2 hosts") == 1
    assert "Gate failed on 2 of 2 hosts:" in done.out


def test_one_host_takes_a_screen_and_shows_its_remediations_itself(inventory: Path) -> None:
    done = run(inventory, "stopped", audit_fail_on="medium")
    assert done.rc == CLOSED
    told = ours(done.out)
    assert len(told) <= 30, "\n".join(told)
    assert "Remediation:" in told
    assert "RUN SUMMARY" not in done.out
    assert "Gate failed:" in told


def test_full_detail_has_a_line_for_each_finding(inventory: Path) -> None:
    done = run(inventory, "stopped", audit_detail="full")
    assert done.rc == 0
    assert "HIGH" in done.out.splitlines()
    assert done.out.count("publish.wildcard (CIS 5.14)  port evil\\x1b[2J") == 10
    assert "and 20 more" in done.out


def test_an_ordinary_host_is_short_and_passes(inventory: Path) -> None:
    done = run(inventory, HEALTHY[0], audit_fail_on="medium")
    assert done.rc == 0
    assert "Gate passed (audit_fail_on: medium)" in done.out
