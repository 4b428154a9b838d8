"""How is each command typed, in practice? Shown at the end of its help and on the reference page; a test parses each line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "fleet submit": (
        "fleet submit security_analysis '{\"files\": {\"a.py\": \"import os\"}}' --wait",
        "fleet submit code_generation '{\"prompt\": \"a function double(n)\"}' --tenant research --priority 7",
    ),
    "fleet status": ("fleet status --watch 2", "fleet status TASK_ID --json"),
    "fleet tasks list": ("fleet tasks list --limit 20",),
    "fleet tasks search": ("fleet tasks search --state failed --since 2h", "fleet tasks search --type code_generation --pool fast --json"),
    "fleet tasks cancel": ("fleet tasks cancel TASK_ID --dry-run", "fleet tasks cancel TASK_ID --why 'sent twice' --yes"),
    "fleet tasks dead replay": ("fleet tasks dead replay --all", "fleet tasks dead replay TASK_ID --payload '{\"text\": \"mended\"}'"),
    "fleet explain task": ("fleet explain task TASK_ID",),
    "fleet explain scale": ("fleet explain scale code_generator",),
    "fleet workers": ("fleet workers --watch 2",),
    "fleet workers drain": ("fleet workers drain WORKER_ID",),
    "fleet pools": ("fleet pools --watch 2",),
    "fleet pools pause": ("fleet pools pause code_generator --why 'model upgrade'",),
    "fleet doctor": ("fleet doctor", "fleet doctor --fix", "fleet doctor --json"),
    "fleet report": ("fleet report daily --html daily.html", "fleet report monthly --markdown monthly.md"),
    "fleet plan": ("fleet plan", "fleet plan --pool code_generator --plot plan.png"),
    "fleet backup create": ("fleet backup create backups", "fleet backup create s3://fleet-backups/main"),
    "fleet backup restore": (
        "fleet backup restore backups/FILE --dry-run",
        "fleet backup restore s3://fleet-backups/main/FILE --yes",
    ),
    "fleet backup forget": ("fleet backup forget backups --keep 7 --dry-run",),
    "fleet scale status": ("fleet scale status --watch 5",),
    "fleet scale pin": ("fleet scale pin code_generator 3 --why 'a launch at noon'",),
    "fleet simulate scaling": ("fleet simulate scaling --history 7 --pool code_generator --set promise=0.8",),
    "fleet cost report": ("fleet cost report --json",),
    "fleet budget set": ("fleet budget set research --tenant research --day 5.00",),
    "fleet alerts silence": ("fleet alerts silence high_response_time pool=fast --for 2h",),
    "fleet secrets rotate": ("fleet secrets rotate llm/openai",),
    "fleet keys create": ("fleet keys create grafana --role viewer",),
    "fleet rollout start": ("fleet rollout start code_generator --version v2 --share 10",),
    "fleet top": ("fleet top", "fleet top --once"),
    "fleet mcp": ("fleet mcp", "fleet mcp --allow-actions"),
    "fleet schema": ("fleet schema tasks search",),
    "fleet completion": ("source <(fleet completion bash)",),
}


def epilog(path: tuple[str, ...]) -> str | None:
    """Return the examples as the end of a help text; click keeps the lines after its mark as they are."""
    lines = EXAMPLES.get(" ".join(("fleet", *path)))
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines) if lines else None
