"""`make harden` on a user's hosts: with the user's settings, and no success by having none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import users_ansible
from tests.unit.patience import SECONDS

ROOT = Path(__file__).resolve().parents[3]
# One that only the user has: the hosts are named by what it finds.
INVENTORY_PLUGIN = """
import os
from ansible import constants as C
from ansible.plugins.inventory import BaseInventoryPlugin

class InventoryModule(BaseInventoryPlugin):
    NAME = "mine.own.settings"

    def verify_file(self, path):
        return True

    def parse(self, inventory, loader, path, cache=True):
        inventory.add_host("config " + str(C.CONFIG_FILE))
        inventory.add_host("home " + str(C.config.get_config_value("ANSIBLE_HOME")))
        inventory.add_host("path " + os.environ["PATH"].split(":")[0])
        inventory.add_host("collections " + " ".join(C.COLLECTIONS_PATHS))
"""


def make_harden(inventory: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    # What the make that started this test was given is not meant for this one.
    ours = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "EXTRA", "INVENTORY")
    clean = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("ANSIBLE_")}
    return subprocess.run(
        ["make", "harden", f"INVENTORY={inventory}", *arguments],
        cwd=ROOT,
        env={**clean, **variables},
        check=False,
        capture_output=True,
        text=True,
        timeout=10 * SECONDS,
    )


def hosts_of(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The hosts that --list-hosts names for the first play."""
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.partition("hosts (")[2].splitlines()[1:]
    return {line.strip() for line in lines[: lines.index("") if "" in lines else None]}


def test_an_inventory_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yml"
    done = make_harden(missing)
    assert done.returncode != 0
    assert f"parse inventory source {missing}" in done.stdout + done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user with a configuration and a collection of their own."""
    place = tmp_path / "my collections" / "ansible_collections" / "mine" / "own" / "plugins" / "inventory"
    place.mkdir(parents=True)
    (place / "settings.py").write_text(INVENTORY_PLUGIN)
    (tmp_path / "hosts").write_text("")
    (tmp_path / ".ansible.cfg").write_text(
        f"[defaults]\ncollections_path = {tmp_path}/my collections:/nowhere\nhome = {tmp_path}/my-home\n"
        "[inventory]\nenable_plugins = mine.own.settings\n"
    )
    return tmp_path


def test_the_settings_of_the_user_hold(home: Path) -> None:
    path = f"/opt/mine/bin:{os.environ['PATH']}"
    done = make_harden(home / "hosts", "EXTRA=--list-hosts", HOME=str(home), PATH=path)
    assert hosts_of(done) == {
        f"config {home}/.ansible.cfg",
        f"home {home}/my-home",
        "path /opt/mine/bin",
        f"collections {ROOT}/.build {home}/my collections /nowhere",
    }


def test_variables_of_the_user_hold(home: Path) -> None:
    other = home / "other.cfg"
    other.write_text((home / ".ansible.cfg").read_text().replace("/nowhere", "/elsewhere"))
    variables = {
        "HOME": "/nonexistent",
        "ANSIBLE_CONFIG": str(other),
        "ANSIBLE_HOME": str(home / "third"),
        "ANSIBLE_COLLECTIONS_PATH": str(home / "my collections"),
    }
    found = hosts_of(make_harden(home / "hosts", "EXTRA=--list-hosts", **variables))
    assert found > {f"config {other}", f"home {home}/third", f"collections {ROOT}/.build {home}/my collections"}


def test_without_a_configuration_of_the_user_that_of_this_repository_does_not_hold(tmp_path: Path) -> None:
    assert users_ansible.config_of({"HOME": str(tmp_path)}, tmp_path / "ansible.cfg") == users_ansible.EMPTY
    system = tmp_path / "ansible.cfg"
    system.write_text("")
    assert users_ansible.config_of({"HOME": str(tmp_path)}, system) == system
    assert users_ansible.config_of({"HOME": str(tmp_path), "ANSIBLE_CONFIG": "/mine.cfg"}, system) == Path("/mine.cfg")
    # The places that Ansible looks into by itself come after this collection.
    users_ansible.EMPTY.touch()
    paths = users_ansible.environment_of(users_ansible.EMPTY)["ANSIBLE_COLLECTIONS_PATH"].split(":")
    assert paths[0] == str(ROOT / ".build")


def test_the_callbacks_of_the_user_are_called_beside_that_of_this_collection(tmp_path: Path) -> None:
    config = tmp_path / "ansible.cfg"
    config.write_text("[defaults]\ncallbacks_enabled = mine.own.timer, ansible.posix.profile_tasks\n")
    enabled = users_ansible.environment_of(config)["ANSIBLE_CALLBACKS_ENABLED"]
    assert enabled == "mine.own.timer,ansible.posix.profile_tasks,dockernet.baseline.progress"
    config.write_text("[defaults]\ncallbacks_enabled = dockernet.baseline.progress\n")
    assert users_ansible.environment_of(config)["ANSIBLE_CALLBACKS_ENABLED"] == "dockernet.baseline.progress"
