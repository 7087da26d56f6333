"""A Docker host of the lab, as tests use it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.lab import breaks, docker_api, layouts, network, scenario, workload
from tests.lab.connections import end_connections
from tests.lab.container import Container
from tests.lab.engine import RUN, Engine
from tests.lab.identity import Identity
from tests.lab.kinds import HostName, Subnet
from tests.lab.machine_lock import file_lock
from tests.lab.network import Space
from tests.lab.proc import DEFAULT_TIMEOUT, CommandError, LabError, Result, run, wait_for
from tests.lab.vantage import Vantage

LABEL = "dockernet.lab"
ENGINE_LABEL = f"{LABEL}.engine"
"""Label of a host with an engine of its own; its first word is the engine's version (own_engine.py)."""
PRISTINE = Path(__file__).with_name("pristine.py")
COMPILED_MODULES = Path(__file__).with_name("compiled_modules.py")
RESET_LIMIT = 600.0
# A login's environment; nothing of the controller's goes to the host.
ENVIRONMENT = ("HOME=/root", "LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")


class Host(Vantage):
    """One host. As a Vantage it probes from the host's own network namespace."""

    def __init__(self, engine: Engine, identity: Identity, name: HostName, subnet: Subnet) -> None:
        self.engine = engine
        self.identity = identity
        self.host_name = name
        self.subnet = subnet
        self._process = (0, "")

    def __repr__(self) -> str:
        return f"Host({self.name})"

    @property
    def name(self) -> str:
        """The host's name in the lab and in the inventory."""
        return self.host_name.name

    @property
    def kind(self) -> str:
        return self.host_name.kind.name

    @property
    def address(self) -> str:
        return self.subnet.ipv4(self.host_name.place)

    @property
    def address6(self) -> str:
        return self.subnet.ipv6(self.host_name.place)

    @property
    def container_name(self) -> str:
        """The outer container that is this host."""
        return self.identity.thing(self.name)

    @property
    def pid(self) -> int:
        """The host's process 1 as the controller sees it."""
        pid, started = self._process
        if not pid or _started(pid) != started:
            seen = self.engine.inspect([self.container_name]).get(self.container_name)
            if not seen or not seen["State"]["Running"]:
                raise LabError(f"host {self.name} of lab {self.identity.name} does not run; `make lab` starts it")
            pid = int(seen["State"]["Pid"])
            self._process = (pid, _started(pid))
        return pid

    @property
    def path(self) -> str:  # type: ignore[override]
        """The path of the host's network namespace."""
        return f"/proc/{self.pid}/ns/net"

    @property
    def release(self) -> str:
        """The version of the engine that it is made with: that of its kind, or that of an engine of its own."""
        labels = self.engine.inspect([self.container_name])[self.container_name]["Config"]["Labels"]
        return (labels.get(ENGINE_LABEL) or self.host_name.kind.engine).split()[0]

    @property
    def engine_version(self) -> str:
        """The version as the daemon says it, without the distribution's suffix."""
        return self.run(["docker", "version", "--format", "{{.Server.Version}}"]).out.strip().partition("+")[0]

    def run(
        self,
        command: Sequence[str] | str,
        *,
        check: bool = True,
        stdin: str | bytes | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Result:
        """Run a program on the host as root; a string is given to `sh -c`. It is ended when it takes too long."""
        argv = ["sh", "-c", command] if isinstance(command, str) else command
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--"]
        clean = ["setpriv", "--pdeathsig", "KILL", "env", "-i", *ENVIRONMENT]
        return run([*enter, *clean, *argv], check=check, stdin=stdin, timeout=timeout)

    def docker(self, *argv: str, check: bool = True, timeout: float = DEFAULT_TIMEOUT) -> Result:
        """The host's own docker client."""
        return self.run(["docker", *argv], check=check, timeout=timeout)

    def read(self, path: str) -> str:
        return self.run(["cat", path]).out

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Write a file, and the folders above it where they are missing."""
        script = 'mkdir -p "$(dirname "$1")" && cat > "$1" && chmod "$2" "$1"'
        self.run(["sh", "-c", script, "sh", path, f"{mode:o}"], stdin=content)

    def exists(self, path: str) -> bool:
        return self.run(["test", "-e", path], check=False).rc == 0

    def sysctl(self, key: str) -> str:
        """The kernel's value now; `key` with dots or slashes."""
        return self.read(_sysctl_path(key)).strip()

    def set_sysctl(self, key: str, value: str) -> None:
        self.run(["sh", "-c", 'echo "$2" > "$1"', "sh", _sysctl_path(key), value])

    def wait_for(self, predicate: Callable[[], Any], limit: float, what: str) -> Any:
        """Ask until the answer is true; returns it. Raises LabError after `limit` seconds."""
        return wait_for(predicate, limit, f"{what} on {self.name}")

    def settle_links(self) -> None:
        """Wait until udev has dealt with new links: it changes their MAC addresses (systemd.link(5)).

        Who asked for a MAC address before would send to one that is gone.
        """
        self.run(["udevadm", "settle", "--timeout=120"])

    def container(self, name: str) -> Container:
        """A container on this host, running or not."""
        return Container(self, name)

    def deploy(self, wanted: scenario.Scenario) -> None:
        """Make the scenario's networks and containers, and wait until its servers listen."""
        scenario.deploy(self, wanted)

    def break_(self, name: str) -> None:
        """Break the host in the named way (`python -m tests.lab breaks` lists them); reset() repairs it."""
        breaks.apply(self, name)

    def journal(self, unit: str = "docker.service", lines: int = 30) -> str:
        return self.run(
            ["journalctl", "--unit", unit, "--no-pager", "--lines", str(lines), "--output=cat"], check=False
        ).out

    def restart_docker(self) -> None:
        """Restart the daemon and wait until it answers. Raises with its journal when it does not start."""
        self.run(["systemctl", "reset-failed", "docker.service"], check=False)
        done = self.run(["systemctl", "restart", "docker.service"], check=False)
        if done.rc != 0:
            raise CommandError(f"docker.service on {self.name} did not start:\n{self.journal()}", done)
        self.wait_for_docker(120)

    def wait_for_docker(self, limit: float) -> None:
        """Until docker.service is active and its daemon answers."""

        def ready() -> bool:
            state = self.run(["systemctl", "is-active", "docker.service"], check=False).out.strip()
            if state == "failed":
                raise LabError(f"docker.service on {self.name} failed:\n{self.journal()}")
            return state == "active" and self.answers()

        self.wait_for(ready, limit, "docker.service to be active")

    def answers(self) -> bool:
        """Whether the daemon answers a question that costs it nothing."""
        try:
            self._ask("/containers/json?limit=1")
        except LabError:
            return False
        return True

    def reset(self) -> None:
        """Back to the state after the first boot: see pristine.py. The host's processes and address stay."""
        self.run(["python3", "-", "restore"], stdin=PRISTINE.read_bytes(), timeout=RESET_LIMIT)
        self.plug()
        self.wait_for_docker(120)

    def reboot(self) -> None:
        """Stop the host at once and start it again: its files stay, its kernel settings are those of a fresh boot."""
        self.engine.docker("restart", "--time", "0", self.container_name)
        self.boot()

    def boot(self) -> None:
        """Take a started host past its gate: plugged in, its fresh state noted, its Docker active."""
        end_connections(self.identity, self.name)
        wait_for(lambda: _has_booted(self), BOOT_LIMIT, f"{self.name} to boot")
        self.plug()
        self._keep_compiled_modules()
        if self.host_name.layout:
            self.run(["sh", "-e", "-c", layouts.SCRIPTS[self.host_name.layout]])
        self.run(["python3", "-", "note"], stdin=PRISTINE.read_bytes())
        self.run(["touch", GATE])
        self.wait_for_docker(BOOT_LIMIT)
        self.load_workload_image()

    def _keep_compiled_modules(self) -> None:
        """Let its Python keep what it compiles of Ansible's modules: see compiled_modules.py."""
        packages = f"/usr/local/lib/python{self.host_name.kind.python}/dist-packages"
        name = f"dockernet_lab_{COMPILED_MODULES.stem}"
        self.write(f"{packages}/{name}.py", COMPILED_MODULES.read_bytes())
        # Lines of such a file that begin with "import" are executed when Python starts (module site).
        self.write(f"{packages}/{name}.pth", f"import {name}\n")

    def plug(self) -> None:
        """Its eth0, addresses and default routes, as the lab gives them."""
        lan, place = Space(self.identity.thing("lan")), self.host_name.place
        with file_lock(RUN / "locks" / f"{self.container_name}.plug"):
            network.plug(lan, f"p{place}", Space(pid=self.pid), self.subnet, place)

    def load_workload_image(self) -> None:
        """Import the workload image, unless the host has this version of it."""
        label = f"dockernet.workload={workload.digest()}"
        have = self.docker("image", "ls", "--quiet", "--filter", f"label={label}", workload.IMAGE).out
        if not have.strip():
            changes = (f"LABEL {label}", 'CMD ["/bin/serve"]', "ENV PATH=/bin")
            options = [word for change in changes for word in ("--change", change)]
            self.run(["docker", "import", *options, "-", workload.IMAGE], stdin=workload.tarball())

    def inspect(self, container: str) -> dict[str, Any]:
        """What the host's daemon says about one of its containers."""
        entry: dict[str, Any] = self._ask(f"/containers/{container}/json")
        return entry

    def _ask(self, question: str) -> Any:
        return docker_api.ask(f"/proc/{self.pid}/root/run/docker.sock", question)


BOOT_LIMIT = 300.0
GATE = "/run/dockernet-lab-go"


def _has_booted(host: Host) -> bool:
    """Whether systemd has come so far that programs may be run; the gate holds Docker back after that."""
    return host.run(["systemctl", "is-active", "basic.target"], check=False).rc == 0


def _started(pid: int) -> str:
    """A process's start time in clock ticks, which tells it from a later one with its number; "" if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _sysctl_path(key: str) -> str:
    return "/proc/sys/" + (key if "/" in key else key.replace(".", "/"))
