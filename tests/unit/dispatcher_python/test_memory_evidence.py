"""Is the kernel's count of processes killed for want of memory read on both kinds of cgroup?"""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.dispatcher.memory import kills

V1 = ("9:name=systemd:/\n4:memory:/pod/worker\n0::/\n", "memory/pod/worker/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
V2 = ("0::/pod/worker\n", "pod/worker/memory.events", "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 1\n")


@pytest.mark.parametrize(("own", "file", "text"), [V1, V2])
def test_the_count_of_ones_own_cgroup_is_read(tmp_path: Path, own: str, file: str, text: str) -> None:
    (tmp_path / "self").write_text(own)
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)
    assert kills(tmp_path / "self", tmp_path) == 3


def test_where_the_kernel_does_not_tell_nobody_was_killed(tmp_path: Path) -> None:
    assert kills(tmp_path / "missing", tmp_path) == 0
    (tmp_path / "self").write_text("0::/pod\n")
    assert kills(tmp_path / "self", tmp_path) == 0
