"""Is there room: memory, disk, processors, pods?"""

from __future__ import annotations

from collections.abc import Iterator

from fleet.diagnostics.facts import Facts
from fleet.diagnostics.finding import Finding, Severity

NEARLY_FULL, FULL = 0.85, 0.95
MANY_RESTARTS = 5
NODE_CPU = 0.80


def host_has_room(facts: Facts) -> Iterator[Finding]:
    if facts.host is None:
        return
    for name, share, fix in (
        ("memory", facts.host.memory, "fewer slots per replica, or a larger machine"),
        ("disk", facts.host.disk, "the broker's append-only file needs room: free some, or move the state directory"),
    ):
        if share >= NEARLY_FULL:
            severity: Severity = "critical" if share >= FULL else "warning"
            yield Finding(
                f"resources.{name}",
                severity,
                name,
                f"{share:.0%} used",
                "at 100 % the broker stops writing and workers are killed",
                fix,
            )


def store_has_room(facts: Facts) -> Iterator[Finding]:
    if facts.broker is None:
        return
    used, limit = int(facts.broker.info.get("used_memory", 0)), int(facts.broker.info.get("maxmemory", 0))
    if limit and used / limit >= NEARLY_FULL:
        severity: Severity = "critical" if used / limit >= FULL else "warning"
        yield Finding(
            "resources.store_memory",
            severity,
            "store",
            f"{used / limit:.0%} of maxmemory used",
            "at the limit every submit is refused",
            "raise maxmemory; shorten dispatch.result_seconds and telemetry.history_tasks; replay or discard dead letters",
        )
    if str(facts.broker.info.get("aof_last_write_status", "ok")) != "ok":
        yield Finding(
            "resources.store_disk",
            "critical",
            "store",
            "the last write of the append-only file failed",
            "what is submitted now does not survive a restart",
            "free disk space on the store's host",
        )


def pods_run(facts: Facts) -> Iterator[Finding]:
    for pod in facts.cluster.pods if facts.cluster else ():
        if pod["waiting"] in ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError"):
            yield Finding(
                "resources.pod",
                "critical",
                pod["name"],
                pod["waiting"],
                "the replica never becomes ready",
                f"kubectl describe pod {pod['name']}; kubectl logs {pod['name']} --previous",
            )
        elif pod["phase"] == "Pending":
            yield Finding(
                "resources.pod",
                "warning",
                pod["name"],
                "Pending",
                "a replica the target counts on is not there",
                f"kubectl describe pod {pod['name']} says what it waits for",
            )
        elif pod["restarts"] >= MANY_RESTARTS:
            yield Finding(
                "resources.pod",
                "warning",
                pod["name"],
                f"{pod['restarts']} restarts",
                "each one gives its tasks back",
                f"kubectl logs {pod['name']} --previous",
            )


def nodes_have_room(facts: Facts) -> Iterator[Finding]:
    for node in facts.cluster.nodes if facts.cluster else ():
        if not node.ready or node.pressures:
            yield Finding(
                "resources.node",
                "critical" if not node.ready else "unhealthy",
                node.name,
                "not ready" if not node.ready else f"under {', '.join(node.pressures)}",
                "its pods are evicted or gone; their tasks run elsewhere",
                f"kubectl describe node {node.name}; drain it if it stays so",
            )
        for what, share, limit in (("CPU", node.cpu, NODE_CPU), ("memory", node.memory, NEARLY_FULL)):
            if share is not None and share >= limit:
                yield Finding(
                    "resources.node_use",
                    "warning",
                    node.name,
                    f"{share:.0%} of its {what} is in use",
                    "work there becomes slow, or is killed for memory",
                    "let the cluster grow, or lower max_replicas; `fleet scale status` says which pool is large",
                )


CHECKS = (host_has_room, store_has_room, pods_run, nodes_have_room)
