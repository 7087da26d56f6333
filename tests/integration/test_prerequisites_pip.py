"""What the role prerequisites does with pip, by real runs on this machine: by consent alone, and the pin alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.lab.ansible_runs import PlaybookResult, ansible_playbook

ROOT = Path(__file__).resolve().parents[2]
PINS = ROOT / "roles/prerequisites/files/requirements.txt"
PLAY = """
- name: Prepare
  hosts: all
  gather_facts: false
  roles:
    - role: dockernet.baseline.prerequisites
  tasks:
    - name: Say which Python modules run with from now on
      ansible.builtin.debug:
        msg: "{{ ansible_python_interpreter }}"
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pinned wheel from the index, for the oldest Python that hosts may have."""
    folder = tmp_path_factory.mktemp("index")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    chosen = ["--require-hashes", "--only-binary=:all:", "--python-version=3.9", f"--dest={folder}"]
    subprocess.run([*pip, *chosen, f"--requirement={PINS}"], check=True, timeout=120)
    (found,) = folder.iterdir()
    return found


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A Python without the library, which is not the distribution's."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    return tmp_path / "bare/bin/python"


def prepare(folder: Path, bare: Path, *, check: bool = False, **variables: Any) -> PlaybookResult:
    """Run the role on this machine; what it makes lies in the folder."""
    host = {"ansible_connection": "local", "ansible_python_interpreter": str(bare)}
    (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": {"here": host}}}))
    (folder / "play.yml").write_text(PLAY)
    identity = cast(Any, SimpleNamespace(inventory=folder / "hosts.yml"))
    wanted = {"prerequisites_venv": str(folder / "venv"), **variables}
    done = ansible_playbook(str(folder / "play.yml"), identity, extra_vars=wanted, check=check)
    assert "Traceback" not in done.out + done.err
    return done


def words(done: PlaybookResult) -> str:
    return re.sub(r"\s+", " ", done.out)


def test_pip_takes_a_word_of_consent(tmp_path: Path, bare: Path) -> None:
    done = prepare(tmp_path, bare)
    assert done.rc != 0
    assert "set prerequisites_pip: allow" in words(done)
    assert not (tmp_path / "venv").exists()


def test_check_mode_names_what_would_be_installed(tmp_path: Path, bare: Path) -> None:
    done = prepare(tmp_path, bare, check=True, prerequisites_pip="allow")
    pin = PINS.read_text().splitlines()[-1].split()[0]
    assert done.rc == 0
    assert f"Would install {pin} with pip into" in words(done)
    assert not (tmp_path / "venv").exists()


def test_the_pin_is_installed_from_what_is_offered_and_nothing_else_is(tmp_path: Path, bare: Path, wheel: Path) -> None:
    offered = tmp_path / "offered"
    offered.mkdir()
    (offered / wheel.name).write_bytes(wheel.read_bytes())
    with zipfile.ZipFile(offered / wheel.name, "a") as changed:
        changed.writestr("pyroute2/of_somebody_else.py", "")
    here: dict[str, Any] = {
        "prerequisites_pip": "allow",
        "prerequisites_pip_arguments": ["--no-index", f"--find-links={offered}"],
    }
    refused = prepare(tmp_path, bare, **here)
    assert refused.rc != 0
    assert "DO NOT MATCH THE HASHES" in words(refused)
    assert not list((tmp_path / "venv").glob("lib/*/site-packages/pyroute2"))

    (offered / wheel.name).write_bytes(wheel.read_bytes())
    done = prepare(tmp_path, bare, **here)
    assert done.rc == 0, done.out
    python = tmp_path / "venv/bin/python"
    told = [task.result["msg"] for task in done.of("ansible.builtin.debug") if task.outcome == "ok"]
    assert told[-1] == str(python)
    found = subprocess.run([python, "-c", "import pyroute2; print(pyroute2.__file__)"], capture_output=True, check=True)
    assert found.stdout.decode().startswith(str(tmp_path / "venv"))
    again = prepare(tmp_path, bare)
    assert again.stats["here"]["changed"] == 0


@pytest.mark.long
def test_the_pin_can_be_had_from_the_index(tmp_path: Path, bare: Path) -> None:
    done = prepare(tmp_path, bare, prerequisites_pip="allow")
    assert done.rc == 0, done.out
    assert list((tmp_path / "venv").glob("lib/*/site-packages/pyroute2"))
