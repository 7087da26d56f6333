# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The options of docker_netcheck and packet_trace, and what is raised for a value that is not allowed."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import DETAILS

SAVE = "save"
AUDIT = "audit"

AUTO = "auto"
KEEP = "keep"
DISABLED = "disabled"
ENABLED = "enabled"
"""What the caller wants of docker-proxy; AUTO is what the profile says."""

NONE = "none"
SUMMARY = "summary"
FULL = "full"
"""How much is told of who reaches what, and of facts."""

RESULT = "result"
FILE = "file"
"""Where the document of an audit goes."""

PROFILES = ("default", "cis", "strict")
CIS_BENCHMARKS = ("1.8.0", "1.7.0", "1.6.0")
"""Versions of the CIS Docker Benchmark that a profile can be held against, the newest first."""

SET_BY_STARTERS = ("labels", "image")
"""What a waiver can choose by, and whoever may start a container sets as they like."""

AUDIT_SPEC: dict[str, dict[str, Any]] = {
    "profile": {"type": "str", "choices": list(PROFILES), "default": PROFILES[0]},
    "cis_benchmark": {"type": "str", "choices": list(CIS_BENCHMARKS), "default": CIS_BENCHMARKS[0]},
    "checks": {"type": "list", "elements": "str", "default": ["*"]},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "severities": {"type": "dict", "default": {}},
    "parameters": {"type": "dict", "default": {}},
    "userland_proxy": {"type": "str", "choices": [AUTO, KEEP, DISABLED, ENABLED], "default": AUTO},
    "waivers": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "check": {"type": "str", "required": True},
            "selector": {"type": "str"},
            "hosts": {"type": "list", "elements": "str", "default": ["*"]},
            "reason": {"type": "str", "required": True},
            "owner": {"type": "str", "required": True},
            "expires": {"type": "str", "required": True},
        },
    },
    "refuse_waivers_by": {"type": "list", "elements": "str", "choices": list(SET_BY_STARTERS), "default": []},
    "contract": {"type": "str", "default": ""},
    "learn_contract": {"type": "bool", "default": False},
    "labels": {"type": "str", "choices": list(DETAILS), "default": DETAILS[0]},
    "reachability": {"type": "str", "choices": [NONE, SUMMARY, FULL], "default": SUMMARY},
    "facts": {"type": "str", "choices": [NONE, SUMMARY, FULL], "default": SUMMARY},
    "document_in": {"type": "str", "choices": [RESULT, FILE], "default": RESULT},
    "output_dir": {"type": "str", "default": ""},
    "snapshot": {"type": "str", "choices": [SAVE, AUDIT]},
    "snapshot_path": {"type": "path"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    "read_timeout": {"type": "int", "default": 60},
    "judge_timeout": {"type": "int", "default": 60},
}

REQUIRED_BY = {"snapshot": ["snapshot_path"]}

PACKET_PROTOCOLS = ("tcp", "udp", "icmp")

TRACE_SPEC: dict[str, dict[str, Any]] = {
    "from": {"type": "str", "required": True},
    "to": {"type": "str", "required": True},
    "port": {"type": "int"},
    "protocol": {"type": "str", "choices": list(PACKET_PROTOCOLS)},
    "source": {"type": "str"},
    "trace": {"type": "str", "choices": [NONE, "dry", "live"], "default": NONE},
    "trace_wait": {"type": "int", "default": 0},
    "snapshot_path": {"type": "path"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    "read_timeout": {"type": "int", "default": 60},
    "judge_timeout": {"type": "int", "default": 60},
}


class WrongValueError(ValueError):
    """A value that is not allowed; the message says where it stands, what it is and what is allowed."""

    def __init__(self, place: str, reason: str, value: Any) -> None:
        """Name the place inside the options, as in ``severities['proxy.*']``."""
        super().__init__(f"{place}: {reason}")
        self.value = value
