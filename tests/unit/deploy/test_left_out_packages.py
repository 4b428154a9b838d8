"""Can each image's programs start without the packages its image leaves out?"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

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
