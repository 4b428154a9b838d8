"""How does a process stop being anybody?

Root becomes an unprivileged user, inside a fresh user namespace where that is possible, so that its processes are
counted apart; whoever it was before, no capability is left afterwards.
"""

from __future__ import annotations

import os

from workers.sandbox.inside import kernel
from workers.sandbox.inside.namespaces import CLONE_NEWUSER

NOBODY = 65534


def become_nobody(needed: str) -> bool:
    """Drop root and every capability, owning the working directory; tells whether a user namespace was entered.

    Raises `OSError`, still root but without capabilities, when `needed` (the interpreter's library) is out of nobody's
    reach or the identity cannot be changed.
    """
    if os.getuid() != 0:
        kernel.drop_capabilities()
        return False
    try:
        _become(needed)
        own = _own_user_namespace()
    finally:
        kernel.drop_capabilities()
    return own


def _become(needed: str) -> None:
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        os.listdir(needed)
    except OSError as exc:
        os.seteuid(0)
        os.setegid(0)
        raise OSError(exc.errno, "the interpreter's library is not readable for an unprivileged user") from exc
    os.seteuid(0)
    os.chown(".", NOBODY, NOBODY)
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def _own_user_namespace() -> bool:
    try:
        kernel.call("unshare", CLONE_NEWUSER)
    except OSError:
        return False
    return True
