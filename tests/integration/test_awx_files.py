# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Job templates as code, against the arguments of the modules of awx.awx, and what their jobs run.

awx.awx is not on PyPI, and needs an AWX. awx_arguments.json has the arguments of its modules as of AWX 24.6.1; modules
that only check them stand in its place.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.ansible_runs import PLAYBOOK_LIMIT
from tests.lab.identity import ROOT
from tests.unit.synthetic_host import SyntheticHost

AWX = ROOT / "docs/awx"
ARGUMENTS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("awx_arguments.json").read_text())
PROGRAM = str(Path(sys.executable).with_name("ansible-playbook"))
MODULE = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec={spec!r}, supports_check_mode=True)
module.exit_json(changed=False, given={{name: value for name, value in module.params.items() if value is not None}})
"""


def playbook(*words: str, place: Path, collections: Path | None = None) -> subprocess.CompletedProcess[str]:
    paths = [str(path) for path in (collections, ROOT / ".build") if path]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(paths),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        "ANSIBLE_HOME": str(place / "home"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    return subprocess.run(
        [PROGRAM, *words],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PLAYBOOK_LIMIT,
    )


@pytest.fixture
def awx(tmp_path: Path) -> Path:
    """A directory with a collection awx.awx whose modules check their arguments alone."""
    folder = tmp_path / "collections/ansible_collections/awx/awx"
    modules = folder / "plugins/modules"
    modules.mkdir(parents=True)
    for name, spec in ARGUMENTS.items():
        (modules / f"{name}.py").write_text(MODULE.format(spec=spec))
    return tmp_path / "collections"


def test_the_playbook_gives_each_module_arguments_that_it_has(awx: Path, tmp_path: Path) -> None:
    url = "https://git.example.org/ops/docker.git"
    done = playbook(
        "-v", str(AWX / "job-template.yml"), "-e", f"docker_project_url={url}", place=tmp_path, collections=awx
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\nok: [localhost]") == 8
    for words in ("job_slice_count: 4", f"scm_url: {url}", "variable: harden_on_disruption"):
        assert words in done.stdout


@pytest.mark.long
def test_slices_are_merged_into_one_report(tmp_path: Path) -> None:
    snapshot = tmp_path / "healthy.json"
    snapshot.write_text(SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",)).snapshot().to_json())
    common = {"audit_snapshot": "audit", "audit_snapshot_path": str(snapshot), "audit_checks": ["publish.wildcard"]}
    lost = {"audit_checks": ["no.such"]}
    hosts = {"web1": {}, "web2": {}, "web3": {}, "web4": lost}
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts, "vars": common}}))
    root = tmp_path / "shared"

    def job(name: str, *words: str) -> int:
        done = playbook(
            "-i", "hosts.yml", str(AWX / f"project/{name}.yml"), "-e", f"audit_root={root}", *words, place=tmp_path
        )
        assert "Traceback" not in done.stdout + done.stderr
        print(done.stdout, done.stderr)
        return done.returncode

    assert job("audit", "-e", "awx_job_id=11", "--limit", "web1,web2") == 0
    assert job("audit", "-e", "awx_job_id=12", "--limit", "web3") == 0
    assert job("report", "-e", "report_fail_on=low") == 2
    assert job("report", "-e", "report_fail_on=high") == 0
    assert job("audit", "-e", "awx_job_id=13", "--limit", "web4") == 4
    assert job("report", "-e", "report_fail_on=high") == 4
    text = (root / "report/report.csv").read_text()
    assert all(host in text for host in ("web1", "web2", "web3", "web4"))
