"""How does CI hand secrets in, where the environment is all there is?

`agents/code_generator/llm` with field `api_key` is `FLEET_SECRET_AGENTS__CODE_GENERATOR__LLM___API_KEY`: two
underscores divide the path, three divide path and field. Read only: an environment cannot be changed for others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import SecretStr

from fleet.clock import SYSTEM, Clock, utc
from fleet.secrets.backend import Secret, Version, checked
from fleet.secrets.errors import BackendUnavailable, SecretMissing
from fleet.settings import SECRET_PREFIX as PREFIX


class EnvironmentBackend:
    """Secrets as the process was started with them."""

    name = "environment"

    def __init__(self, environment: Mapping[str, str] | None = None, clock: Clock = SYSTEM) -> None:
        environment = os.environ if environment is None else environment
        self._started = utc(clock.now())
        self._fields: dict[str, dict[str, SecretStr]] = {}
        for variable, value in environment.items():
            if variable.startswith(PREFIX) and "___" in variable:
                path, _, field = variable.removeprefix(PREFIX).rpartition("___")
                self._fields.setdefault(path, {})[field.lower()] = SecretStr(value)

    def read(self, path: str, version: int | None = None) -> Secret:
        fields = self._fields.get(_variable(path))
        if fields is None or version not in (None, 1):
            variable = f"{PREFIX}{_variable(path)}___FIELD"
            raise SecretMissing(path, remedy=f"set {variable}, or set secrets.backend to `local` or `vault` and write it there")
        return Secret(path, 1, dict(fields), self._started)

    def write(self, path: str, fields: Mapping[str, SecretStr], *, expected_version: int | None = None) -> int:
        raise _read_only("write", path)

    def versions(self, path: str) -> tuple[Version, ...]:
        return (Version(1, self._started),) if _variable(path) in self._fields else ()

    def paths(self, prefix: str = "") -> tuple[str, ...]:
        folder = prefix.rstrip("/")
        paths = (variable.lower().replace("__", "/") for variable in self._fields)
        return tuple(sorted(p for p in paths if not folder or p == folder or p.startswith(folder + "/")))

    def destroy(self, path: str, version: int) -> None:
        raise _read_only("destroy", path)

    def delete(self, path: str) -> None:
        raise _read_only("delete", path)


def _variable(path: str) -> str:
    return checked(path).upper().replace("/", "__").replace("-", "_").replace(".", "_")


def _read_only(operation: str, path: str) -> BackendUnavailable:
    return BackendUnavailable(
        f"cannot {operation} secret {path!r}: the environment is read only; "
        "set settings.secrets.backend to `vault` or `local`"
    )
