"""What the trace of one probe costs: its table, which the kernel makes and removes once, and the probe itself.

Dry probes of a container to the outside, of the host, and from outside to a published port, with the engine's rules
alone and with 10,000 more that forwarded packets are held against. The start is a trace that sends nothing: sockets,
table, and its removal. The probe is its socket in the container's namespace, the packet, and all its events.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tests.integration.kernel_traces import options_of, pid_of
from tests.integration.snapshots import PLACE, install_readers
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import Scenario, Workload

ROUNDS = 100
RULES = (0, 10_000)
SCENARIO = Scenario(containers=[Workload("web", publish=["8080:80"])])
ON_HOST = Path(__file__).with_name("trace_on_host.py")


def measure(host: Host, outside: str, rounds: int) -> None:
    """Print a line for each probe."""
    host.deploy(SCENARIO)
    install_readers(host)
    probes = {
        "container to outside": ("container web", {"destination": outside, "port": 9000}),
        "host to outside": ("host", {"destination": outside, "port": 9000}),
        "outside to published": ("outside eth0", {"destination": host.address, "port": 8080, "source": outside}),
    }
    print(f"{host.name}, engine {host.engine_version}; milliseconds, medians and 95th percentiles of {rounds}")
    print(f"{'rules':>8}  {'probe':<22}{'events':>8}{'start':>16}{'probe':>16}{'all':>16}")
    for rules in RULES:
        sources = (f"10.{200 + at // 65536}.{at // 256 % 256}.{at % 256}" for at in range(rules))
        lines = "".join(f"-A DOCKER-USER -s {source}/32 -j DROP\n" for source in sources)
        host.run(["iptables-restore", "--noflush"], stdin=f"*filter\n{lines}COMMIT\n")
        for name, (origin, options) in probes.items():
            given = {
                "place": PLACE,
                "rounds": rounds,
                "options": options_of(origin, options),
                "pid": pid_of(host, origin),
            }
            done = host.run(["/usr/bin/python3", "-", json.dumps(given)], stdin=ON_HOST.read_bytes(), timeout=600)
            found = json.loads(done.out)
            columns = "".join(f"{found[key][0]:>8.2f}{found[key][1]:>8.2f}" for key in ("start", "probe", "all"))
            print(f"{rules:>8,}  {name:<22}{found['events']:>8}{columns}")


def main() -> None:
    """Measure on one host of the lab that the environment names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="debian13")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    lab = Lab.open()
    host = lab.host(arguments.host)
    host.reset()
    measure(host, lab.outside.address, arguments.rounds)
    host.reset()


if __name__ == "__main__":
    main()
