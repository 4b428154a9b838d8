"""Does what the documentation tells a newcomer to type work, in that order, on a fleet of their own?"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from eventually import eventually

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"<!-- (run|then|start|fails|before|after) -->\n```bash\n(.*?)```", re.DOTALL)
ANY_BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
TYPED = re.compile(r"^(?:<!-- ([^\n]*) -->\n)?```(?:bash|sh|shell|console)$", re.MULTILINE)
MARK = re.compile(r"(run|then|start|fails|before|after|run: line by line|run with: .{10,}|not run: .{10,})")
READ_ALOUD = ("tutorial.md", "migrate.md")
"""Pages whose blocks have an order of their own around the start of the fleet."""
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PLACEHOLDER = re.compile(r"\b(TASK_ID|WORKER_ID|POOL)\b")
ELSEWHERE = ("fleet up", "fleet demo", "fleet new-agent", "fleet submit code_generation")
"""Not typed here again: long-running ones, what the tutorial did already, and what needs the model."""


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split()]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_executed_or_says_why_not(page: Path) -> None:
    """A block is preceded by `<!-- run -->` (or its place in the tutorial), or by `<!-- not run: the reason -->`."""
    assert [mark for mark in TYPED.findall(page.read_text()) if not MARK.fullmatch(mark)] == []


def test_the_site_is_built_and_every_link_and_anchor_leads_somewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0, done.stderr
    pages_built = list((tmp_path / "site").rglob("*.html"))
    assert len(pages_built) > 50
    fetched = re.compile(r"<(?:script|link|img)[^>]+(?:src|href)=.?https?://(?!agent-fleet)")
    assert [page for page in pages_built if fetched.search(page.read_text())] == [], "reading it fetches nothing"


@pytest.mark.timeout(900)
def test_a_newcomer_types_what_the_pages_say(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    newcomer = Newcomer(tmp_path / "mine")
    blocks = BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text())
    started = next(number for number, (kind, _) in enumerate(blocks) if kind == "start")
    moves = BLOCK.findall((ROOT / "docs" / "migrate.md").read_text())
    for _, block in [*blocks[:started], *(move for move in moves if move[0] == "before")]:
        newcomer.types(block)
    with newcomer.fleet() as said:
        for kind, block in blocks[started + 1 :]:
            if kind == "then":
                eventually(lambda: re.search(r"word_counter: \d+ more", said.read_text()), 180)
            newcomer.types(block, works=kind != "fails")
        for _, block in (move for move in moves if move[0] == "after"):
            newcomer.types(block)
        for line in readme_lines():
            newcomer.types(line)
        for page in sorted((ROOT / "docs").rglob("*.md")):
            for _, block in BLOCK.findall(page.read_text()) if page.name not in READ_ALOUD else ():
                newcomer.types(block)
        report = newcomer.types("fleet cost report --json")
        assert "word_counter" in report, "the newcomer's agent was billed"


def readme_lines() -> list[str]:
    lines = [
        line.partition("  #")[0].strip()
        for block in ANY_BLOCK.findall((ROOT / "README.md").read_text())
        for line in block.splitlines()
    ]
    return [
        line
        for line in lines
        if line.startswith("fleet ") and not line.startswith(ELSEWHERE) and not PLACEHOLDER.search(line)
    ]


class Newcomer:
    """Somebody with a terminal in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
        self.environment = kept | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def types(self, text: str, *, works: bool = True) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert (done.returncode == 0) is works, f"$ {text}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def fleet(self) -> Iterator[Path]:
        """The second terminal, without the doors nobody opens here; yields what it says."""
        said = self.folder.parent / "up.log"
        command = ["fleet", "up", "--plain", "--no-gateway", "--no-llm", "--no-flower"]
        with said.open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            eventually(lambda: "ready:" in said.read_text(), 180)
            yield said
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
