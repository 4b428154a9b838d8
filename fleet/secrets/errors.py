"""What can go wrong with secrets? No text ever carries a value."""

from __future__ import annotations

from fleet.errors import Conflict, FleetError, NotFound


class SecretMissing(NotFound):
    """Nothing is stored at this path, in this version or under this field."""

    def __init__(self, path: str, detail: str = "", remedy: str = "") -> None:
        self.path = path
        super().__init__(f"no secret at {path!r}{detail}: {remedy or f'write it with `fleet secrets put {path} FIELD`'}")


class SecretConflict(Conflict):
    """Somebody wrote a newer version since the caller looked."""

    def __init__(self, path: str, expected: int) -> None:
        self.path, self.expected = path, expected
        super().__init__(f"secret {path!r} is no longer at version {expected}: read it again, then repeat the change")


class AccessDenied(FleetError):
    """The backend knows the caller and says no."""

    def __init__(self, operation: str, path: str) -> None:
        self.operation, self.path = operation, path
        super().__init__(
            f"not allowed to {operation} secret {path!r} with this login: "
            "use the login of the agent that owns it, or extend its policy"
        )


class BackendUnavailable(FleetError):
    """The backend did not answer, or cannot do what was asked."""


class LoginFailed(FleetError):
    """The backend refused our own credentials."""


class CannotDecrypt(FleetError):
    """The key does not open this data: wrong passphrase, wrong key, or the data was changed."""
