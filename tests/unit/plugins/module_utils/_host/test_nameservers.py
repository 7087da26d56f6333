"""Whom the host asks for names."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_for_packets import read_nameservers


def test_resolv_conf(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text(
        "# nameserver 192.0.2.1\nsearch example.org\nnameserver 192.0.2.53\nnameserver fe80::1%eth0 # ours\n"
        "nameserver x\nnameserver 192.0.2.53\nnameserver\n"
    )
    assert read_nameservers(tmp_path) == ["192.0.2.53", "fe80::1"]


def test_the_servers_behind_a_stub(tmp_path: Path) -> None:
    for path, address in (("etc", "127.0.0.53"), ("run/systemd/resolve", "10.1.2.3")):
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "resolv.conf").write_text(f"nameserver {address}\n")
    assert read_nameservers(tmp_path) == ["127.0.0.53", "10.1.2.3"]


def test_no_file(tmp_path: Path) -> None:
    assert read_nameservers(tmp_path) == []


def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "etc/resolv.conf").mkdir(parents=True)
    with pytest.raises(OSError, match="not a regular file"):
        read_nameservers(tmp_path)
