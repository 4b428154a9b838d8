"""Does the system call filter decide as its tables say, on both architectures?

The filter is run by a small interpreter of classic BPF, over any call number and arguments.
"""

from __future__ import annotations

import errno
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.sandbox.inside import seccomp
from workers.sandbox.inside.syscalls import AARCH64, ALLOWED, ARCHITECTURES, CONDITIONAL, NEWEST_KNOWN, X86_64, number

OWN_PID = 4711
BOTH = pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES.keys())


@cache
def built(architecture: int, own_files: bool) -> list[seccomp.Instruction]:
    return seccomp.build(architecture, OWN_PID, own_files=own_files)


def decide(architecture: int, nr: int, *arguments: int, real: int | None = None, own_files: bool = True) -> int:
    """Return the filter's verdict on a call, made on a machine of architecture `real`."""
    memory = nr.to_bytes(4, "little") + (real or architecture).to_bytes(4, "little") + bytes(8)
    memory += b"".join((value & (1 << 64) - 1).to_bytes(8, "little") for value in (*arguments, 0, 0, 0, 0, 0, 0)[:6])
    program, at, accumulator = built(architecture, own_files), 0, 0
    while True:
        operation, if_true, if_false, operand = program[at]
        at += 1
        match operation:
            case seccomp.LOAD:
                accumulator = int.from_bytes(memory[operand : operand + 4], "little")
            case seccomp.AND:
                accumulator &= operand
            case seccomp.EQUAL:
                at += if_true if accumulator == operand else if_false
            case seccomp.AT_LEAST:
                at += if_true if accumulator >= operand else if_false
            case seccomp.ANY_BIT:
                at += if_true if accumulator & operand else if_false
            case seccomp.RETURN:
                return operand
            case _:
                raise AssertionError(f"unknown operation {operation:#x}")


def call(architecture: int, name: str, *arguments: int, own_files: bool = True) -> int:
    nr = number(name, architecture)
    assert nr is not None
    return decide(architecture, nr, *arguments, own_files=own_files)


@BOTH
@given(nr=st.integers(0, 2**32 - 1), arguments=st.lists(st.integers(0, 2**64 - 1), max_size=6))
def test_only_listed_calls_can_pass(architecture: int, nr: int, arguments: list[int]) -> None:
    listed = {number(name, architecture) for name in (*ALLOWED, *CONDITIONAL)}
    always = {number(name, architecture) for name in ALLOWED}
    verdict = decide(architecture, nr, *arguments)
    if nr in always:
        assert verdict == seccomp.ALLOW
    elif nr not in listed:
        assert verdict != seccomp.ALLOW


@BOTH
@given(nr=st.integers(0, 500))
def test_another_architecture_is_killed(architecture: int, nr: int) -> None:
    other = X86_64 if architecture == AARCH64 else AARCH64
    assert decide(architecture, nr, real=other) == seccomp.KILL_PROCESS
    assert decide(X86_64, nr | seccomp.X32_BIT) == seccomp.KILL_PROCESS


@BOTH
@given(flags=st.integers(0, 2**32 - 1))
def test_threads_but_no_processes(architecture: int, flags: int) -> None:
    assert (call(architecture, "clone", flags) == seccomp.ALLOW) == bool(flags & seccomp.CLONE_THREAD)
    assert call(architecture, "clone3") == seccomp.ERRNO | errno.ENOSYS


@BOTH
@given(pid=st.integers(-(2**31), 2**31 - 1))
def test_only_itself_can_be_signalled(architecture: int, pid: int) -> None:
    for name in ("kill", "tgkill"):
        assert (call(architecture, name, pid) == seccomp.ALLOW) == (pid == OWN_PID)


@BOTH
@given(family=st.integers(0, 50), kind=st.integers(0, 2**31))
def test_socket_pairs_are_local_streams(architecture: int, family: int, kind: int) -> None:
    allowed = family == seccomp.AF_UNIX and kind & seccomp.SOCK_TYPE_MASK == seccomp.SOCK_STREAM
    assert (call(architecture, "socketpair", family, kind) == seccomp.ALLOW) == allowed


@BOTH
@given(pointer=st.integers(0, 2**64 - 1))
def test_nothing_is_sent_to_an_address_and_no_limit_is_set(architecture: int, pointer: int) -> None:
    assert (call(architecture, "sendto", 0, 0, 0, 0, pointer) == seccomp.ALLOW) == (pointer == 0)
    assert (call(architecture, "prlimit64", 0, 0, pointer) == seccomp.ALLOW) == (pointer == 0)


@BOTH
@given(flags=st.integers(0, 2**22))
def test_a_file_opened_for_reading_is_not_truncated(architecture: int, flags: int) -> None:
    truncating_read = flags & seccomp.O_TRUNC and flags & seccomp.O_ACCMODE == 0
    assert (call(architecture, "openat", 0, 0, flags) == seccomp.ALLOW) == (not truncating_read)


@BOTH
def test_the_rest_of_the_conditional_calls(architecture: int) -> None:
    assert call(architecture, "ioctl", 0, 0x5401) == seccomp.ALLOW
    assert call(architecture, "ioctl", 0, 0x5412) == seccomp.DENY  # TIOCSTI: typing into somebody's terminal
    assert call(architecture, "fcntl", 0, 3) == seccomp.ALLOW
    assert call(architecture, "fcntl", 0, 8) == seccomp.DENY  # F_SETOWN: signals to somebody
    assert call(architecture, "prctl", 15) == seccomp.ALLOW
    assert call(architecture, "prctl", 1) == seccomp.DENY  # PR_SET_PDEATHSIG: outliving its keeper


@BOTH
def test_metadata_can_be_changed_only_in_a_file_system_of_its_own(architecture: int) -> None:
    assert call(architecture, "fchmod", own_files=True) == seccomp.ALLOW
    assert call(architecture, "fchmod", own_files=False) == seccomp.DENY


@BOTH
def test_calls_of_newer_kernels_do_not_exist(architecture: int) -> None:
    assert decide(architecture, NEWEST_KNOWN + 1) == seccomp.ERRNO | errno.ENOSYS


@BOTH
def test_no_number_is_used_twice(architecture: int) -> None:
    numbers = [nr for name in (*ALLOWED, *CONDITIONAL) if (nr := number(name, architecture)) is not None]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    "name",
    [
        "socket",
        "connect",
        "execve",
        "ptrace",
        "mount",
        "unshare",
        "setns",
        "bpf",
        "io_uring_setup",
        "keyctl",
        "memfd_create",
    ],
)
def test_what_must_never_be_there_is_not(name: str) -> None:
    assert name not in ALLOWED
    assert name not in CONDITIONAL
