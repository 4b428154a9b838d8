"""What isolation does this machine give? `python -m workers.sandbox` answers, as JSON.

Exit code 0 when every guarantee can be given, 1 when some cannot: then generated code that requires them is refused.
"""

from __future__ import annotations

import json
import sys

from workers.sandbox import isolation
from workers.sandbox.program import Outcome
from workers.sandbox.run import isolation_here


def main() -> int:
    """Print the layers reached, what they guarantee, and what is missing and why."""
    result = isolation_here()
    open_points = isolation.unmet(result.isolation, isolation.STRICT)
    answer = {
        "runs": result.outcome is not Outcome.REFUSED,
        "layers": list(result.isolation),
        "guarantees": sorted(isolation.guarantees(result.isolation)),
        "open": list(open_points),
        "missing": result.missing,
        "reason": result.reason,
        "start_seconds": round(result.duration_seconds, 3),
    }
    print(json.dumps(answer, indent=2))
    return 1 if open_points else 0


if __name__ == "__main__":
    sys.exit(main())
