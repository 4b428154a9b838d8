"""How does Python ask the kernel for what its standard library does not offer?

Thin calls through the C library that raise `OSError` like the `os` module does.
"""

from __future__ import annotations

import ctypes
import os
import signal

LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 24, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
LAST_CAPABILITY = 63
CAPABILITY_VERSION_3 = 0x20080522


def call(name: str, *arguments: int | bytes | None) -> int:
    """Call a function of the C library; raise `OSError` when it answers -1."""
    result: int = getattr(LIBC, name)(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def prctl(option: int, *arguments: int) -> int:
    """Call prctl with its unused arguments zero, which newer options insist on."""
    return call("prctl", option, *arguments, *(0,) * (4 - len(arguments)))


def die_with_parent(parent: int) -> None:
    """Be killed when the parent ends; end now if it already has (`parent` 0: it lives in another pid namespace)."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:
        os._exit(1)


def drop_capabilities() -> None:
    """Give up every capability, for good."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    for capability in range(LAST_CAPABILITY + 1):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # past the last one this kernel knows, or not allowed: then there is nothing to drop
    try:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    except OSError:
        pass  # older than 4.3: no ambient set
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if LIBC.capset(header, nothing) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")
