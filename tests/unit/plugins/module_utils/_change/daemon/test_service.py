"""What is asked of systemd, and what is made of its answers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.service import (
    BareDaemon,
    DockerService,
    ServiceState,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed

SHOWN = {
    "docker.service": "KillMode=process\nRequiredBy=shop.service idle.service\nBoundBy=\nConsistsOf=docker.socket\n"
    "ActiveState=active\nMainPID=42\nJob=7\n",
    "shop.service": "ActiveState=active\n",
    "idle.service": "ActiveState=inactive\n",
}


class Programs:
    """Answers like systemctl and journalctl, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.status = 0
        self.journal = ""

    def __call__(self, argv: list[str]) -> tuple[int, str, str]:
        self.asked.append(argv)
        if argv[:2] == ["systemctl", "show"]:
            return self.status, SHOWN.get(argv[2], ""), "no answer"
        return self.status, self.journal, "no answer"


def test_traits_name_active_services_only() -> None:
    traits = DockerService(Programs(), "docker.service").traits()
    assert (traits.kill_mode, traits.dependents) == ("process", ["shop.service"])


def test_state_is_of_one_moment() -> None:
    programs = Programs()
    assert DockerService(programs, "docker.service").state() == ServiceState("active", 42, has_job=True)
    assert len(programs.asked) == 1


def test_restart_does_not_trip_over_the_limit_of_starts_and_does_not_block() -> None:
    programs = Programs()
    DockerService(programs, "docker.service").restart()
    assert programs.asked == [
        ["systemctl", "reset-failed", "docker.service"],
        ["systemctl", "restart", "--no-block", "docker.service"],
    ]


def test_what_systemctl_refuses_is_said() -> None:
    programs = Programs()
    programs.status = 1
    with pytest.raises(ChangeFailed, match=r"systemctl reload docker\.service failed: no answer"):
        DockerService(programs, "docker.service").reload()


def test_the_journal_from_a_cursor_on() -> None:
    programs = Programs()
    service = DockerService(programs, "docker.service")
    programs.journal = "-- cursor: s=1;i=2\n"
    assert service.cursor() == "s=1;i=2"
    programs.journal = "one\n\ntwo\n"
    assert service.journal_since("s=1;i=2") == ["one", "two"]
    assert "--after-cursor=s=1;i=2" in programs.asked[-1]


def test_a_process_that_is_no_dockerd_gets_no_signal() -> None:
    """The test itself would end of it."""
    daemon = BareDaemon(os.getpid())
    with pytest.raises(ChangeFailed, match="is not dockerd any more"):
        daemon.reload()
    with pytest.raises(ChangeFailed, match="not restarted"):
        daemon.restart()
    assert daemon.state() == ServiceState("active", os.getpid(), has_job=False)
    assert daemon.journal_since(daemon.cursor()) == []


# In Python, since a shell cannot trap a signal that is ignored when it starts, as under nohup.
DOCKERD = """#!{python}
import signal, sys
signal.signal(signal.SIGHUP, lambda *dummy: sys.exit("reloaded"))
signal.alarm(30)
print("ready", flush=True)
signal.pause()
"""


def test_a_dockerd_is_sent_the_signal(tmp_path: Path) -> None:
    program = tmp_path / "dockerd"
    program.write_text(DOCKERD.format(python=sys.executable))
    program.chmod(0o755)
    with subprocess.Popen([program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        BareDaemon(process.pid).reload()
        assert process.communicate()[1] == "reloaded\n"
