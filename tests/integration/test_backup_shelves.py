"""Does a backup stand as well in a bucket as in a folder: made, listed, proven, thinned out, brought back?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import forget_facts
from integration.s3_server import s3
from rig import Rig

from fleet.backup import shelf
from fleet.cli.main import cli
from fleet.errors import ConfigurationError, FleetError, NotFound
from fleet.settings import current, load
from fleet.store.client import connect


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with s3("backups") as url:
        yield url


@pytest.fixture
def rig(declared: Callable[..., Rig], s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Rig:
    rig = declared(pools={"a": {"price_per_replica_hour_usd": 3600.0}})
    monkeypatch.setenv("FLEET_SECRETS__PASSPHRASE", "a test's own passphrase")
    monkeypatch.setenv("FLEET_BACKUP__S3_ENDPOINT", s3_url)
    monkeypatch.setenv("FLEET_BACKUP__S3_ACCESS_KEY", "key")
    monkeypatch.setenv("FLEET_BACKUP__S3_SECRET_KEY", "not a secret")
    forget_facts()
    return rig


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "shelf") if request.param == "folder" else f"s3://backups/{tmp_path.name}"


def fleet(*arguments: str) -> Any:
    ran = CliRunner().invoke(cli, ["backup", *arguments, "--json"])
    if ran.exception and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def test_everything_comes_back_from_where_it_was_put(rig: Rig, place: str) -> None:
    ids = [rig.submit(payload={"n": n}).id for n in range(30)]
    made = fleet("create", place)
    assert made["file"].startswith(place)
    assert [row["file"] for row in fleet("list", place)["backups"]] == [made["file"].rpartition("/")[2]]
    assert fleet("verify", made["file"])["counts"]["tasks"] == 30
    assert fleet("drill", made["file"])["ok"]
    with pytest.raises(FleetError, match="is in use"):
        fleet("restore", made["file"], "--dry-run")
    rig.store.flushall()
    assert fleet("restore", made["file"], "--dry-run")["counts"]["tasks"] == 30
    assert rig.store.dbsize() == 0, "a dry run writes nothing"
    assert fleet("restore", made["file"], "--yes")["tasks"]["held"] == 30
    assert {rig.state(task) for task in ids} == {"held"}


def test_who_names_no_backup_means_the_newest_of_the_usual_place(
    rig: Rig, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_BACKUP__PLACE", place)
    load.cache_clear()
    with pytest.raises(NotFound, match="holds no backup of cell 'main'"):
        fleet("verify")
    for count in (1, 2):
        rig.submit()
        fleet("create")
        assert fleet("verify")["counts"]["tasks"] == count
    assert fleet("drill")["ok"]


def test_only_the_newest_stay_and_a_dry_run_deletes_nothing(rig: Rig, place: str) -> None:
    rig.submit()
    names = [fleet("create", place)["file"].rpartition("/")[2] for _ in range(4)]
    assert fleet("forget", place, "--keep", "2", "--dry-run")["gone"] == names[:2]
    assert len(fleet("list", place)["backups"]) == 4
    assert fleet("forget", place, "--keep", "2", "--yes")["gone"] == names[:2]
    assert [row["file"] for row in fleet("list", place)["backups"]] == names[2:]


def test_an_upload_that_was_cut_off_is_no_backup(rig: Rig, place: str, tmp_path: Path) -> None:
    kept = shelf.shelf(place, current())
    torn = tmp_path / f"main-20261127T000000-000000Z{shelf.SUFFIX}"
    torn.write_bytes(b"half of it")
    kept.put(torn)
    assert shelf.listed(kept) == []


def test_what_is_not_there_is_said(rig: Rig, place: str) -> None:
    with pytest.raises(NotFound, match=r"nothing\.fleetbackup"):
        fleet("verify", f"{place}/nothing.fleetbackup")


def test_a_bucket_nobody_made_is_refused_with_the_next_step(rig: Rig) -> None:
    with pytest.raises(shelf.ShelfUnavailable, match=r"NoSuchBucket.*backup\.s3_endpoint"):
        fleet("create", "s3://no-such-bucket/x")
    with pytest.raises(ConfigurationError, match="use a folder, or s3"):
        fleet("list", "ftp://somewhere")
    with pytest.raises(ConfigurationError, match="names no bucket"):
        fleet("list", "s3:///x")


def test_the_nightly_job_keeps_its_backups_in_the_bucket_and_proves_what_it_fetched_back(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLEET_BACKUP__PLACE", f"s3://backups/{tmp_path.name}")
    monkeypatch.setenv("FLEET_BACKUP__KEEP", "1")
    forget_facts()
    rig.submit()
    from workers.maintenance.jobs import backup

    assert [backup()["drilled"] for _ in range(2)] == [True, True]
    assert len(fleet("list")["backups"]) == 1
    drills = [json.loads(row) for row in connect().lrange(rig.key("drills"), 0, -1)]
    assert [drill["ok"] for drill in drills] == [True, True]
    assert drills[0]["made_at"] > drills[1]["made_at"]
