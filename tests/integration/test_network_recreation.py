"""A network made anew under running containers, on real engines: they keep what they have there, or nothing changes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.integration.snapshots import PLACE, install_readers
from tests.lab import workload
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.proc import Result
from tests.lab.scenario import NetworkSpec, Scenario, Workload

MAC = "02:aa:bb:cc:dd:01"
PORT, HUB_PORT = 8080, 8081
# The order of connection decides on interfaces and addresses. "gone" leaves a gap between them.
SHOP = Scenario(
    networks=[NetworkSpec("shop", "10.77.0.0/24", ipv6_subnet="fd00:77::/64"), NetworkSpec("office", "10.78.0.0/24")],
    containers=[
        Workload("db", ["shop"], options=["--ip=10.77.0.50", "--ip6=fd00:77::50", f"--mac-address={MAC}"]),
        Workload("web", ["shop"], publish=[f"{PORT}:80"], options=["--network-alias=www"]),
        Workload("gone", ["shop"], serve=[]),
        Workload("hub", ["shop", "office"], publish=[f"{HUB_PORT}:80"]),
        Workload("spare", ["shop"], options=["--ip=10.77.0.60", "--network-alias=reserve"], serve=[]),
    ],
)
RUNNING = ("db", "web", "hub")
LOWEST_FREE_NAME = 28
FORGETS_MAC = 25

MODULE = "dockernet.baseline.bridge_network"
CONSENT = {"recreate": "allow", "on_disruption": "allow"}

# The module's own code, with something that happens just after the old network was removed, or the new one made.
PROGRAM = """
import os, subprocess, sys
sys.path.insert(0, {place!r})
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network import NetworkChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import (
    NetworkConsent, NetworkRequest,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import EngineNetworks
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_whole import read_whole
class Api(EngineNetworks):
    def remove(self, network_id):
        super().remove(network_id)
        {removed}
    def create(self, body):
        network_id = super().create(body)
        {created}
        return network_id
api = Api("unix:///var/run/docker.sock")
request = NetworkRequest("networks[0]", "shop", mtu=1400, bridge_name={bridge!r})
change = NetworkChange([request], NetworkConsent(True, True), [], api, run_command, read_whole)
try:
    change.apply(change.plan())
except ChangeFailed as error:
    print(error)
"""


def recreate_while(host: Host, *, removed: str = "pass", created: str = "pass", bridge: str | None = None) -> Result:
    """Make the network shop anew with another MTU, while something happens."""
    install_readers(host)
    program = PROGRAM.format(place=PLACE, removed=removed, created=created, bridge=bridge)
    done = host.run(["/usr/bin/python3", "-"], stdin=program, check=False)
    assert "Traceback" not in done.err, done.err
    return done


def deploy(host: Host) -> None:
    host.deploy(SHOP)
    host.docker("rm", "--force", "gone")
    host.docker("stop", "--time=0", "spare")
    host.docker("create", "--name", "fresh", "--network=shop", "--network-alias=new", workload.IMAGE, "/bin/serve")


def in_kernel(host: Host, name: str) -> list[dict[str, Any]]:
    """The interfaces in a container, in the order of their names, and where its default route goes."""
    container = host.container(name)
    links = json.loads(container.net(["ip", "-json", "addr"]).out)
    route = json.loads(container.net(["ip", "-json", "route", "show", "default"]).out)[0]
    return [
        {
            "name": link["ifname"],
            "mac": link["address"],
            "addresses": [entry["local"] for entry in link["addr_info"] if entry["scope"] == "global"],
            "default": route["gateway"] if route["dev"] == link["ifname"] else "",
        }
        for link in sorted(links, key=lambda link: str(link["ifname"]))
        if link["ifname"] != "lo"
    ]


def state(host: Host) -> dict[str, Any]:
    """What has to be as before of the running containers, by the kernel and by the engine."""
    found: dict[str, Any] = {}
    for name in RUNNING:
        seen = host.container(name).inspect()
        networks = seen["NetworkSettings"]["Networks"]
        found[name] = {
            "alive": (seen["State"]["Pid"], seen["State"]["StartedAt"]),
            "kernel": [{**link, "name": ""} for link in in_kernel(host, name)],
            "addresses": {key: item["IPAddress"] for key, item in networks.items()},
            "aliases": {key: sorted(item["Aliases"] or []) for key, item in networks.items()},
            "ports": seen["NetworkSettings"]["Ports"],
        }
    return found


def reach(host: Host, lab: Lab) -> dict[str, Any]:
    """Who reaches whom, by name, by address, and from outside."""
    hub, web = host.container("hub"), host.container("web")
    names = {
        f"{container.name} pings {name}": container.run(["ping", "-c1", "-W10", name], check=False).rc
        for container, name in ((hub, "www"), (hub, "db"), (web, "hub"))
    }
    return {
        **names,
        "hub to db": hub.tcp("10.77.0.50", 80),
        "hub to itself": hub.tcp(host.container("hub").address("office"), 80),
        "outside to web": lab.outside.http(host.address, PORT).body.strip(),
        "outside to hub": lab.outside.http(host.address, HUB_PORT).body.strip(),
        "host to web by 127.0.0.1": host.http("127.0.0.1", PORT).body.strip(),
    }


def test_containers_keep_what_they_have(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    engine = int(host.engine_version.split(".")[0])
    deploy(host)
    before, reached = state(host), reach(host, lab)
    names = [link["name"] for link in in_kernel(host, "hub")]
    assert reached["outside to hub"] == "workload hub port 80"

    done = ansible_module(host, MODULE, {"networks": [{"name": "shop", "mtu": 1400}], **CONSENT})

    assert done["changed"], done
    # Nothing was observed of a container that was not planned.
    assert [said for said in done.get("warnings", []) if "container " in said] == []
    assert state(host) == before
    assert reach(host, lab) == reached
    mtu = json.loads(host.container("db").net(["ip", "-json", "link"]).out)[-1]["mtu"]
    assert mtu == 1400
    # Nobody is left in a state in which it does not start, and the aliases of both still lead somewhere.
    host.docker("start", "spare", "fresh")
    assert host.container("spare").address("shop") == "10.77.0.60"
    assert [host.container("web").run(["ping", "-c1", "-W10", name]).rc for name in ("reserve", "new")] == [0, 0]
    if engine >= LOWEST_FREE_NAME:
        assert [link["name"] for link in in_kernel(host, "hub")] == names
    felt = {(item["name"], item["how"].split(":")[0]) for item in done["disruptions"]}
    assert ("hub", "its address 10.77.0.4 on network shop becomes a fixed one") in felt
    assert (("db", "loses its configured MAC address 02") in felt) == (engine >= FORGETS_MAC)
    assert any(re.search("gets a higher number", how) for dummy, how in felt) == (engine < LOWEST_FREE_NAME)


def test_a_network_that_cannot_be_created_is_put_back(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    deploy(host)
    before, reached = state(host), reach(host, lab)
    network = json.loads(host.docker("network", "inspect", "shop").out)[0]

    veth = 'subprocess.run("ip link add br-taken type veth peer name br-other", shell=True)'
    said = recreate_while(host, removed=veth, bridge="br-taken").out

    assert "network shop and its containers were restored" in said
    assert state(host) == before
    assert reach(host, lab) == reached
    again = json.loads(host.docker("network", "inspect", "shop").out)[0]
    changing = ("Id", "Created", "Containers")
    assert {key: value for key, value in again.items() if key not in changing} == {
        key: value for key, value in network.items() if key not in changing
    }
    host.docker("start", "spare", "fresh")
    assert host.container("spare").address("shop") == "10.77.0.60"


@pytest.mark.long
@pytest.mark.kinds("debian11", "debian13-docker28")
def test_whatever_happens_in_the_middle(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    deploy(host)
    before, reached = state(host), reach(host, lab)

    # Somebody takes an address while nobody has it: who was there first gets it back, and the other one is told of.
    run = f"docker run -d --name late --network shop --ip 10.77.0.50 {workload.IMAGE} /bin/serve"
    said = recreate_while(host, created=f'subprocess.run("{run}", shell=True)').out
    assert "container late could not be restored on network shop (Address already in use)" in said
    assert "docker network connect --ip 10.77.0.50 shop late" in said
    assert state(host) == before
    assert reach(host, lab) == reached
    host.docker("rm", "--force", "late")

    # The run is killed when nobody is connected yet: the next one, whatever it is for, finds that and puts it right.
    assert recreate_while(host, created="os.kill(os.getpid(), 9)").rc != 0
    assert "shop" not in host.container("hub").inspect()["NetworkSettings"]["Networks"]
    done = ansible_module(host, MODULE, {"networks": [{"name": "shop", "mtu": 1300}]})
    assert done["changed"], done
    assert "restore network shop" in done["actions"][0]
    assert state(host) == before
    assert reach(host, lab) == reached
    host.docker("start", "spare", "fresh")
    assert host.container("spare").address("shop") == "10.77.0.60"
