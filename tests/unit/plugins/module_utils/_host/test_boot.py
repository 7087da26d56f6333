"""The files that are read at boot, and their order."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_boot

SYSTEMD = "run/systemd/system"


def make(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            path.symlink_to(text[3:])
        else:
            path.write_text(text)
    return root


def paths(root: Path) -> list[str]:
    return [file.path for file in read_boot(root).files]


def test_files_of_all_directories_are_sorted_by_name(tmp_path: Path) -> None:
    names = ["lib/sysctl.d/50-a.conf", "run/sysctl.d/20-b.conf", "usr/lib/sysctl.d/9-c.conf", "etc/sysctl.d/10-d.conf"]
    make(tmp_path, {**dict.fromkeys(names, "a=1\n"), "etc/sysctl.d/README": "a=1", "etc/sysctl.d/x.conf.bak": "a=1"})
    assert paths(tmp_path) == ["/etc/sysctl.d/10-d.conf", "/run/sysctl.d/20-b.conf", *["/" + n for n in names[::2]]]


@pytest.mark.parametrize(
    ("mask", "left"),
    [
        ("a=2\n", ["/etc/sysctl.d/50-a.conf"]),
        ("-> /dev/null", []),
        ("", []),
        ("-> nowhere", ["/usr/lib/sysctl.d/50-a.conf"]),
    ],
)
def test_a_file_hides_its_namesake_in_a_later_directory(tmp_path: Path, mask: str, left: list[str]) -> None:
    make(tmp_path, {"usr/lib/sysctl.d/50-a.conf": "a=1\n", "etc/sysctl.d/50-a.conf": mask})
    assert paths(tmp_path) == left


def test_sysctl_conf_counts_for_systemd_only_by_a_link(tmp_path: Path) -> None:
    make(tmp_path, {"etc/sysctl.conf": "a=1\n", "etc/sysctl.d/99-z.conf": "a=2\n"})
    assert read_boot(tmp_path).loader == "procps"
    assert paths(tmp_path) == ["/etc/sysctl.d/99-z.conf", "/etc/sysctl.conf"]
    (tmp_path / SYSTEMD).mkdir(parents=True)
    assert read_boot(tmp_path).loader == "systemd-sysctl"
    assert paths(tmp_path) == ["/etc/sysctl.d/99-z.conf"]
    make(tmp_path, {"etc/sysctl.d/99-sysctl.conf": "-> ../sysctl.conf"})
    assert paths(tmp_path) == ["/etc/sysctl.d/99-sysctl.conf", "/etc/sysctl.d/99-z.conf"]


@pytest.mark.parametrize(("enabled", "read"), [("yes", True), ("no", False)])
def test_ufw_has_a_file_of_its_own(tmp_path: Path, enabled: str, read: bool) -> None:
    make(
        tmp_path,
        {
            f"{SYSTEMD}/x": "",
            "etc/ufw/ufw.conf": f"# on at boot\nENABLED={enabled}\n",
            "etc/default/ufw": "IPT_SYSCTL=/etc/ufw/sysctl.conf\n",
            "etc/ufw/sysctl.conf": "net/ipv4/ip_forward=1\n",
        },
    )
    assert paths(tmp_path) == (["/etc/ufw/sysctl.conf"] if read else [])


def test_nothing_at_all(tmp_path: Path) -> None:
    assert read_boot(tmp_path).files == []
