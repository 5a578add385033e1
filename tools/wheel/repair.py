"""Repair a wheel for Linux: `python tools/wheel/repair.py WHEEL FOLDER`.

auditwheel copies OpenMP's runtime into the wheel, under a name of its own, and chooses the oldest
manylinux tag that the symbols allow. The runtime is a part of GCC, so its licences come with it.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LICENSES = Path(__file__).parents[2] / "licenses" / "libgomp"
EXPRESSION = "License-Expression: BSD-3-Clause"
WITH_RUNTIME = f"{EXPRESSION} AND (GPL-3.0-or-later WITH GCC-exception-3.1)"


def main(wheel: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        run("auditwheel", "repair", "--wheel-dir", scratch, wheel)
        (repaired,) = scratch.glob("*.whl")
        wheel_command = (sys.executable, "-m", "wheel")
        run(*wheel_command, "unpack", "--dest", scratch / "tree", repaired)
        (tree,) = (scratch / "tree").iterdir()
        if list(tree.glob("*.libs/libgomp*")):
            add_licenses(tree)
        folder.mkdir(parents=True, exist_ok=True)
        run(*wheel_command, "pack", "--dest-dir", folder, tree)


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True)


def add_licenses(tree: Path) -> None:
    """Add the licences of libgomp to the files and to the metadata of an unpacked wheel."""
    (info,) = tree.glob("*.dist-info")
    shutil.copytree(LICENSES, info / "licenses" / "libgomp")
    metadata = info / "METADATA"
    lines = metadata.read_text(encoding="utf-8")
    files = "".join(f"\nLicense-File: libgomp/{path.name}" for path in sorted(LICENSES.iterdir()))
    lines, expressions = re.subn(f"^{EXPRESSION}$", WITH_RUNTIME, lines, flags=re.MULTILINE)
    lines, places = re.subn("^(License-File: LICENSE)$", rf"\1{files}", lines, flags=re.MULTILINE)
    if (expressions, places) != (1, 1):
        sys.exit(f"{metadata} must have one License-Expression and one License-File")
    metadata.write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
