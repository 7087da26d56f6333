# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with and without Docker in one inventory: exit status and last lines of real runs of ansible-playbook.

One host of the lab has Docker, another has it hidden, stopped, or Podman in its place. Both are in the inventory under
several names, with users that may more or less.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest
import yaml

from tests.integration.without_docker import hidden_docker
from tests.lab.ansible_runs import PlaybookResult, ansible_playbook
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.machine_lock import file_lock
from tests.unit.plugins.module_utils._host import podman

AUDIT = "dockernet.baseline.audit_docker_net"
PASSED, FAILED, LOST = 0, 2, 4
USER = "auditor"
ALIASES: dict[str, dict[str, Any]] = {
    "fresh": {},
    "plain": {"ansible_user": USER, "ansible_become": False},
    "no-sudo": {"ansible_user": USER, "ansible_become_method": "ansible.builtin.sudo"},
    "wrong-password": {
        "ansible_user": USER,
        "ansible_become_method": "ansible.builtin.su",
        "ansible_become_password": "not-it",
    },
    "gone": {"ansible_port": 1},
}
"""Names of the host that has Docker."""
OTHERS = ("other", "another")
"""Names of the host that has none, or not for long."""


@dataclass(frozen=True)
class Site:
    """Two hosts under the names of the inventory."""

    inventory: Path
    docker: Host
    other: Host

    def run(self, names: tuple[str, ...], **variables: Any) -> PlaybookResult:
        """Audit hosts of the inventory."""
        done = ansible_playbook(
            AUDIT, cast(Any, SimpleNamespace(inventory=self.inventory)), limit=names, extra_vars=variables
        )
        assert "Traceback" not in done.out + done.err
        assert "no Docker Engine that answers" not in done.out
        return done


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two hosts, fresh, that no other test has meanwhile; on the first a user without any rights."""
    hosts = lab.fleet[:2]
    if len(hosts) < 2:
        pytest.skip("takes two hosts")
    with ExitStack() as held:
        for host in hosts:
            held.enter_context(file_lock(lab.identity.state / "busy" / host.name))
        for host in hosts:
            host.reset()
        docker, other = hosts
        docker.run(
            f"useradd --create-home --shell /bin/sh {USER} && install -d -m 700 -o {USER} /home/{USER}/.ssh && "
            f"install -m 600 -o {USER} /root/.ssh/authorized_keys /home/{USER}/.ssh/authorized_keys"
        )
        yield Site(inventory_of(lab, docker, other, tmp_path_factory.mktemp("mixed")), docker, other)
        for host in hosts:
            host.reset()


def inventory_of(lab: Lab, docker: Host, other: Host, folder: Path) -> Path:
    known = yaml.safe_load(lab.identity.inventory.read_text(encoding="utf-8"))["lab"]
    told = dict(known["vars"])
    keys = f"{told['ansible_ssh_common_args']} -o ConnectTimeout=5"
    hosts = {
        **{name: {**known["hosts"][docker.name], **variables} for name, variables in ALIASES.items()},
        **dict.fromkeys(OTHERS, known["hosts"][other.name]),
    }
    path = folder / "hosts.yml"
    path.write_text(json.dumps({"all": {"hosts": hosts, "vars": {**told, "ansible_ssh_common_args": keys}}}))
    return path


@contextmanager
def without_docker(host: Host) -> Iterator[None]:
    """No program, unit or process; the socket is left, as it is after the package was purged."""
    host.run(["systemctl", "stop", "docker.socket", "docker.service"])
    with hidden_docker(host):
        yield


@contextmanager
def stopped(host: Host) -> Iterator[None]:
    host.run(["systemctl", "stop", "docker.socket", "docker.service"])
    try:
        yield
    finally:
        host.run(["systemctl", "start", "docker.socket", "docker.service"])


@contextmanager
def podman_instead(host: Host) -> Iterator[None]:
    """Answers of Podman 4.9, as recorded, by a program of that name."""
    served = Path(podman.__file__).read_text(encoding="utf-8")
    serve = f"{served}\nimport time\nwith serving(Path('/run/podman/podman.sock')):\n    time.sleep(600)\n"
    with without_docker(host):
        host.write("/srv/podman.py", serve)
        host.run("mkdir -p /run/podman && cp $(readlink -f /usr/bin/python3) /usr/local/sbin/podman")
        host.run("rm -f /run/docker.sock && ln -s /run/podman/podman.sock /run/docker.sock")
        host.run(["systemd-run", "--unit=run-podman", "/usr/local/sbin/podman", "/srv/podman.py"])
        host.wait_for(lambda: host.exists("/run/podman/podman.sock"), 120, "Podman's socket")
        try:
            yield
        finally:
            host.run(["systemctl", "stop", "run-podman.service"], check=False)
            host.run("rm -rf /run/docker.sock /run/podman /usr/local/sbin/podman")


@contextmanager
def as_it_is(host: Host) -> Iterator[None]:
    assert host
    yield


@dataclass(frozen=True)
class Row:
    """A run, and what it ends with."""

    names: tuple[str, ...]
    rc: int
    gate: str
    """The line about the gate, or its beginning."""
    lines: tuple[str, ...] = ()
    """Others among the last."""
    variables: dict[str, Any] = field(default_factory=lambda: {"audit_fail_on": "medium"})


WITHOUT_GATE = {"audit_fail_on": "none"}
NO_DOCKER = "Gate failed: no host of this run has a Docker Engine, so that nothing was evaluated"
TABLE = {
    as_it_is: {
        "fresh host": Row(("fresh",), PASSED, "Gate passed (audit_fail_on: medium)"),
        "no permission": Row(
            ("fresh", "plain"),
            FAILED,
            "Gate failed on 1 of 2 hosts:",
            (
                "UNKNOWN audit.engine 1 host, permission denied: plain",
                "* audit.engine: Run the audit with become (as root)",
                "plain: Docker Engine: permission denied: 1 unknown (not evaluated) (audit_fail_on: medium)",
            ),
        ),
        "no permission, no gate": Row(("fresh", "plain"), PASSED, "Gate passed", variables=WITHOUT_GATE),
        "no sudo": Row(
            ("fresh", "no-sudo"),
            LOST,
            "Gate failed on 1 of 2 hosts:",
            ("NOT AUDITED 1 host no-sudo", "no-sudo: not audited: become: sudo is not installed on no-sudo"),
        ),
        "no sudo, no gate": Row(("fresh", "no-sudo"), LOST, "Gate failed on 1 of 2 hosts:", variables=WITHOUT_GATE),
        "wrong password": Row(
            ("fresh", "wrong-password"),
            LOST,
            "Gate failed on 1 of 2 hosts:",
            ("wrong-password: not audited: become: wrong password for su on wrong-password",),
        ),
        "unreachable": Row(
            ("fresh", "gone"),
            LOST,
            "Gate failed on 1 of 2 hosts:",
            ("UNREACHABLE 1 host gone", "port 1: Connection ref"),
        ),
    },
    without_docker: {
        "mixed inventory": Row(
            ("fresh", "other"),
            PASSED,
            "Gate passed (audit_fail_on: medium)",
            ("NOT APPLICABLE 1 host no Docker Engine: other",),
        ),
        "all hosts without Docker": Row(
            OTHERS, FAILED, NO_DOCKER, ("NOT APPLICABLE 2 hosts no Docker Engine: other, another",)
        ),
        "all hosts without Docker, no gate": Row(OTHERS, FAILED, NO_DOCKER, variables=WITHOUT_GATE),
        "one host without Docker": Row(("other",), FAILED, NO_DOCKER, ("other: not applicable: no Docker Engine",)),
    },
    stopped: {
        "stopped": Row(
            ("fresh", "other"),
            FAILED,
            "Gate failed on 1 of 2 hosts:",
            ("other: Docker Engine not running: 1 unknown (not evaluated)", "* audit.engine: Start dockerd"),
        ),
    },
    podman_instead: {
        "Podman host": Row(
            ("fresh", "other"),
            PASSED,
            "Gate passed (audit_fail_on: medium)",
            ("NOT APPLICABLE 1 host Podman 4.9.3, no Docker Engine: other",),
        ),
        "Podman hosts alone": Row(OTHERS, FAILED, NO_DOCKER),
    },
}


ROWS = [pytest.param(state, row, id=name) for state, rows in TABLE.items() for name, row in rows.items()]


@pytest.mark.xdist_group("fleet")
@pytest.mark.parametrize(("state", "row"), ROWS)
def test_a_run_ends_with_a_status_and_lines_that_name_what_is_so(
    site: Site, tmp_path: Path, state: Callable[[Host], AbstractContextManager[None]], row: Row
) -> None:
    with state(site.other):
        done = site.run(row.names, audit_output_dir=str(tmp_path), **row.variables)
    told = re.sub(r"\s+", " ", done.out)
    wrong = [f"status {done.rc}, not {row.rc}"] if done.rc != row.rc else []
    wrong += [f"not found: {line}" for line in (row.gate, *row.lines) if line not in told]
    wrong += [problem for host in row.names for problem in problems_of(tmp_path, host)]
    assert not wrong, "\n".join([*wrong, done.out, done.err])


def problems_of(folder: Path, host: str) -> list[str]:
    """What is wrong with the files of a host: one row for all that was not evaluated, in both."""
    document = json.loads((folder / f"{host}.json").read_text(encoding="utf-8"))
    (suite,) = ElementTree.parse(folder / f"{host}.xml").getroot()  # noqa: S314 (our own)
    cases = {case.attrib["name"] for case in suite.findall("testcase")}
    if "error" in document:
        return [] if cases == {"audit"} else [f"{host}.xml has {cases}"]
    wrong = [] if cases == {item["check"] for item in document["findings"]} else [f"{host}: two stories"]
    unknown = [item for item in document["findings"] if item["outcome"] == "unknown"]
    alone = [item for item in document["findings"] if item["check"] == "audit.engine"]
    answers = document["platform"]["state"] == "answers"
    wrong += [] if len(unknown) <= 1 and (len(alone) == 0) == answers else [f"{host}: {unknown or alone}"]
    listed = {item["id"] for item in document["checks"]}
    judged = {item["check"] for item in document["findings"]} - {"audit.engine"}
    return wrong + ([] if judged | set(document["not_evaluated"]) == listed else [f"{host}: not all checks are listed"])
