"""How does the fleet protect itself? By emergency mode: most ordinary submissions are deferred until it ends."""

from __future__ import annotations

from typing import Final

from fleet.alerts.actions.plan import Effect, Plan, Request, View

SMALLEST_SHARE: Final = 0.05
LONGEST_SECONDS: Final = 4 * 3600.0


def plan(request: Request, view: View) -> Plan:
    """Switch emergency mode on; it ends by itself even if nothing of the fleet is left to end it."""
    share = max(request.call.admitted_share, SMALLEST_SHARE)
    until = min(request.until, request.at + LONGEST_SECONDS)
    current = view.emergency
    if current and float(current.get("until", 0)) >= until and float(current.get("share", 1)) <= share:
        return Plan("emergency mode", refused="emergency mode is on already, as strict and for at least as long")
    fields = {
        "since": current.get("since") or f"{request.at:.3f}",
        "until": f"{until:.3f}",
        "why": request.why,
        "share": f"{share:g}",
        "action": request.id,
    }
    effects = tuple(Effect("emergency", name, value) for name, value in fields.items())
    text = f"admit {share:.0%} of ordinary submissions for {(until - request.at) / 60:g} minutes; urgent ones pass"
    return Plan(text, effects, most_active=1, expiring_key="emergency", until=until)
