"""Can each image's programs start without the packages its image leaves out, and without what is pruned of the others?"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fleet.scaling.erlang import slots_for

ROOT = Path(__file__).parents[3]
COMPONENTS = tomllib.loads((ROOT / "deploy/image/components.toml").read_text())
POOLS = {
    "code-generator": "code_generator",
    "security-scanner": "security_scanner",
    "performance-tester": "performance_tester",
}

# Imports what `fleet worker POOL` and `fleet probe` import, while the left-out packages cannot be found.
START = """
import importlib, json, os, sys
left_out = set(json.loads(sys.argv[1]))
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in left_out:
            raise ModuleNotFoundError(f"{name} is left out of this image")
sys.meta_path.insert(0, Gone())
os.environ["FLEET_POOL"] = sys.argv[2]
from fleet.app import app
app.loader.import_default_modules()
app.finalize()
app.backend, app.amqp
lifecycle = ("fleet.lifecycle.membership", "fleet.lifecycle.consumption")
for module in (*lifecycle, "fleet.cli.programs", "fleet.cli.probe", "fleet.health.glance", "workers.completing"):
    importlib.import_module(module)
print(json.dumps(sorted(name for name in app.tasks if not name.startswith("celery."))))
"""


@pytest.mark.parametrize("component", POOLS)
def test_a_worker_starts_without_them(component: str, tmp_path: Path) -> None:
    left_out = [name.replace("-", "_") for name in COMPONENTS[component]["leave_out"]]
    command = [sys.executable, "-c", START, json.dumps(left_out), POOLS[component]]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": "", "FLEET_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]), "no task of this agent type was registered"


def test_every_worker_image_serves_a_pool_of_the_built_in_catalogue() -> None:
    from fleet.catalogue.load import load

    assert set(COMPONENTS) - {"control"} == set(POOLS)
    assert {pool.agent_type for pool in load().pools.values()} == set(POOLS.values())


# Imports everything the control image may run, computes and draws, then asks for what is not there.
CONTROL = """
import json, sys
left_out = set(json.loads(sys.argv[2]))
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in left_out:
            raise ModuleNotFoundError(f"{name} is left out of this image")
sys.meta_path.insert(0, Gone())
sys.path.insert(0, sys.argv[1])
import importlib, io, pkgutil
import fleet, workers, beat_schedules
for package in (fleet, workers, beat_schedules):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith(("__main__", "_pb2", "_pb2_grpc")) and module.name != "fleet.cli.mcp_tools":
            importlib.import_module(module.name)
import scipy, matplotlib, kubernetes.client, PIL, lupa
for pruned in (scipy, matplotlib, PIL, lupa):
    assert pruned.__file__.startswith(sys.argv[1]), pruned.__file__
from fleet.costs.trends import trend
from fleet.scaling.erlang import slots_for
import numpy as np
print(int(slots_for(8.0, 30.0, 10.0, 1.0, 0.05)), trend(np.arange(7.0)).direction)
from matplotlib.figure import Figure
figure = Figure()
figure.add_subplot().plot([1, 2], label="label")
figure.savefig(io.BytesIO(), format="svg")
figure.savefig(io.BytesIO(), format="png")
from fleet.simulation import lua
from rich.console import Console
from rich.table import Table
Console(file=io.StringIO()).print(Table("head"))
from fleet.simulation.fleets import unequal_pools
print(round(unequal_pools().capacity(), 3))
from fleet.cli.mcp import mcp
try:
    mcp.main([], standalone_mode=False)
except Exception as error:
    print(error.format_message())
"""


def test_control_runs_on_what_is_left_of_its_packages(tmp_path: Path) -> None:
    packages = tmp_path / f"lib/python3.{sys.version_info.minor}/site-packages"
    for name in ("scipy", "matplotlib", "fontTools", "kubernetes", "sqlalchemy", "PIL", "lupa", "pygments"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        [folder] = spec.submodule_search_locations or []
        shutil.copytree(folder, packages / name)
    (packages / "scipy.libs").symlink_to(Path(folder).parent / "scipy.libs")
    shutil.copytree(Path(folder).parent / "pillow.libs", packages / "pillow.libs")
    subprocess.run(["sh", str(ROOT / "deploy/image/prune.sh"), str(tmp_path)], check=True)
    done = subprocess.run(
        [sys.executable, "-c", CONTROL, str(packages), json.dumps(COMPONENTS["control"]["leave_out"])],
        cwd=ROOT,
        env={"PATH": "", "FLEET_STATE_DIR": str(tmp_path / "state"), "MPLCONFIGDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    numbers, capacity, no_assistant = done.stdout.strip().splitlines()[-3:]
    assert numbers == f"{int(slots_for(8.0, 30.0, 10.0, 1.0, 0.05))} rising"
    assert capacity == "6.006"
    assert "leave the package mcp out: run `fleet mcp` where agent-fleet is installed with pip" in no_assistant
