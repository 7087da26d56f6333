"""No password gets into a snapshot."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import (
    MASK,
    mask_argv,
    mask_text,
    mask_values,
)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://me:pw@mirror.example/x", f"https://{MASK}@mirror.example/x"),
        ("https://me:p@w@mirror.example/x", f"https://{MASK}@mirror.example/x"),
        ("tcp://token@192.0.2.1:1,tcp://u:p@h", f"tcp://{MASK}@192.0.2.1:1,tcp://{MASK}@h"),
        ("https://mirror.example/a@b", "https://mirror.example/a@b"),
        ("me@example.org", "me@example.org"),
    ],
)
def test_credentials_of_urls(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_values_of_daemon_json() -> None:
    masked = mask_values(
        {
            "proxies": {"http-proxy": "http://proxy.example:3128", "no-proxy": ""},
            "registry-mirrors": ["https://u:p@mirror.example"],
            "log-opts": {"splunk-token": "t0k3n", "max-size": "1m"},
            "mtu": 1400,
            "icc": False,
        }
    )
    assert masked == {
        "proxies": {"http-proxy": MASK, "no-proxy": ""},
        "registry-mirrors": [f"https://{MASK}@mirror.example"],
        "log-opts": {"splunk-token": MASK, "max-size": "1m"},
        "mtu": 1400,
        "icc": False,
    }


def test_command_lines() -> None:
    words = [
        "dockerd",
        "--http-proxy",
        "http://a",
        "--https-proxy=http://b",
        "--log-opt",
        "splunk-token=t",
        "--mtu",
        "9",
    ]
    masked = [
        "dockerd",
        "--http-proxy",
        MASK,
        f"--https-proxy={MASK}",
        "--log-opt",
        f"splunk-token={MASK}",
        "--mtu",
        "9",
    ]
    assert mask_argv(words) == masked
    assert mask_argv(["dockerd", "--log-opt=splunk-token=t"]) == ["dockerd", f"--log-opt=splunk-token={MASK}"]
