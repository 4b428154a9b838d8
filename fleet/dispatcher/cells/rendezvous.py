"""Which cell is a tenant at home in?

Pure. Weighted rendezvous hashing: every cell draws a number for the tenant, the highest wins. Nothing is stored; a cell that
comes, goes or is drained moves its own share of tenants and nobody else's. Formula: -weight / ln(u), u uniform in (0, 1) from
a hash of both names (Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping


def preference(tenant: str, weights: Mapping[str, float]) -> tuple[str, ...]:
    """Return the cells (name -> weight above 0), the tenant's home first; where that is closed, the next one is."""
    return tuple(sorted(weights, key=lambda cell: (-_draw(tenant, cell, weights[cell]), cell)))


def _draw(tenant: str, cell: str, weight: float) -> float:
    digest = hashlib.blake2b(f"{cell}\x00{tenant}".encode(), digest_size=8).digest()
    share = (int.from_bytes(digest, "big") + 0.5) / 2**64
    return -weight / math.log(share)
