"""Can untrusted code reach files, the network or other processes, with every layer on or with some missing?

Every attack is also right: a control shows that it succeeds where its guarantee was given up on purpose.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import tempfile
from pathlib import Path

import pytest
from sandbox_attacks import (
    CONTAINER_ROOT,
    EVERY_LAYER,
    FAST,
    OLD_KERNEL,
    RESTRICTED_CONTAINER,
    UNKNOWN_PROCESSOR,
    attempt,
    gained,
)

from workers.sandbox import isolation

EVERYWHERE = pytest.mark.parametrize(
    "without", [EVERY_LAYER, RESTRICTED_CONTAINER, CONTAINER_ROOT, UNKNOWN_PROCESSOR, OLD_KERNEL], ids=lambda names: "+".join(sorted(names)) or "none"
)
WITH_NAMESPACES_OR_SECCOMP = pytest.mark.parametrize(
    "without", [EVERY_LAYER, RESTRICTED_CONTAINER, UNKNOWN_PROCESSOR], ids=lambda names: "+".join(sorted(names)) or "none"
)

READ_FILES = """
import os
found = {}
for path in paths:
    try:
        found[path] = str(os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(64))
    except OSError:
        pass
return found
"""

MACHINE_FILES = [
    "/proc/1/environ",
    "/proc/self/environ",
    "/proc/self/mem",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/hostname",
    "/sys/kernel",
    "/dev/shm",
    "/tmp",
    "/var",
]


@EVERYWHERE
def test_files_of_the_machine_cannot_be_read(without: tuple[str, ...]) -> None:
    assert not gained(attempt(READ_FILES, without, paths=MACHINE_FILES))


def test_control_the_same_attack_succeeds_where_files_are_not_guaranteed() -> None:
    without = ("namespaces", "landlock")
    found = gained(attempt(READ_FILES, without, required=isolation.MINIMUM, paths=["/etc/passwd", "/tmp"]))
    assert set(found) == {"/etc/passwd", "/tmp"}


@EVERYWHERE
def test_a_secret_file_beside_the_scratch_directory_cannot_be_read_or_reached_by_a_link(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    secret.chmod(0o644)
    tmp_path.chmod(0o755)
    body = """
    import os
    found = []
    os.symlink(path, "link")
    for way in (path, "link", "../" + path, "/../" * 8 + path, "/proc/self/root" + path, "/proc/1/root" + path):
        try:
            found.append(open(way).read())
        except OSError:
            pass
    try:
        os.link(path, "hard")
        found.append(open("hard").read())
    except OSError:
        pass
    return found
    """
    result = attempt(body, without, path=str(secret))
    assert not gained(result)
    assert secret.read_text() == "canary"


@EVERYWHERE
def test_a_file_outside_cannot_be_written_truncated_or_removed(tmp_path: Path, without: tuple[str, ...]) -> None:
    victim = tmp_path / "victim"
    victim.write_text("whole")
    for place in (tmp_path, victim):
        place.chmod(0o777)
    body = """
    import os
    for act in (
        lambda: open(path, "w"), lambda: open(path, "a").write("x"), lambda: os.truncate(path, 0),
        lambda: os.open(path, os.O_RDONLY | os.O_TRUNC), lambda: os.rename(path, "stolen"),
        lambda: os.unlink(path), lambda: os.chmod(path, 0),
        lambda: open(os.path.dirname(path) + "/planted", "w").write("x"),
    ):
        try:
            act()
        except OSError:
            pass
    """
    attempt(body, without, path=str(victim))
    assert victim.read_text() == "whole"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o777
    assert [entry.name for entry in tmp_path.iterdir()] == ["victim"]


@EVERYWHERE
def test_the_interpreters_own_library_cannot_be_written(without: tuple[str, ...]) -> None:
    planted = Path(os.__file__).with_name("planted_by_a_test.py")
    assert not gained(attempt("open(path, 'w')\nreturn 'written'", without, path=str(planted)))
    assert not planted.exists()


@EVERYWHERE
def test_nothing_of_the_parents_environment_or_arguments_arrives(
    monkeypatch: pytest.MonkeyPatch, without: tuple[str, ...]
) -> None:
    monkeypatch.setenv("FLEET_CANARY", "canary")
    result = attempt("import os, sys\nreturn [*os.environ, *sys.argv[1:]]", without)
    assert not gained(result)


@EVERYWHERE
def test_no_descriptor_of_the_parent_arrives(tmp_path: Path, without: tuple[str, ...]) -> None:
    with (tmp_path / "open").open("w+") as file:
        file.write("canary")
        file.flush()
        os.set_inheritable(file.fileno(), True)
        body = """
        import os
        found = b""
        for fd in range(3, 64):
            try:
                found += os.pread(fd, 100, 0)
            except OSError:
                pass
        return found
        """
        assert not gained(attempt(body, without))


@EVERYWHERE
def test_the_scratch_directory_can_be_used_and_is_gone_afterwards(without: tuple[str, ...]) -> None:
    body = """
    import os, tempfile
    os.mkdir("folder")
    with open("folder/file", "w") as file:
        file.write("kept")
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
    return open("folder/file").read() + str(sorted(os.listdir(".")))
    """
    # Not pytest's own folder: no other user may pass through its parents, and the sandbox is another user.
    with tempfile.TemporaryDirectory() as scratch_root:
        Path(scratch_root).chmod(0o755)
        result = attempt(body, without, scratch_root=Path(scratch_root))
        assert gained(result) == "kept['folder']", result
        assert list(Path(scratch_root).iterdir()) == []


# Network --------------------------------------------------------------------------------------------------------------


@EVERYWHERE
def test_a_listening_socket_of_this_machine_cannot_be_reached(without: tuple[str, ...], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as named:
        server.setblocking(False)
        named.bind(str(tmp_path / "socket"))
        named.listen()
        named.setblocking(False)
        body = """
        import socket
        for act in (
            lambda: socket.create_connection(("127.0.0.1", port), timeout=0.5),
            lambda: socket.socket(socket.AF_UNIX).connect(path),
            lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port)),
        ):
            try:
                act()
            except OSError:
                pass
        """
        attempt(body, without, port=server.getsockname()[1], path=str(tmp_path / "socket"))
        for listening in (server, named):
            with pytest.raises(BlockingIOError):
                listening.accept()


@EVERYWHERE
def test_no_server_can_be_opened_that_others_reach(without: tuple[str, ...]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    body = "import socket\nserver = socket.create_server(('127.0.0.1', port))\nreturn open('/proc/self/net/tcp').read()"
    assert not gained(attempt(body, without, port=port))


@EVERYWHERE
def test_asyncio_still_works(without: tuple[str, ...]) -> None:
    body = "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 'ran'\nreturn asyncio.run(f())"
    assert gained(attempt(body, without)) == "ran"


# Processes ------------------------------------------------------------------------------------------------------------


@WITH_NAMESPACES_OR_SECCOMP
def test_the_parent_and_its_group_cannot_be_signalled(without: tuple[str, ...]) -> None:
    received: list[int] = []
    previous = signal.signal(signal.SIGUSR1, lambda number, _: received.append(number))
    try:
        body = """
        import os, signal
        for target in (parent, -parent, os.getppid(), 0, -1, 1):
            try:
                os.kill(target, signal.SIGUSR1)
            except OSError:
                pass
        """
        attempt(body, without, parent=os.getpid())
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert received == []


@WITH_NAMESPACES_OR_SECCOMP
def test_a_fork_bomb_goes_nowhere(without: tuple[str, ...]) -> None:
    body = """
    import os
    count = 0
    while count < 10_000:
        try:
            if os.fork() == 0:
                while True:
                    os.fork()
        except OSError:
            return count
        count += 1
    return count
    """
    assert (gained(attempt(body, without)) or 0) < FAST.threads + 2
    assert gained(attempt("return 1 + 1", without)) == 2


@WITH_NAMESPACES_OR_SECCOMP
def test_no_program_can_be_started(without: tuple[str, ...]) -> None:
    body = "import subprocess\nreturn subprocess.run(['/bin/sh', '-c', 'echo out'], capture_output=True).stdout"
    assert not gained(attempt(body, without))


@WITH_NAMESPACES_OR_SECCOMP
def test_a_few_threads_are_fine_and_many_are_not(without: tuple[str, ...]) -> None:
    body = """
    import threading
    def start(number):
        stop, started = threading.Event(), []
        try:
            for _ in range(number):
                started.append(threading.Thread(target=stop.wait, daemon=True))
                started[-1].start()
        except (RuntimeError, MemoryError):
            return False
        finally:
            stop.set()
        return True
    return [start(4), start(5000)]
    """
    assert gained(attempt(body, without)) == [True, False]


@WITH_NAMESPACES_OR_SECCOMP
def test_privileged_calls_are_denied(without: tuple[str, ...]) -> None:
    body = """
    import ctypes, os
    libc = ctypes.CDLL(None, use_errno=True)
    calls = {
        "mount": lambda: libc.mount(b"none", b".", b"tmpfs", 0, None),
        "chroot": lambda: libc.chroot(b"."),
        "ptrace": lambda: libc.ptrace(16, parent, 0, 0),
        "sethostname": lambda: libc.sethostname(b"x", 1),
        "setuid": lambda: libc.setuid(0),
        "raise limits": lambda: libc.setrlimit(9, (ctypes.c_ulong * 2)(1 << 40, 1 << 40)),
        "settimeofday": lambda: libc.settimeofday((ctypes.c_long * 2)(0, 0), None),
    }
    return [name for name, call in calls.items() if call() >= 0]
    """
    assert not gained(attempt(body, without, parent=os.getpid()))
