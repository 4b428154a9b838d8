"""How do the findings look to tools that read SARIF 2.1.0?

Pure. One run; every engine is an extension of the tool with the rules that fired, and a merged finding points at the
rule of its first source and names the others in its properties. An engine that failed is a notification, and makes the
invocation unsuccessful, so a reader cannot mistake silence for health.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from workers.security_scanner.engines.report import EngineRun
from workers.security_scanner.findings import Finding, Severity, Source

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
TOOL = "Agent Fleet security_scanner"
LEVELS = {Severity.LOW: "note", Severity.MEDIUM: "warning", Severity.HIGH: "error"}
SECURITY_SEVERITY = {
    Severity.LOW: "3.0",
    Severity.MEDIUM: "5.5",
    Severity.HIGH: "8.0",
}  # bands of code-scanning viewers


def to_sarif(
    findings: Sequence[Finding], engines: Sequence[EngineRun], total: int, tool_version: str
) -> dict[str, Any]:
    """Write one SARIF log; `total` tells how many findings there were before the list was cut."""
    rules = _rules(findings, engines)
    extensions = [
        {
            "name": engine.name,
            **({"version": engine.version} if engine.version else {}),
            "rules": list(rules[engine.name].values()),
        }
        for engine in engines
    ]
    places = {
        (engine.name, rule): (position, index)
        for position, engine in enumerate(engines)
        for index, rule in enumerate(rules[engine.name])
    }
    run = {
        "tool": {"driver": {"name": TOOL, "version": tool_version}, "extensions": extensions},
        "invocations": [_invocation(engines)],
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, places) for finding in findings],
        "properties": {"findingsTotal": total, "findingsListed": len(findings)},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rules(findings: Sequence[Finding], engines: Sequence[EngineRun]) -> dict[str, dict[str, dict[str, Any]]]:
    """Collect, per engine, a descriptor of every rule that fired."""
    rules: dict[str, dict[str, dict[str, Any]]] = {engine.name: {} for engine in engines}
    for finding in findings:
        for source in finding.sources:
            rules[source.engine].setdefault(source.rule, _descriptor(source, finding))
    return rules


def _descriptor(source: Source, finding: Finding) -> dict[str, Any]:
    tags = ["security", *([f"external/cwe/cwe-{finding.cwe:03d}"] if finding.cwe is not None else [])]
    descriptor: dict[str, Any] = {
        "id": source.rule,
        "shortDescription": {"text": (source.title or source.rule).replace("_", " ")},
        "defaultConfiguration": {"level": LEVELS[finding.severity]},
        "properties": {"tags": tags, "security-severity": SECURITY_SEVERITY[finding.severity]},
    }
    if source.help_uri:
        descriptor["helpUri"] = source.help_uri
    return descriptor


def _result(finding: Finding, places: dict[tuple[str, str], tuple[int, int]]) -> dict[str, Any]:
    first = finding.sources[0]
    position, index = places[first.engine, first.rule]
    return {
        "ruleId": first.rule,
        "rule": {"id": first.rule, "index": index, "toolComponent": {"name": first.engine, "index": position}},
        "level": LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.file, safe="/"), "uriBaseId": "SRCROOT"},
                    "region": {"startLine": max(finding.line, 1)},
                }
            }
        ],
        "partialFingerprints": {"fleetFinding/v1": finding.fingerprint},
        "properties": {
            "kind": finding.kind,
            "sources": [f"{source.engine}:{source.rule}" for source in finding.sources],
            **({"secretDigests": list(finding.digests)} if finding.digests else {}),
        },
    }


def _invocation(engines: Sequence[EngineRun]) -> dict[str, Any]:
    failed = [
        {"level": "error", "message": {"text": f"{engine.name}: {engine.error}"}}
        for engine in engines
        if engine.error is not None
    ]
    unread = [
        {"level": "warning", "message": {"text": f"{engine.name} could not read {name}: {reason}"}}
        for engine in engines
        for name, reason in engine.unread
    ]
    return {"executionSuccessful": not failed, "toolExecutionNotifications": failed + unread}
