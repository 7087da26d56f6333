#!/bin/sh
# Run by mmdebstrap when all packages are in. $1: the root file system, $2: this directory, $3...: packages for the
# host's own repository, so that tests can remove and install them although no host reaches a mirror.
set -eu
root=$1
here=$2
shift 2

repo=/usr/share/dockernet-lab/repo
mkdir -p "$root$repo/partial"
chroot "$root" apt-get install -y --reinstall --download-only -o "Dir::Cache::archives=$repo" "$@"
rm -rf "$root$repo/partial" "$root$repo/lock"
chroot "$root" python3 - "$repo" < "$here/index_repository.py"

rm -rf "$root"/var/lib/apt/lists/* "$root"/etc/apt/sources.list.d/* "$root"/etc/apt/apt.conf.d/99mmdebstrap \
    "$root"/etc/apt/preferences.d/*
echo "deb [trusted=yes] file:$repo ./" > "$root/etc/apt/sources.list"
chroot "$root" apt-get update
chroot "$root" apt-get clean

# Every host gets keys and an identity of its own.
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/hostname" "$root/etc/resolv.conf"
: > "$root/etc/machine-id"
install -d -m 0700 "$root/root/.ssh"

# What would meddle with the machine below (its terminals, devices and disks), wait for a network that is not there, or
# change files while a test compares them.
for unit in getty.target getty@.service console-getty.service systemd-logind.service systemd-udev-trigger.service \
    systemd-modules-load.service systemd-journald-audit.socket systemd-networkd-wait-online.service \
    proc-sys-fs-binfmt_misc.automount e2scrub_all.timer e2scrub_reap.service fstrim.timer apt-daily.timer \
    apt-daily-upgrade.timer dpkg-db-backup.timer systemd-tmpfiles-clean.timer logrotate.timer man-db.timer; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

cp "$here/dockernet-lab-gate.service" "$root/etc/systemd/system/"
chroot "$root" systemctl enable dockernet-lab-gate.service
