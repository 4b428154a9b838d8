"""How is every system call but a harmless few denied, even if the code finds a hole in Python?

A classic BPF filter the kernel runs before each call: other architectures kill the process, listed calls pass, some
only with certain arguments, all others fail with "not permitted". `build` is pure; `install` is for good.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from workers.sandbox.inside import kernel
from workers.sandbox.inside.syscalls import ALLOWED, ARCHITECTURES, CONDITIONAL, NEWEST_KNOWN, X86_64, number

PR_SET_SECCOMP, MODE_FILTER = 22, 2
KILL_PROCESS, ERRNO, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
X32_BIT = 0x40000000
NR, ARCH, ARGS = 0, 4, 16

CLONE_THREAD = 0x00010000
AF_UNIX, SOCK_STREAM, SOCK_TYPE_MASK = 1, 1, 0xF
PRCTLS = (15, 16, 0x53564D41)
"""Set and get the thread's name, name a mapping (the C library does)."""
IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""Terminal attributes and size (asked of every opened file), bytes readable, non-blocking, close-on-exec."""
FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)
"""Duplicate, flags, locks; not the ones that direct signals at somebody, watch directories or grow pipes."""
O_TRUNC, O_ACCMODE = 0x200, 0x3
METADATA = frozenset({"chmod", "fchmod", "fchmodat", "utimensat"})
"""Landlock does not see these: allowed only where the process has a file system of its own."""

Instruction = tuple[int, int, int, int]
DENY = ERRNO | errno.EPERM


def build(architecture: int, own_pid: int, *, own_files: bool) -> list[Instruction]:
    """Return the filter: (code, jump if true, jump if false, operand) per instruction."""
    program: list[Instruction] = [
        (LOAD, 0, 0, ARCH),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD, 0, 0, NR),
    ]
    if architecture == X86_64:
        program += [(AT_LEAST, 0, 1, X32_BIT), (RETURN, 0, 0, KILL_PROCESS)]
    for name in ALLOWED:
        nr = number(name, architecture)
        if nr is not None and (own_files or name not in METADATA):
            program += [(EQUAL, 0, 1, nr), (RETURN, 0, 0, ALLOW)]
    for name in CONDITIONAL:
        nr = number(name, architecture)
        if nr is not None:
            condition = _condition(name, own_pid)
            program += [(EQUAL, 0, len(condition), nr), *condition]
    program += [(AT_LEAST, 0, 1, NEWEST_KNOWN), (RETURN, 0, 0, ERRNO | errno.ENOSYS), (RETURN, 0, 0, DENY)]
    return program


def install(own_pid: int, *, own_files: bool) -> None:
    """Put the filter on this process and its threads to come; raise `OSError` where that is impossible."""
    architecture = ARCHITECTURES.get(os.uname().machine)
    if architecture is None:
        raise OSError(errno.ENOSYS, f"no system call table for {os.uname().machine}")
    packed = b"".join(
        struct.pack("<HBBI", *instruction) for instruction in build(architecture, own_pid, own_files=own_files)
    )
    instructions = ctypes.create_string_buffer(packed, len(packed))
    header = struct.pack("@HP", len(packed) // 8, ctypes.addressof(instructions))
    program = ctypes.create_string_buffer(header, len(header))
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.addressof(program))


def _condition(name: str, own_pid: int) -> list[Instruction]:
    """Return the instructions deciding a call that depends on its arguments; each list ends with a verdict."""
    match name:
        case "clone":  # a thread, never a process
            return [_low(0), (ANY_BIT, 0, 1, CLONE_THREAD), *_ALLOW_ELSE_DENY]
        case "clone3":  # its flags are behind a pointer a filter cannot follow; the C library then uses clone
            return [(RETURN, 0, 0, ERRNO | errno.ENOSYS)]
        case "prctl":
            return _one_of(0, PRCTLS)
        case "ioctl":
            return _one_of(1, IOCTLS)
        case "kill" | "tgkill":  # abort() and raise() signal the process itself
            return _one_of(0, (own_pid,))
        case "socketpair":  # what asyncio wakes itself with
            stream = [_low(1), (AND, 0, 0, SOCK_TYPE_MASK), (EQUAL, 0, 1, SOCK_STREAM), *_ALLOW_ELSE_DENY]
            return [_low(0), (EQUAL, 1, 0, AF_UNIX), (RETURN, 0, 0, DENY), *stream]
        case "sendto":  # on a connected pair only: no address
            return _null(4)
        case "prlimit64":  # ask, never set
            return _null(2)
        case "open":
            return _no_truncating_read(1)
        case "openat":
            return _no_truncating_read(2)
        case "fcntl":
            return _one_of(1, FCNTLS)
        case _:
            raise ValueError(f"no condition for {name!r}")


_ALLOW_ELSE_DENY: list[Instruction] = [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, DENY)]


def _low(argument: int) -> Instruction:
    return (LOAD, 0, 0, ARGS + 8 * argument)


def _one_of(argument: int, values: tuple[int, ...]) -> list[Instruction]:
    tests: list[Instruction] = []
    for value in values:
        tests += [(EQUAL, 0, 1, value), (RETURN, 0, 0, ALLOW)]
    return [_low(argument), *tests, (RETURN, 0, 0, DENY)]


def _no_truncating_read(flags: int) -> list[Instruction]:
    """Deny truncating through a read-only open, which Landlock learned to see only in its third version."""
    mode = (AND, 0, 0, O_TRUNC | O_ACCMODE)
    return [_low(flags), mode, (EQUAL, 0, 1, O_TRUNC), (RETURN, 0, 0, DENY), (RETURN, 0, 0, ALLOW)]


def _null(argument: int) -> list[Instruction]:
    high: Instruction = (LOAD, 0, 0, ARGS + 8 * argument + 4)
    return [_low(argument), (EQUAL, 1, 0, 0), (RETURN, 0, 0, DENY), high, (EQUAL, 0, 1, 0), *_ALLOW_ELSE_DENY]
