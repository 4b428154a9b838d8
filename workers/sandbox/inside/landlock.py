"""How does a process give up every file but a few, without any privilege?

Landlock (Linux 5.13): a ruleset names what is handled, rules give parts of it back below a path, and the process
restricts itself for good. Newer kernels also fence off TCP, abstract sockets and signals; what exists is used.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from workers.sandbox.inside import kernel

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULE_PATH_BENEATH = 1
ASK_VERSION = 1

WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG, MAKE_SYM = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

READ = READ_FILE | READ_DIR
"""Without EXECUTE: the interpreter runs already and nothing else shall."""
SCRATCH = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM | REFER | TRUNCATE
DEVICE = READ_FILE | WRITE_FILE
_ON_FILES = WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV | 1

TRUNCATE_SINCE, NETWORK_SINCE, DEVICES_SINCE, SCOPES_SINCE = 3, 4, 5, 6


def version() -> int:
    """Return the kernel's Landlock version; raise `OSError` where there is none."""
    return kernel.call("syscall", CREATE_RULESET, 0, 0, ASK_VERSION)


def handled(abi: int) -> tuple[int, int, int]:
    """Return which file, network and scope rights a kernel of this version can handle."""
    bits = 13 + (abi >= 2) + (abi >= TRUNCATE_SINCE) + (abi >= DEVICES_SINCE)
    return (1 << bits) - 1, 0b11 if abi >= NETWORK_SINCE else 0, 0b11 if abi >= SCOPES_SINCE else 0


def restrict(readable: Iterable[str], writable: Iterable[str], devices: Iterable[str]) -> int:
    """Keep only these paths and return the version used; paths that do not exist are left out."""
    abi = version()
    files, network, scopes = handled(abi)
    attributes = (ctypes.c_uint64 * 3)(files, network, scopes)
    size = 8 if abi < NETWORK_SINCE else 16 if abi < SCOPES_SINCE else 24
    ruleset = kernel.call("syscall", CREATE_RULESET, ctypes.addressof(attributes), size, 0)
    try:
        for paths, rights in ((readable, READ), (writable, SCRATCH), (devices, DEVICE)):
            for path in paths:
                _allow(ruleset, path, rights & files)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.call("syscall", RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _ON_FILES
        rule = rights.to_bytes(8, "little") + place.to_bytes(4, "little")
        buffer = ctypes.create_string_buffer(rule, len(rule))
        kernel.call("syscall", ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.addressof(buffer), 0)
    finally:
        os.close(place)
