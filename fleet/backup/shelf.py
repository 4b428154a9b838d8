"""Where do backups stand: in a folder, or in a bucket?

A bucket is anything that speaks S3 (`s3://bucket/prefix`); obstore uploads in parts and retries. A backup is there once its
manifest is: the file goes first, the manifest last, and away in the other order.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import orjson
from pydantic import SecretStr

from fleet.backup.create import Made, Told, create, nobody
from fleet.backup.sealed import SUFFIX
from fleet.errors import ConfigurationError, FleetError, NotFound
from fleet.settings import Settings
from fleet.store.client import Client

TIMEOUT, RETRY_FOR = timedelta(seconds=60), timedelta(seconds=30)
CODE = re.compile("<Code>(.+?)</Code>")
Answer = TypeVar("Answer")


class ShelfUnavailable(FleetError):
    """The bucket did not do what was asked: no such bucket, no such key, no permission, or nobody there."""


class Shelf(Protocol):
    """Keeps backup files and their manifests, by name."""

    where: str

    def names(self) -> list[str]: ...

    def put(self, file: Path) -> None: ...

    def fetch(self, name: str, file: Path) -> None: ...

    def remove(self, name: str) -> None: ...


class Folder:
    """A folder; names are those of its files."""

    def __init__(self, folder: Path) -> None:
        self.where, self._folder = str(folder), folder

    def names(self) -> list[str]:
        return sorted(file.name for file in self._folder.glob("*") if file.is_file() and not file.name.startswith("."))

    def put(self, file: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f".{file.name}"
        shutil.copyfile(file, unfinished)
        unfinished.chmod(0o600)
        unfinished.replace(self._folder / file.name)

    def fetch(self, name: str, file: Path) -> None:
        if not (self._folder / name).is_file():
            raise NotFound(f"{self._folder} holds no {name}: `fleet backup list {self._folder}` says what there is")
        shutil.copyfile(self._folder / name, file)

    def remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)


class Bucket:
    """A prefix in an S3-compatible bucket."""

    def __init__(self, url: str, settings: Settings) -> None:
        import obstore

        split, asked = urlsplit(url), settings.backup
        if not split.hostname:
            raise ConfigurationError(f"{url!r} names no bucket: write s3://BUCKET or s3://BUCKET/PREFIX")
        options: dict[str, Any] = {"endpoint": asked.s3_endpoint, "region": asked.s3_region or "us-east-1"}
        key, secret = _login(settings)
        if key:
            options |= {"access_key_id": key, "secret_access_key": secret}
        plain = asked.s3_endpoint.startswith("http://")
        self.where, self._prefix, self._obstore = url.rstrip("/"), split.path.strip("/"), obstore
        self._store: Any = obstore.store.S3Store(
            split.hostname,
            prefix=self._prefix or None,
            client_options={"allow_http": plain, "timeout": TIMEOUT},
            retry_config={"max_retries": 4, "retry_timeout": RETRY_FOR},
            **{name: value for name, value in options.items() if value},
        )

    def names(self) -> list[str]:
        def found() -> list[str]:
            pages = self._obstore.list(self._store)
            return sorted(row["path"] for page in pages for row in page if "/" not in row["path"])

        return self._asked(found)

    def put(self, file: Path) -> None:
        self._asked(lambda: self._obstore.put(self._store, file.name, file))

    def fetch(self, name: str, file: Path) -> None:
        def read() -> None:
            with file.open("wb") as out:
                for portion in self._obstore.get(self._store, name).stream():
                    out.write(portion)

        self._asked(read, absent=f"{self.where} holds no {name}: `fleet backup list {self.where}` says what there is")

    def remove(self, name: str) -> None:
        self._asked(lambda: self._obstore.delete(self._store, name))

    def _asked(self, call: Callable[[], Answer], absent: str = "") -> Answer:
        from obstore.exceptions import BaseError

        try:
            return call()
        except (BaseError, PermissionError, FileNotFoundError) as error:
            if absent and isinstance(error, FileNotFoundError):
                raise NotFound(absent) from error
            said = CODE.search(str(error))
            raise ShelfUnavailable(
                f"{self.where}: {said[1] if said else str(error).strip().splitlines()[0]}: check the bucket's name, "
                "backup.s3_endpoint, backup.s3_region and the key's rights"
            ) from error


def _login(settings: Settings) -> tuple[str, str]:
    """Return the access key: from the secret backend, from settings, or none (the environment's own, or the platform's)."""
    asked = settings.backup
    if asked.s3_login_secret:
        from fleet.secrets.configured import value

        return tuple(value(asked.s3_login_secret, field).get_secret_value() for field in ("username", "password"))  # type: ignore[return-value]
    return asked.s3_access_key, asked.s3_secret_key.get_secret_value()


def shelf(where: str, settings: Settings) -> Shelf:
    """Return the shelf a folder's path or a bucket's URL names."""
    if "://" not in where:
        return Folder(Path(where))
    if not where.startswith("s3://"):
        raise ConfigurationError(f"backups cannot stand at {where!r}: use a folder, or s3://BUCKET/PREFIX")
    return Bucket(where, settings)


def usual(settings: Settings) -> str:
    """Return where scheduled backups stand."""
    return settings.backup.place or str(settings.state_dir / "backups")


def save(
    kept: Shelf, client: Client, settings: Settings, passphrase: SecretStr, told: Told = nobody
) -> tuple[str, Made]:
    """Make a backup and put it on the shelf; returns its address there. `client` speaks bytes."""
    with tempfile.TemporaryDirectory() as scratch:
        made = create(Path(scratch), client, settings, passphrase, told)
        kept.put(made.file)
        kept.put(made.file.with_suffix(".json"))
        return f"{kept.where}/{made.file.name}", made


def listed(kept: Shelf) -> list[dict[str, Any]]:
    """Return the manifests on the shelf, oldest first; a file without one was never finished."""
    names = kept.names()
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            manifest = Path(name).with_suffix(".json").name
            if name.endswith(SUFFIX) and manifest in names:
                kept.fetch(manifest, Path(scratch) / manifest)
                found.append(orjson.loads((Path(scratch) / manifest).read_bytes()))
    return found


def newest(kept: Shelf, cell: str) -> str:
    """Return the address of a cell's newest finished backup."""
    found = [row["file"] for row in listed(kept) if row["cell"] == cell]
    if not found:
        raise NotFound(f"{kept.where} holds no backup of cell {cell!r}: make one with `fleet backup create`, or name BACKUP")
    return f"{kept.where}/{found[-1]}"


def outdated(kept: Shelf, keep: int) -> list[str]:
    """Return the names of all backups but the newest `keep` of each cell, oldest first."""
    cells: dict[str, list[str]] = {}
    for name in kept.names():
        if name.endswith(SUFFIX):
            cells.setdefault(name.rsplit("-", 2)[0], []).append(name)
    return sorted(name for names in cells.values() for name in names[:-keep])


def forget(kept: Shelf, keep: int) -> list[str]:
    """Remove outdated backups, manifests first; returns their names."""
    gone = outdated(kept, keep)
    for name in gone:
        kept.remove(Path(name).with_suffix(".json").name)
        kept.remove(name)
    return gone


@contextmanager
def at_hand(where: str, settings: Settings) -> Iterator[Path]:
    """Yield a backup as a file on this machine: where it stands, or fetched for as long as the block lasts."""
    if "://" not in where:
        if not Path(where).is_file():
            raise NotFound(f"there is no backup {where}: `fleet backup list FOLDER` says what there is")
        yield Path(where)
        return
    place, _, name = where.rpartition("/")
    with tempfile.TemporaryDirectory() as scratch:
        shelf(place, settings).fetch(name, Path(scratch) / name)
        yield Path(scratch) / name
