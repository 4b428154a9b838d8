"""How do pages outside docs/ become part of the site? (a hook of MkDocs)

Files of the repository that pages link to are taken in under their own paths, so that the same relative link leads somewhere
on a code host and on the site.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
OUTSIDE = ("SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "charts/fleet/README.md")
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Take the outside files in."""
    for name in OUTSIDE:
        files.append(File.generated(config, name, content=(ROOT / name).read_text()))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that leave docs/, or come from outside, into links between the site's pages."""
    here = page.file.src_uri
    base = posixpath.dirname(here if here in OUTSIDE else posixpath.join("docs", here))

    def moved(found: re.Match[str]) -> str:
        link, anchor = found[1], found[2] or ""
        if "://" in link or link.startswith("mailto:"):
            return found[0]
        target = posixpath.normpath(posixpath.join(base, link))
        target = target.removeprefix("docs/") if target.startswith("docs/") else target
        known = files.get_file_from_path(target) or files.get_file_from_path(posixpath.join(target, "index.md"))
        if known is None:
            return found[0]
        return f"]({posixpath.relpath(known.src_uri, posixpath.dirname(here) or '.')}{anchor})"

    return LINK.sub(moved, markdown)
