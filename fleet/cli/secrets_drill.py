"""How is a rotation drill held, here or on a throw-away fleet, and what is said of it?"""

from __future__ import annotations

from importlib import import_module

from fleet.cli.answer import answer, plain, table
from fleet.cli.progress import progress


def here(seconds: float, as_json: bool) -> bool:
    """Rotate credentials of the drill's own against the configured backend and broker; return whether all went well."""
    from fleet.secrets import audit, configured
    from fleet.secrets import drill as drills
    from fleet.settings import current
    from fleet.store.client import connect

    audit.record("secret.drill", current().cell, detail={"seconds": seconds})
    with progress(f"rotating for {seconds:g} s", as_json=as_json):
        report = drills.run(configured.backend(), connect(), current().cell, configured.recorded, seconds=seconds)
    rows = ((path, report.rotations[path], report.uses.get(path, 0)) for path in report.rotations)
    verdict = f"{report.refusals} refusals in {report.seconds:.0f} s" + "".join(f"\n  {why}" for why in report.reasons)
    answer({"ok": report.ok, **plain(report)}, as_json, [table(("credential", "rotations", "uses"), rows), verdict])
    return report.ok


def with_tasks(seconds: float, every: float, as_json: bool) -> bool:
    """Rotate every credential of a throw-away fleet while tasks run; return whether all went well."""
    with progress("rotating", as_json=as_json) as steps:
        report = import_module("workers.drill.run").run(seconds, every, steps.say)
    searched = sum(report.search.bytes_searched.values())
    lines = [
        table(("credential", "rotations"), report.rotations.items()),
        f"{report.done} tasks done, {report.failed} failed, {report.refused} requests refused, {report.again} ran again, "
        f"the slowest took {report.slowest_seconds:.1f} s; {report.connections_cut} connections cut, "
        f"{len(report.restarted)} programs restarted",
        f"{report.secrets_searched} secret values searched for in {searched / 1e6:.1f} MB of {', '.join(report.search.bytes_searched)}: "
        f"{len(report.search.found)} found; the agent was careless {sum(report.careless.values())} times",
        *(f"  found: {one}" for one in report.search.found),
        *(f"  nothing to be seen in: {one}" for one in report.search.is_blind),
        *(f"  beyond its list: {one}" for one in report.beyond_their_list),
        *(f"  {why}" for why in report.reasons),
        "the audit chain is intact" if report.is_chain_intact else "THE AUDIT CHAIN IS BROKEN",
    ]
    answer({"ok": report.ok, **plain(report)}, as_json, lines)
    return bool(report.ok)
