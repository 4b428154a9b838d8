"""How does a process move into a world of its own: no network, no other processes, hardly any files?

As root straight away, as anybody else inside a new user namespace. The new root is a small tmpfs holding the
interpreter's libraries read-only, two devices and an empty scratch directory of bounded size; no /proc, no /etc.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from workers.sandbox.inside import kernel

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
EVERYTHING = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_NOATIME, MS_NODIRATIME = 1, 2, 4, 8, 32, 1024, 2048
MS_BIND, MS_REC, MS_PRIVATE, MS_RELATIME = 4096, 16384, 1 << 18, 1 << 21
MNT_DETACH = 2
ST_RELATIME = 4096

SCRATCH = "/scratch"
DEVICES = ("/dev/null", "/dev/urandom")
ROOT_BYTES = 1024 * 1024


def enter(root: str, readable: Iterable[str], limits: Mapping[str, int]) -> None:
    """Leave every shared namespace and make `root` the whole file system; children are in a new pid namespace.

    `root` is an empty directory used as a mount point. Raises `OSError` with nothing mounted when any part is refused.
    """
    _unshare()
    kernel.call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    mounted = False
    try:
        _mount("tmpfs", root, b"tmpfs", MS_NOSUID | MS_NODEV, f"size={ROOT_BYTES},nr_inodes=4096,mode=755")
        mounted = True
        for path in readable:
            _bind_read_only(path, root + path)
        for path in DEVICES:
            _bind_file(path, root + path)
        os.mkdir(root + SCRATCH)
        options = f"size={limits['scratch_bytes']},nr_inodes={limits['scratch_files'] + 1},mode=777"
        _mount("tmpfs", root + SCRATCH, b"tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options)
        _mount("none", root, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, "")
        os.chdir(root)
        kernel.call("pivot_root", b".", b".")
        kernel.call("umount2", b".", MNT_DETACH)
    except OSError:
        if mounted:
            os.chdir("/")
            kernel.call("umount2", root.encode(), MNT_DETACH)
        raise
    os.chdir(SCRATCH)


def _unshare() -> None:
    """As root without a user namespace, where that is refused and for everybody else with one."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        try:
            kernel.call("unshare", EVERYTHING)
            return
        except PermissionError:
            pass  # a container's root without CAP_SYS_ADMIN
    kernel.call("unshare", EVERYTHING | CLONE_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _mount(source: str, target: str, kind: bytes | None, flags: int, options: str) -> None:
    kernel.call("mount", source.encode(), target.encode(), kind, flags, options.encode() or None)


def _bind_read_only(path: str, target: str) -> None:
    """Show `path` at `target`, keeping its other mount flags: a user namespace may not clear them."""
    if os.path.islink(path):  # /lib -> usr/lib
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    elif os.path.isfile(path):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    else:
        return
    _mount(path, target, None, MS_BIND | MS_REC, "")
    kept = os.statvfs(target).f_flag
    flags = kept & (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)
    flags |= MS_RELATIME if kept & ST_RELATIME else 0
    _mount("none", target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | flags, "")


def _bind_file(path: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(path, target, None, MS_BIND, "")
