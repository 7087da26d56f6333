"""Write the index of a flat Debian repository: argument 1 is its folder."""

import hashlib
import subprocess
import sys
from pathlib import Path

folder = Path(sys.argv[1])
entries = []
for package in sorted(folder.glob("*.deb")):
    control = subprocess.run(["dpkg-deb", "--field", str(package)], check=True, capture_output=True).stdout.decode()
    data = package.read_bytes()
    entries.append(
        control.rstrip("\n") + f"\nFilename: ./{package.name}\nSize: {len(data)}\n"
        f"SHA256: {hashlib.sha256(data).hexdigest()}\n"
    )
(folder / "Packages").write_text("\n".join(entries))
