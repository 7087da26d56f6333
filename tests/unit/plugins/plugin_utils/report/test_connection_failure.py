# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's own failures, as results of real runs have them, in words that say what to change."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit, become_failure

NO_JSON = "Module result deserialization failed: No start of json char found"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (
            {"msg": NO_JSON, "module_stderr": "/bin/sh: 1: sudo: not found\n", "rc": 127},
            "sudo is not installed on web1",
        ),
        ({"msg": NO_JSON, "module_stderr": "sh: 1: /usr/bin/sudo: not found"}, "sudo is not installed on web1"),
        ({"msg": NO_JSON, "module_stderr": "bash: line 1: doas: command not found"}, "doas is not installed on web1"),
        ({"msg": "Task failed: Incorrect su password"}, "wrong password for su on web1"),
        ({"msg": "Task failed: Missing sudo password"}, "sudo on web1 asks for a password"),
        ({"msg": NO_JSON, "module_stderr": "sudo: a password is required\n"}, "sudo on web1 asks for a password"),
        ({"msg": NO_JSON, "module_stderr": "su: Authentication failure"}, "su on web1 refused the password"),
        ({"msg": NO_JSON, "module_stderr": "ops is not in the sudoers file."}, "may not use sudo on web1"),
        (
            {"unreachable": True, "msg": "Task failed: Timeout (12s) waiting for privilege escalation prompt:"},
            "no answer on web1 to the request for root",
        ),
        ({"msg": "waivers[0].expires: required"}, None),
        ({"msg": NO_JSON, "module_stderr": "Traceback (most recent call last)"}, None),
    ],
)
def test_what_keeps_the_audit_from_becoming_root(result: dict[str, Any], words: str | None) -> None:
    told = become_failure("web1", {"failed": True, **result})
    assert (told == "") is (words is None)
    if words:
        assert told.startswith("become: ")
        assert words in told


def test_a_host_that_does_not_answer_for_want_of_a_password_was_reached() -> None:
    result = {"unreachable": True, "msg": "Task failed: Timeout (12s) waiting for privilege escalation prompt:"}
    assert Audit.from_result("web1", result).error_kind == "failed"


def test_of_a_host_that_was_not_reached_it_is_said_what_ssh_said() -> None:
    ssh = "ssh: connect to host 192.0.2.1 port 22: Connection refused"
    before = (
        'Task failed: Data could not be sent to remote host "192.0.2.1". Make sure this host can be reached over ssh: '
    )
    audit = Audit.from_result("web1", {"unreachable": True, "msg": before + ssh})
    assert (audit.error_kind, audit.error) == ("unreachable", ssh)


def test_of_a_variable_that_cannot_be_resolved_it_is_said_which() -> None:
    before = "Task failed: Finalization of task args for 'dockernet.baseline.audit_host' failed: "
    said = before + "Error while resolving value for 'audit': 'owner_of_waivers' is undefined"
    assert Audit.from_result("web1", {"failed": True, "msg": said}).error == "'owner_of_waivers' is undefined"
