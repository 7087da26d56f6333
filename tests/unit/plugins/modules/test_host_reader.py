# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_reader as a host runs it: one text, with its arguments in it, for a Python that has nothing of Ansible."""

from __future__ import annotations

import base64
import json
import runpy
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.dockernet.baseline.plugins.module_utils._host import reader_program
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import COMPRESSED, PLAIN, WIRE
from ansible_collections.dockernet.baseline.plugins.modules import host_reader

from tests.unit.reader_sources import PROGRAM, as_sent
from tests.unit.synthetic_host import SyntheticHost

TOLD = {"sources": "all", "read_timeout": 60, "labels": "keep"}
PLACE = "<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"


def arguments_of(told: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """What Ansible writes into the module for a host that is told so."""
    sources = zlib.compress(json.dumps(as_sent()).encode())
    return {
        "module": "x.y.z",
        "program": PROGRAM,
        "sources": base64.b64encode(sources).decode(),
        "told": base64.b64encode(json.dumps({**TOLD, **told}).encode()).decode(),
        "_ansible_no_log": True,
        **settings,
    }


def run(told: dict[str, Any], **settings: Any) -> dict[str, Any]:
    text = Path(host_reader.__file__).read_text(encoding="utf-8")
    assert text.count(PLACE) == 1
    program = text.replace(PLACE, json.dumps(arguments_of(told, **settings)))
    # Isolated: neither this collection nor Ansible is there to import.
    done = subprocess.run([sys.executable, "-I", "-S", "-"], input=program, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (1 if found.get("failed") else 0)
    return found


def unpacked(found: dict[str, Any]) -> str:
    """The text that the controller finds in a result."""
    form, letters = found[WIRE][: len(PLAIN)], base64.b64decode(found[WIRE][len(PLAIN) :])
    return (zlib.decompress(letters) if form == COMPRESSED else letters).decode()


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[str], Path]:
    def save(name: str) -> Path:
        path = tmp_path / name
        path.write_text(SyntheticHost().container("web").snapshot().to_json(), "utf-8")
        return path

    return save


@pytest.mark.parametrize("name", ["saved.json", "'''\"\"\"\\ \\u0027''' + x #.json", "ünïcode 😀.json"])
def test_a_snapshot_comes_back_whatever_its_path_has(saved: Callable[[str], Path], name: str) -> None:
    path = saved(name)
    found = run({"load": str(path)})
    assert (found["changed"], found["snapshot_path"]) == (False, str(path))
    assert load_snapshot(unpacked(found)).containers[0].name == "web"


def test_this_host_is_read_with_nothing_of_ansible(tmp_path: Path) -> None:
    """Whatever it has: a source that it lacks is unread, with the reason."""
    found = run({"docker_host": f"unix://{tmp_path}/no.sock", "read_timeout": 30})
    snapshot = load_snapshot(unpacked(found))
    assert snapshot.defects == []
    assert not snapshot.was_read("engine")


def test_what_cannot_be_done_is_a_failure_with_the_reason(tmp_path: Path) -> None:
    path = f"{tmp_path}/none.json"
    found = run({"load": path})
    assert (found["failed"], found["msg"]) == (True, f"snapshot_path: {path} cannot be read: No such file or directory")
    assert found["invocation"]["module_args"]["load"] == path


def test_a_python_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(host_reader, "ARGUMENTS", json.dumps(arguments_of({})))
    monkeypatch.setattr(sys, "version_info", (3, 8, 10))
    monkeypatch.setattr(sys, "version", "3.8.10 (default)")
    with pytest.raises(SystemExit):
        host_reader.main()
    assert json.loads(capsys.readouterr().out) == {
        "failed": True,
        "msg": f"Python 3.9 or newer is needed on the host; {sys.executable} is 3.8.10",
    }


def test_an_error_of_this_collection_is_a_failure_with_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**dummy: Any) -> None:
        raise KeyError("password=hunter22")

    monkeypatch.setattr(reader_program, "READERS", {"all": fail})
    with pytest.raises(SystemExit):
        reader_program.main(arguments_of({}))
    found = json.loads(capsys.readouterr().out)
    assert found["failed"] is True
    assert "KeyError" in found["msg"]
    assert "in fail" in found["exception"]
    assert "hunter22" not in json.dumps(found)


def test_the_host_s_log_says_who_reads_it_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[Any] = []
    monkeypatch.setattr("syslog.openlog", lambda *what: logged.append(what))
    monkeypatch.setattr("syslog.syslog", lambda dummy_priority, text: logged.append(text))
    monkeypatch.setattr(reader_program, "READERS", {"all": lambda **dummy: SyntheticHost().snapshot()})
    options = {"docker_host": "tcp://user:hunter22@127.0.0.1:2375"}
    for hidden in (True, False):
        with pytest.raises(SystemExit):
            reader_program.main(arguments_of(options, _ansible_no_log=hidden, _ansible_syslog_facility="LOG_LOCAL3"))
    (opened, text) = logged
    assert opened == ("ansible-x.y.z", 0, 19 << 3)
    assert text.startswith("Invoked with sources=all read_timeout=60 ")
    assert f"docker_host=tcp://{MASK}@127.0.0.1:2375" in text


def test_a_secret_of_the_arguments_is_in_nothing_that_comes_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host = SyntheticHost().container("hunter22-web").snapshot()
    monkeypatch.setattr(reader_program, "READERS", {"all": lambda **dummy: host})
    with pytest.raises(SystemExit):
        reader_program.main(arguments_of({"docker_host": "token=hunter22"}))
    text = unpacked(json.loads(capsys.readouterr().out))
    assert "hunter22" not in text
    assert f"{MASK}-web" in text


def test_tools_that_look_at_modules_are_told_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    stated: list[dict[str, Any]] = []
    monkeypatch.setattr("ansible.module_utils.basic.AnsibleModule", lambda **settings: stated.append(settings))
    runpy.run_path(host_reader.__file__, run_name="__main__")
    documented = yaml.safe_load(Path(host_reader.__file__).with_suffix(".yml").read_text(encoding="utf-8"))
    (found,) = stated
    assert found["argument_spec"].keys() == documented["DOCUMENTATION"]["options"].keys()
    assert found["argument_spec"].keys() == {name for name in arguments_of({}) if not name.startswith("_")}
