"""How are numbers written for an operator?"""

from __future__ import annotations

from datetime import UTC, datetime


def clock(at: float) -> str:
    """Return a time of day."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def moment(at: float) -> str:
    """Return a date and time."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def lasting(seconds: float) -> str:
    """Return a duration in the two largest units that matter."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    if seconds < 86_400:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
    return f"{seconds // 86_400:.0f} d {seconds % 86_400 // 3600:.0f} h"


def share(value: float) -> str:
    return f"{value:.0%}"


def dollars(amount: str) -> str:
    """Return an exact amount as one reads it: cents, or what is left of them below one."""
    value = float(amount)
    return f"{value:,.2f}" if value == 0 or abs(value) >= 0.01 else f"{value:.6f}".rstrip("0")
