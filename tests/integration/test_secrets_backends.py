"""Do all writable secret backends keep the same promises?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from integration.openbao import OpenBao
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from pydantic import SecretStr

from fleet.errors import ConfigurationError
from fleet.secrets import policy
from fleet.secrets.backend import SecretBackend
from fleet.secrets.envelope import Envelope
from fleet.secrets.errors import BackendUnavailable, CannotDecrypt, SecretConflict, SecretMissing
from fleet.secrets.local import LEAST_CHARACTERS, LocalBackend, keyring_key, passphrase_key
from fleet.secrets.vault import VaultBackend

PATH = "agents/code_generator/llm"


def fields(**values: str) -> dict[str, SecretStr]:
    return {name: SecretStr(value) for name, value in values.items()}


def plain(backend: SecretBackend, path: str, version: int | None = None) -> dict[str, str]:
    return {name: value.get_secret_value() for name, value in backend.read(path, version).fields.items()}


def vault(openbao: OpenBao) -> VaultBackend:
    session = openbao.root()
    policy.apply(session, ["code_generator", "security_scanner"], mount=openbao.mount, transit=openbao.transit)
    return VaultBackend(session, mount=openbao.mount)


@pytest.fixture(params=["local", "vault", "vault in envelopes"])
def backend(request: pytest.FixtureRequest, tmp_path: Path, openbao: OpenBao) -> SecretBackend:
    match request.param:
        case "local":
            return LocalBackend(tmp_path / "secrets.json", passphrase_key(SecretStr("correct horse")))
        case "vault":
            return vault(openbao)
        case _:
            vault(openbao)
            session = openbao.root()
            return VaultBackend(session, mount=openbao.mount, envelope=Envelope(session, openbao.transit))


def test_what_is_written_is_read(backend: SecretBackend) -> None:
    assert backend.write(PATH, fields(api_key="first", org="acme")) == 1
    secret = backend.read(PATH)
    assert secret.version == 1
    assert secret.created_at.utcoffset() is not None
    assert plain(backend, PATH) == {"api_key": "first", "org": "acme"}


def test_a_field_that_is_not_there_names_the_ones_that_are(backend: SecretBackend) -> None:
    backend.write(PATH, fields(api_key="first"))
    with pytest.raises(SecretMissing, match="api_key"):
        backend.read(PATH).field("apikey")


def test_old_versions_stay_until_destroyed(backend: SecretBackend) -> None:
    backend.write(PATH, fields(api_key="first"))
    backend.write(PATH, fields(api_key="second"))
    assert plain(backend, PATH) == {"api_key": "second"}
    assert plain(backend, PATH, 1) == {"api_key": "first"}
    backend.destroy(PATH, 1)
    with pytest.raises(SecretMissing):
        backend.read(PATH, 1)
    assert [(v.number, v.readable) for v in backend.versions(PATH)] == [(1, False), (2, True)]
    assert plain(backend, PATH) == {"api_key": "second"}


def test_nothing_there_is_said_so(backend: SecretBackend) -> None:
    with pytest.raises(SecretMissing, match=PATH):
        backend.read(PATH)
    with pytest.raises(SecretMissing):
        backend.destroy(PATH, 1)
    assert backend.versions(PATH) == ()
    backend.delete(PATH)


def test_check_and_set_refuses_the_second_writer(backend: SecretBackend) -> None:
    assert backend.write(PATH, fields(api_key="a"), expected_version=0) == 1
    with pytest.raises(SecretConflict):
        backend.write(PATH, fields(api_key="b"), expected_version=0)
    assert backend.write(PATH, fields(api_key="c"), expected_version=1) == 2
    with pytest.raises(SecretConflict):
        backend.write(PATH, fields(api_key="d"), expected_version=1)
    assert plain(backend, PATH) == {"api_key": "c"}


def test_exactly_one_of_many_racing_writers_wins(backend: SecretBackend) -> None:
    backend.write(PATH, fields(api_key="start"))
    won: list[int] = []

    def write(number: int) -> None:
        try:
            backend.write(PATH, fields(api_key=str(number)), expected_version=1)
        except SecretConflict:
            return
        won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert plain(backend, PATH) == {"api_key": str(won[0])}


def test_paths_are_found_by_folder(backend: SecretBackend) -> None:
    for path in (PATH, "agents/code_generator/git", "agents/security_scanner/api", "shared/verify_keys"):
        backend.write(path, fields(value="x"))
    assert backend.paths() == (
        "agents/code_generator/git",
        PATH,
        "agents/security_scanner/api",
        "shared/verify_keys",
    )
    assert backend.paths("agents/code_generator") == ("agents/code_generator/git", PATH)
    assert backend.paths("agents/code_generator/") == ("agents/code_generator/git", PATH)
    assert backend.paths(PATH) == (PATH,)
    assert backend.paths("agents/code") == ()


def test_delete_leaves_no_version(backend: SecretBackend) -> None:
    backend.write(PATH, fields(api_key="a"))
    backend.write(PATH, fields(api_key="b"))
    backend.delete(PATH)
    assert backend.versions(PATH) == ()
    assert backend.paths() == ()
    assert backend.write(PATH, fields(api_key="again"), expected_version=0) == 1


@pytest.mark.parametrize("path", ["", "../etc/passwd", "agents//x", "/agents/x", "Agents/x", "agents/x/", "a/%2e%2e/b"])
def test_paths_that_climb_or_confuse_are_refused(backend: SecretBackend, path: str) -> None:
    for use in (backend.read, backend.versions, backend.delete):
        with pytest.raises(ConfigurationError):
            use(path)
    with pytest.raises(ConfigurationError):
        backend.write(path, fields(a="b"))


@pytest.mark.parametrize("value", ["", "ünïcødé 漢字", "a\nb\0c", "x" * 20_000, '{"json": [1]}'])
def test_any_text_survives(backend: SecretBackend, value: str) -> None:
    backend.write(PATH, fields(value=value))
    assert plain(backend, PATH) == {"value": value}


def test_no_repr_shows_a_value(backend: SecretBackend) -> None:
    backend.write(PATH, fields(api_key="canary-4f1d"))
    secret = backend.read(PATH)
    assert "canary-4f1d" not in f"{secret!r} {secret} {secret.fields} {backend!r}"


def test_kv_engine_holds_only_ciphertext_inside_an_envelope(openbao: OpenBao) -> None:
    direct = vault(openbao)
    session = openbao.root()
    sealed = VaultBackend(session, mount=openbao.mount, envelope=Envelope(session, openbao.transit))
    sealed.write(PATH, fields(api_key="canary-77aa"))
    raw = session.call(
        lambda v: v.secrets.kv.v2.read_secret_version(PATH, mount_point=openbao.mount, raise_on_deleted_version=True)
    )
    assert "canary-77aa" not in str(raw)
    stored = raw["data"]["data"]
    session.call(lambda v: v.secrets.kv.v2.create_or_update_secret("shared/moved", stored, mount_point=openbao.mount))
    with pytest.raises(CannotDecrypt):
        sealed.read("shared/moved")
    with pytest.raises(Exception, match="envelope"):
        direct.read(PATH)


def test_an_envelope_opens_after_its_server_key_was_rotated_and_rewrapped(openbao: OpenBao) -> None:
    vault(openbao)
    session = openbao.root()
    envelope = Envelope(session, openbao.transit)
    old = envelope.seal(PATH, b"document")
    session.call(lambda v: v.secrets.transit.rotate_key(old.key, mount_point=openbao.transit))
    new = envelope.rewrap(old)
    assert new.data == old.data
    assert (old.wrapped.split(":")[1], new.wrapped.split(":")[1]) == ("v1", "v2")
    assert envelope.open(PATH, old) == envelope.open(PATH, new) == b"document"


class Remembering(KeyringBackend):
    """A keyring as an operating system has one, for the length of a test."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def own_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


def test_the_key_lies_in_the_keyring_and_not_beside_the_data(own_keyring: None, tmp_path: Path) -> None:
    file, ring = tmp_path / "secrets.json", Remembering()
    keyring.set_keyring(ring)
    LocalBackend(file, keyring_key("here")).write(PATH, fields(api_key="canary-1"))
    assert plain(LocalBackend(file, keyring_key("here")), PATH) == {"api_key": "canary-1"}
    [key] = ring.kept.values()
    assert key not in file.read_text()
    keyring.set_keyring(Remembering())
    with pytest.raises(CannotDecrypt):
        LocalBackend(file, keyring_key("here")).read(PATH)


@pytest.mark.parametrize("ring", [fail.Keyring, null.Keyring], ids=["none", "one that keeps nothing"])
def test_without_a_keyring_nothing_is_written_that_nobody_could_read(own_keyring: None, ring: type[KeyringBackend], tmp_path: Path) -> None:
    keyring.set_keyring(ring())
    with pytest.raises(BackendUnavailable, match="FLEET_SECRETS__PASSPHRASE"):
        LocalBackend(tmp_path / "secrets.json", keyring_key("here")).write(PATH, fields(api_key="x"))
    assert not (tmp_path / "secrets.json").exists()


@pytest.mark.parametrize("length", [0, 1, LEAST_CHARACTERS - 1])
def test_a_passphrase_that_is_soon_guessed_is_refused(length: int) -> None:
    with pytest.raises(ConfigurationError, match=f"has {length} characters"):
        passphrase_key(SecretStr("x" * length))
