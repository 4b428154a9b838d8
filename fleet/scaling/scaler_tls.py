"""With which certificate does the scaler serve, and whose does it ask for?

A renewed certificate (cert-manager writes it into the mounted Secret) is taken at the next connection, without a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from fleet.errors import ConfigurationError
from fleet.telemetry import logs
from fleet.telemetry.events import Event


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate and key of the server; with a client authority, clients must show theirs."""

    certificate: Path
    key: Path
    client_authority: Path | None = None

    def read(self) -> tuple[bytes, bytes, bytes | None]:
        """Return key, certificate and client authority as they are on disk now (PEM)."""
        authority = self.client_authority.read_bytes() if self.client_authority else None
        return self.key.read_bytes(), self.certificate.read_bytes(), authority


def credentials(tls: Tls) -> grpc.ServerCredentials:
    """Return credentials that look at the files again for every new connection.

    Raises `ConfigurationError` where they can not be read at the start; later the ones in use stay, and the log says so.
    """
    try:
        served = tls.read()
    except OSError as error:
        raise ConfigurationError(f"the scaler's TLS files cannot be read: {error}") from error

    def renewed() -> Any:
        nonlocal served
        try:
            found = tls.read()
        except OSError as error:
            logs.get("scaling").warning(
                Event.CERTIFICATE_UNREADABLE,
                reason=str(error),
                next_step="mend the files; the old ones are still served",
            )
            return None
        if found == served:
            return None
        served = found
        logs.get("scaling").info(Event.CERTIFICATE_RENEWED, certificate=str(tls.certificate))
        return _configuration(*found)

    return grpc.dynamic_ssl_server_credentials(_configuration(*served), renewed, tls.client_authority is not None)


def _configuration(key: bytes, certificate: bytes, authority: bytes | None) -> Any:
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=authority)
