"""Who sets the policies of the host's packet filter, read from files and programs that stand for the host's."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import firewall
from ansible_collections.dockernet.baseline.plugins.module_utils._host.firewall import read_firewall

VERSIONS = {"nft": "iptables v1.8.7 (nf_tables)\n", "legacy": "iptables v1.8.7 (legacy)\n", "old": "iptables v1.6.1\n"}


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path: f"/usr/sbin/{name}")
    monkeypatch.setattr(firewall, "SYSTEMD_RUNS", tmp_path)


def answers(version: str, units: str = "") -> object:
    def run(argv: list[str]) -> tuple[int, str, str]:
        if argv[0] == "systemctl":
            return 0, f"ActiveState=inactive\nUnitFileState={'enabled' if argv[3] == units else ''}\n", ""
        return 0, version, ""

    return run


@pytest.mark.parametrize(("version", "backend"), [("nft", "nft"), ("legacy", "legacy"), ("old", "legacy")])
def test_the_backend_of_the_hosts_own_iptables(version: str, backend: str, tmp_path: Path) -> None:
    found = read_firewall(answers(VERSIONS[version]), tmp_path)  # type: ignore[arg-type]
    assert found.programs == {"ipv4": "/usr/sbin/iptables", "ipv6": "/usr/sbin/ip6tables"}
    assert set(found.backends.values()) == {backend}
    assert not found.firewalld


def test_services_that_are_enabled(tmp_path: Path) -> None:
    assert read_firewall(answers("", "firewalld.service"), tmp_path).firewalld  # type: ignore[arg-type]
    assert not read_firewall(answers("", "ferm.service"), tmp_path).firewalld  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "ipv6", "expected"),
    [
        ("ACCEPT", "yes", {"ipv4": "ACCEPT", "ipv6": "ACCEPT"}),
        ("ACCEPT", "no", {"ipv4": "ACCEPT", "ipv6": "DROP"}),
        ("REJECT", "yes", {"ipv4": "DROP", "ipv6": "DROP"}),
    ],
)
def test_ufw(policy: str, ipv6: str, expected: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "etc/ufw").mkdir(parents=True)
    (tmp_path / "etc/default").mkdir()
    (tmp_path / "etc/default/ufw").write_text(f'IPV6={ipv6}\nDEFAULT_FORWARD_POLICY="{policy}"\n')
    (tmp_path / "etc/ufw/ufw.conf").write_text("ENABLED=no\n")
    assert read_firewall(answers(""), tmp_path).ufw == {}  # type: ignore[arg-type]
    (tmp_path / "etc/ufw/ufw.conf").write_text("ENABLED=yes\n")
    assert read_firewall(answers(""), tmp_path).ufw == expected  # type: ignore[arg-type]


def test_ipvs(tmp_path: Path) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/ip_vs").write_text(
        "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\nTCP  C0A80001:0050 rr  \n"
        "  -> 0A000002:0050      Masq    1      0          0         \n"
    )
    assert read_firewall(answers(""), tmp_path).ipvs_services == 1  # type: ignore[arg-type]
