"""How large will the images be? Installs each component as the Dockerfile does, without an engine, and adds it up.

    python tests/charts/image_size.py [COMPONENT...]

Base image (a constant: the uncompressed layers of python:3.13-slim-trixie) plus every file of the environment after
prune.sh, plus the fleet's own files. Wheels differ a little between Pythons: run it with the Dockerfile's, 3.13, where
there is one (`PYTHON=python3.13 make image-size`), and with `strip` on the path, as the build stage has it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from toolbox import ROOT

BASE_MB = 119
IMAGE = ROOT / "deploy/image"


def megabytes(component: str, home: Path) -> float:
    """Return base and installed packages of one component, pruned."""
    subprocess.run([os.environ.get("PYTHON", sys.executable), "-m", "venv", str(home)], check=True)
    wanted = subprocess.run(
        [sys.executable, str(IMAGE / "requirements.py"), component, "--pyproject", str(ROOT / "pyproject.toml")],
        check=True,
        capture_output=True,
        text=True,
    )
    (home / "requirements.txt").write_text(wanted.stdout)
    pip = [
        str(home / "bin/python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
    ]
    subprocess.run(
        [*pip, "--constraint", str(ROOT / "constraints.txt"), "--requirement", str(home / "requirements.txt")],
        check=True,
    )
    subprocess.run(["sh", str(IMAGE / "prune.sh"), str(home)], check=True)
    installed = sum(file.lstat().st_size for file in home.rglob("*") if file.is_file())
    own = sum(
        file.stat().st_size
        for name in ("fleet", "workers", "beat_schedules")
        for file in (ROOT / name).rglob("*.*")
        if "__pycache__" not in file.parts
    )
    return BASE_MB + (installed + own) / 1e6


def main(components: list[str]) -> int:
    if not shutil.which("strip"):
        sys.exit("strip is missing: install binutils, as the Dockerfile's build stage does")
    too_large = False
    rows = tomllib.loads((IMAGE / "components.toml").read_text())
    for component in components or sorted(rows):
        with tempfile.TemporaryDirectory() as home:
            size = megabytes(component, Path(home))
        too_large |= size > rows[component]["limit_mb"]
        sys.stdout.write(f"{component}: {size:.0f} MB of {rows[component]['limit_mb']}\n")
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
