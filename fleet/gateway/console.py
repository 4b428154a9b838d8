"""What does a person see who opens the gateway in a browser?

One page without data of its own: it asks for an API key, keeps it for as long as the tab lives, and shows what the API
answers. Its policy lets it run its own script and ask its own gateway, nothing else.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from fleet.gateway.exchange import Answer, Call

PATH = "/console"
MEDIA = "text/html"


def page(_call: Call) -> Answer:
    """Return the console, a page for people."""
    content, policy = _built()
    return Answer(content=content, media=f"{MEDIA}; charset=utf-8", headers=policy)


@cache
def _built() -> tuple[bytes, dict[str, str]]:
    """Put style and script into the page, and name exactly those two in its policy."""
    folder = files("fleet.gateway") / "console_page"
    style, script = (folder / "console.css").read_text(), (folder / "console.js").read_text()
    text = (folder / "console.html").read_text()
    text = text.replace("/* style */", style, 1).replace("/* script */", script, 1)
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
    return text.encode(), {"content-security-policy": policy, "referrer-policy": "no-referrer"}


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
