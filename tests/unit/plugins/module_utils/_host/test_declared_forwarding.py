"""Who is declared to be forwarded for, from files as operators write them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.declared_forwarding import (
    read_declared_forwarders,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import DeclaredForwarder

KEY = "cGxlYXNlIGRvIG5vdCB0ZWxsIGFueWJvZHkgYWJvdXQ="
WG0 = f"""\
[Interface]
Address = 10.9.0.1/24, fd00:9::1/64
PrivateKey = {KEY}
ListenPort = 51820

[Peer]
PublicKey = {KEY}
AllowedIPs = 10.9.0.2/32
"""
BOTH_WAYS = "PostUp = iptables -A FORWARD -i %i -j ACCEPT; iptables -A FORWARD -o %i -j ACCEPT\n"
ONE_WAY = "PostUp = iptables -A FORWARD -i %i -j ACCEPT; iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE\n"
LIBVIRT = """\
<network>
  <name>default</name>
  <forward mode='nat'/>
  <bridge name='virbr0' stp='on' delay='0'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'/>
</network>
"""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


class Host:
    def __init__(self, root: Path) -> None:
        self.root = root

    def file(self, path: str, text: str) -> Host:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return self

    def on(self, unit: str) -> Host:
        folder = self.root / "etc/systemd/system/multi-user.target.wants"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / unit).symlink_to(f"/lib/systemd/system/{unit}")
        return self

    def found(self) -> list[DeclaredForwarder]:
        read = read_declared_forwarders(self.root)
        assert read.unread == {}
        return read.found

    def only(self) -> DeclaredForwarder:
        (item,) = self.found()
        return item


def label(item: DeclaredForwarder) -> str:
    return f"{item.kind} {item.name}"


def test_wg_quick(host: Host) -> None:
    host.file("etc/wireguard/wg0.conf", WG0)
    item = host.only()
    assert (label(item), item.interface, item.starts) == ("interface wg0", "wg0", False)
    assert item.what == "WireGuard, declared in /etc/wireguard/wg0.conf"
    assert item.subnets == ["10.9.0.1/24", "fd00:9::1/64"]
    assert (item.families, item.accepts) == (("ipv4", "ipv6"), ())
    assert KEY not in repr(item)
    assert host.on("wg-quick@wg0.service").only().starts


@pytest.mark.parametrize(
    ("commands", "accepted"),
    [
        (BOTH_WAYS, ("ipv4",)),
        (BOTH_WAYS + BOTH_WAYS.replace("iptables", "/usr/sbin/ip6tables"), ("ipv4", "ipv6")),
        (BOTH_WAYS.replace("-o %i", "-o wg0 -m conntrack --ctstate RELATED,ESTABLISHED"), ("ipv4",)),
        (BOTH_WAYS.replace("-i %i", "-i %i -s 10.9.0.0/24"), ()),
        (ONE_WAY, ()),
    ],
)
def test_rules_that_wg_quick_brings(host: Host, commands: str, accepted: tuple[str, ...]) -> None:
    text = WG0.replace("[Peer]", f"{commands}\n[Peer]")
    assert host.file("etc/wireguard/wg0.conf", text).only().accepts == accepted


def test_networkd(host: Host) -> None:
    host.file("etc/systemd/network/50-vx.netdev", "[NetDev]\nName=vx5\nKind=vxlan\n[VXLAN]\nVNI=5\n")
    host.file("usr/lib/systemd/network/50-vx.netdev", "[NetDev]\nName=vx6\nKind=vxlan\n")
    host.file("etc/systemd/network/dummy.netdev", "[NetDev]\nName=dummy0\nKind=dummy\n")
    host.file("etc/systemd/network/up.network", "[Match]\nName=eth0\n[Network]\nDHCP=yes\n")
    host.file("etc/systemd/network/lan.network", "[Match]\nName=lan1\n[Network]\nIPMasquerade=ipv4\nIPForward=no\n")
    host.file("etc/systemd/network/six.network", "[Match]\nName=lan2\n[Network]\nIPv6Forwarding=yes\n")
    assert host.found() == []
    found = {item.interface: item for item in host.on("systemd-networkd.service").found()}
    assert {name: item.families for name, item in found.items()} == {"vx5": None, "lan1": ("ipv4",), "lan2": ("ipv6",)}
    assert "VXLAN" in found["vx5"].what
    assert found["vx5"].what.endswith(" /etc/systemd/network/50-vx.netdev")


def test_network_manager(host: Host) -> None:
    folder = "etc/NetworkManager/system-connections"
    vpn = "[connection]\nid=office\ntype=vpn\n[vpn-secrets]\npassword=geheim\n"
    shared = "[connection]\nid=guests\ntype=ethernet\ninterface-name=lan3\nautoconnect=false\n[ipv4]\nmethod=shared\n"
    host.file(f"{folder}/office.nmconnection", vpn).file(f"{folder}/guests.nmconnection", shared)
    host.file(f"{folder}/eth0.nmconnection", "[connection]\nid=eth0\ntype=ethernet\n[ipv4]\nmethod=auto\n")
    assert host.found() == []
    guests, office = host.on("NetworkManager.service").found()
    assert (label(guests), guests.starts, guests.families) == ("interface lan3", False, ("ipv4",))
    assert (label(office), office.starts) == ("connection office", True)
    assert "geheim" not in repr(office)


def test_ifupdown(host: Host) -> None:
    text = """\
auto lo br7
iface lo inet loopback
iface br7 inet static
    address 10.7.0.1/24
    bridge_ports none
iface wg7 inet static
    pre-up ip link add wg7 type wireguard
"""
    host.file("etc/network/interfaces", text).file("etc/network/interfaces.d/g", "auto g7\niface g7 inet tunnel\n")
    found = {item.interface: item.starts for item in host.on("networking.service").found()}
    assert found == {"br7": True, "wg7": False, "g7": True}


def test_ipsec(host: Host) -> None:
    text = """\
config setup
conn %default
    leftfirewall=yes
conn site
    leftsubnet=10.1.0.0/16
    rightsubnet=10.2.0.0/16
conn open
    leftfirewall=no
    leftsubnet=10.3.0.0/16
conn host
    right=192.0.2.9
    type=transport
"""
    site, open_ = host.file("etc/ipsec.conf", text).on("strongswan-starter.service").found()
    assert (label(site), site.accepts, label(open_), open_.accepts) == (
        "connection site",
        ("ipv4", "ipv6"),
        "connection open",
        (),
    )
    assert site.starts
    assert site.families == ("ipv4",)


def test_swanctl(host: Host) -> None:
    text = """\
connections {
    site {
        children {
            net { local_ts = 10.1.0.0/16
                remote_ts = 10.2.0.0/16 }
        }
    }
    alone {
        children { one { mode = transport } }
    }
}
secrets { ike-1 { secret = "geheim" } }
"""
    item = host.file("etc/swanctl/conf.d/site.conf", text).only()
    assert (label(item), item.starts) == ("connection site", False)
    assert item.what.endswith("declared in /etc/swanctl/conf.d/site.conf")
    assert "geheim" not in repr(item)


def test_openvpn(host: Host) -> None:
    host.file("etc/openvpn/server/hq.conf", "port 1194\ndev tun5\n").file("etc/openvpn/client/home.conf", "dev tun\n")
    hq, home = host.on("openvpn-server@hq.service").found()
    assert (label(hq), hq.interface, hq.starts) == ("interface tun5", "tun5", True)
    assert (label(home), home.interface, home.starts) == ("tunnel home", "", False)


def test_libvirt(host: Host) -> None:
    folder = "etc/libvirt/qemu/networks"
    host.file(f"{folder}/default.xml", LIBVIRT)
    host.file(f"{folder}/inner.xml", LIBVIRT.replace("<forward mode='nat'/>", "").replace("virbr0", "virbr1"))
    host.file(f"{folder}/lan.xml", LIBVIRT.replace("'nat'", "'bridge'").replace("virbr0", "br0"))
    assert not host.only().starts
    (host.root / folder / "autostart").mkdir()
    (host.root / folder / "autostart/default.xml").symlink_to("../default.xml")
    item = host.on("libvirtd.service").only()
    assert (item.interface, item.starts, item.families) == ("virbr0", True, ("ipv4",))


def test_incus(host: Host) -> None:
    (host.root / "var/lib/incus/networks/incusbr0").mkdir(parents=True)
    assert label(host.on("incus.socket").only()) == "interface incusbr0"


def test_what_is_no_file_of_settings_is_told_and_nobody_waits_for_it(host: Host) -> None:
    folder = host.root / "etc/wireguard"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "pipe.conf")
    (folder / "zero.conf").symlink_to("/dev/zero")
    host.file("etc/wireguard/big.conf", "#" * (1 << 19)).file("etc/wireguard/wg0.conf", WG0)
    (folder / "latin.conf").write_bytes(b"[Interface]\n# gr\xfc\xdfe\n")
    read = read_declared_forwarders(host.root)
    assert {item.interface for item in read.found} >= {"wg0", "latin"}
    for name in ("pipe", "zero", "big"):
        assert read.unread[f"/etc/wireguard/{name}.conf"].startswith("could not be read: ")
