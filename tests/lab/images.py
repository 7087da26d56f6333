"""Images of the hosts, built from Debian's packages and kept outside the tree.

A finished root file system lies as a tar file in the cache, named after a digest of its recipe, and as an image of the
same name in the engine. Both appear in one step when they are whole, so an interrupted build leaves nothing that passes
for one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.lab.engine import Engine
from tests.lab.kinds import KINDS, Kind
from tests.lab.machine_lock import CACHE, file_lock
from tests.lab.proc import LabError, run

IMAGE_FILES = Path(__file__).parent / "image"
NEEDED_BYTES = 3 * 1024**3
IMPORT_LIMIT = 600.0
KEPT = 2
MIRROR_SCHEMES = ("http://", "https://", "file:")
RELEASES = {"stable", "testing", "unstable", "sid", *(kind.suite for kind in KINDS.values())}
PROXY_VARIABLES = {"http_proxy", "https_proxy", "no_proxy"}

PACKAGES = (
    "conntrack",
    "dbus",
    "docker.io",
    "iproute2",
    "iptables",
    "iputils-ping",
    "kmod",
    "nftables",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "python3-docker",
    "python3-pyroute2",
    "systemd",
    "systemd-sysv",
    "udev",
)
# Kept as packages on the host, to be installed (again) by tests.
REPOSITORY = ("firewalld", "python3-docker", "python3-pyroute2", "ufw")
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


def ensure(engine: Engine, kind: Kind, say: Callable[[str], None]) -> str:
    """The name of the image for hosts of that kind, built first where need be."""
    digest = recipe_digest(kind)
    image = f"dockernet-lab/{kind.name}:{digest}"
    if _exists(engine, image):
        return image
    with file_lock(CACHE / f"{kind.name}.lock", lambda: say(f"{kind.name}: waiting for another build of its image")):
        if _exists(engine, image):
            return image
        tarball = CACHE / f"{kind.name}-{digest}.tar"
        if not tarball.exists():
            _build(kind, tarball, say)
        say(f"{kind.name}: importing the image")
        engine.docker("import", "--change", "ENV container=docker", str(tarball), image, timeout=IMPORT_LIMIT)
        _forget_old(engine, kind)
    return image


def recipe_digest(kind: Kind) -> str:
    """Changes whenever something changes that goes into the image."""
    digest = hashlib.sha256(repr(_command(kind, "MIRROR", "TARGET", [])).encode())
    for path in sorted(IMAGE_FILES.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _exists(engine: Engine, image: str) -> bool:
    return engine.docker("image", "inspect", "--format", "ok", image, check=False).rc == 0


def _command(kind: Kind, mirror: str, target: str, apt_options: list[str]) -> list[str]:
    include = sorted({*PACKAGES, *kind.extra, *kind.pinned})
    # An archive whose Release file has expired (an old suite, a slow mirror) is good enough for a test host.
    options = ['Acquire::Check-Valid-Until "false"', *apt_options]
    suites = [kind.suite, *([kind.pinned_from] if kind.pinned else [])]
    customize = f'"$IMAGE_FILES/customize.sh" "$1" "$IMAGE_FILES" {" ".join(REPOSITORY)}'
    return [
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar", f"--include={','.join(include)}"),
        *(f"--aptopt={option}" for option in options),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
        *([f"--setup-hook={_pin(kind)}"] if kind.pinned else []),
        f"--customize-hook={customize}",
        "--skip=cleanup/apt",
        *(kind.suite, target),
        *(f"deb {mirror} {suite} main" for suite in suites),
    ]


def _pin(kind: Kind) -> str:
    """A hook that takes the pinned packages, and only what they need, from the other suite."""
    others = rf"Package: *\nPin: release n={kind.pinned_from}\nPin-Priority: 100\n\n"
    wanted = rf"Package: {' '.join(kind.pinned)}\nPin: release n={kind.pinned_from}\nPin-Priority: 990\n"
    return f'mkdir -p "$1/etc/apt/preferences.d"; printf "{others}{wanted}" > "$1/etc/apt/preferences.d/pinned"'


def _build(kind: Kind, tarball: Path, say: Callable[[str], None]) -> None:
    _check_space()
    scratch = CACHE / f"build-{kind.name}"
    _remove_scratch(scratch)
    scratch.mkdir(mode=0o755)
    part = tarball.with_suffix(".part")
    began = time.monotonic()

    def told(step: str) -> None:
        say(f"{kind.name}: {step} [{time.monotonic() - began:.0f} s]")

    told(f"building the image (Debian {kind.suite}, engine {kind.engine})")
    _follow(_command(kind, mirror(), str(part), _apt_options()), scratch, told)
    found = _engine_version(part)
    if not found.startswith(kind.engine):
        raise LabError(f"{kind.name}: the archive has engine {found}, the lab's table says {kind.engine}")
    part.rename(tarball)
    _remove_scratch(scratch)
    told("built")


def _follow(command: list[str], scratch: Path, told: Callable[[str], None]) -> None:
    """Run the build and tell its steps; all of its output goes to a log beside it."""
    log_path = scratch.with_suffix(".log")
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "TMPDIR": str(scratch),
        "IMAGE_FILES": str(IMAGE_FILES),
        "DEBIAN_FRONTEND": "noninteractive",
        "LC_ALL": "C.UTF-8",
        **_proxies(),
    }
    with (
        log_path.open("w") as log,
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        for line in process.stdout or ():
            log.write(line)
            step = re.match(r"I: (downloading|extracting|installing|running apt|creating)[^:]*", line)
            if step:
                told(step[0][3:].strip().rstrip("."))
    if process.returncode != 0:
        end = "\n".join(log_path.read_text().splitlines()[-15:])
        raise LabError(f"the image build failed (log: {log_path}):\n{end}")


def _check_space() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(CACHE).free
    if free < NEEDED_BYTES:
        raise LabError(f"not enough space in {CACHE}: {free >> 20} MiB free, an image needs {NEEDED_BYTES >> 20} MiB")


def _remove_scratch(scratch: Path) -> None:
    """Remove what a killed build left, with what it may still have mounted there."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for point in sorted((p for p in mounted if p.startswith(f"{scratch}/")), reverse=True):
        run(["umount", point])
    shutil.rmtree(scratch, ignore_errors=True)


def mirror() -> str:
    """The Debian mirror that this machine's apt uses. Raises LabError where it has none.

    apt itself is asked, so that it does not matter in which format sources are written, and in which file.
    """
    asked = ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)"]
    return mirror_among(run(asked, check=False).out.splitlines())


def mirror_among(listed: Sequence[str]) -> str:
    """The mirror of Debian's releases in lines of origin, label, release, component and address.

    Origin and label come from the archive: before the first `apt-get update` they are empty, and the release tells it.
    """
    sources = [line.split("|", 4) for line in listed if line.count("|") >= 4]
    whole = [source for source in sources if source[4].startswith(MIRROR_SCHEMES)]
    for origin, label, dummy_release, dummy_component, address in whole:
        if origin == label == "Debian":
            return address
    for origin, dummy_label, release, component, address in whole:
        if not origin and component == "main" and release in RELEASES:
            return address
    raise LabError(
        "this machine's apt has no mirror of Debian, from which the hosts' images are built; name one in "
        "/etc/apt/sources.list.d (sources.list(5)), with component main, and run apt-get update"
    )


def _apt_options() -> list[str]:
    """This machine's apt settings about how to reach an archive (proxies, retries, dates)."""
    kept = re.compile(r"Acquire::(?:https?|Check-|Retries|ForceIPv)")
    lines = run(["apt-config", "dump"]).out.splitlines()
    return [line.rstrip(";") for line in lines if kept.match(line) and not line.endswith('"";')]


def _proxies() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.lower() in PROXY_VARIABLES}


def _engine_version(tarball: Path) -> str:
    """The version of docker.io inside a root file system."""
    status = run(["tar", "-xOf", str(tarball), "./var/lib/dpkg/status"]).out
    match = re.search(r"^Package: docker\.io\n(?:.+\n)*?Version: (?:[0-9]+:)?(\S+)", status, re.MULTILINE)
    return match[1] if match else "none"


def _forget_old(engine: Engine, kind: Kind) -> None:
    """Drop the images and tar files of old recipes; the newest few stay, for checkouts of other versions."""
    tarballs = sorted(CACHE.glob(f"{kind.name}-????????????.tar"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in tarballs[KEPT:]:
        old.unlink(missing_ok=True)
        engine.docker("image", "rm", f"dockernet-lab/{kind.name}:{old.stem[-12:]}", check=False)
