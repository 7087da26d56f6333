# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of packet_trace, for both of its halves."""

from __future__ import annotations

from typing import Any

PACKET_PROTOCOLS = ("tcp", "udp", "icmp")

TRACE_SPEC: dict[str, dict[str, Any]] = {
    "from": {"type": "str", "required": True},
    "to": {"type": "str", "required": True},
    "port": {"type": "int"},
    "protocol": {"type": "str", "choices": list(PACKET_PROTOCOLS)},
    "source": {"type": "str"},
    "snapshot_path": {"type": "path"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    "read_timeout": {"type": "int", "default": 60},
    "judge_timeout": {"type": "int", "default": 60},
}
