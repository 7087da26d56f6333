"""`make harden INVENTORY=...` on a real host, as a user runs it who has a configuration and collections already."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.integration.host_state import host_state
from tests.lab.ansible_runs import PLAYBOOK_LIMIT
from tests.lab.host import Host
from tests.lab.identity import ROOT

CALLBACK = """
from ansible import constants as C
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_NAME = "mine.own.last"

    def v2_playbook_on_stats(self, stats):
        self._display.display("mine.own.last: " + str(C.CONFIG_FILE))
"""


def test_check_mode_with_the_settings_of_the_user(fresh_host: Host, tmp_path: Path) -> None:
    place = tmp_path / "collections" / "ansible_collections" / "mine" / "own" / "plugins" / "callback"
    place.mkdir(parents=True)
    (place / "last.py").write_text(CALLBACK)
    config = tmp_path / ".ansible.cfg"
    config.write_text(
        f"[defaults]\ncollections_path = {tmp_path}/collections\ncallbacks_enabled = mine.own.last\nforks = 3\n"
    )
    ours = ("MAKEFLAGS", "MFLAGS", "EXTRA", "INVENTORY")
    clean = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("ANSIBLE_")}
    fresh_host.run(["sysctl", "-qw", "net.ipv4.ip_forward=0"])
    before = host_state(fresh_host)
    done = subprocess.run(
        [
            *("make", "harden", "CHECK=1", f"INVENTORY={fresh_host.identity.inventory}"),
            f"EXTRA=--limit {fresh_host.name} -e harden_profile=default",
        ],
        cwd=ROOT,
        env={**clean, "HOME": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
        timeout=PLAYBOOK_LIMIT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"mine.own.last: {config}" in done.stdout
    assert "Planned changes" in done.stdout, done.stdout
    assert "net.ipv4.ip_forward from 0 to 1" in done.stdout
    # Nothing of the user's is written but what Ansible itself keeps at its home.
    assert {path.name for path in tmp_path.iterdir()} <= {"collections", ".ansible.cfg", ".ansible", ".ssh"}
    assert host_state(fresh_host) == before
