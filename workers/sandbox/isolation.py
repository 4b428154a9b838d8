"""Which protections are there, what does each guarantee, and what is missing for a run to be allowed?

A *layer* is a mechanism of the kernel, a *guarantee* is what the fleet's owner cares about; several layers can give the
same guarantee, which is why a machine without namespaces can still be safe. Requirements may name either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

LAYERS = ("rlimits", "namespaces", "unprivileged_user", "landlock", "seccomp")
GUARANTEES = ("resources", "network", "files", "processes")
NAMES = LAYERS + GUARANTEES

MINIMUM = frozenset({"resources", "network"})
"""Never run without these, whatever the settings say."""

STRICT = frozenset(GUARANTEES)
"""No resource exhaustion, no network, no file outside the scratch directory, no other process seen or signalled."""

_GIVEN_BY: dict[str, tuple[frozenset[str], ...]] = {
    "resources": (frozenset({"rlimits", "seccomp"}), frozenset({"rlimits", "namespaces"})),
    "network": (frozenset({"namespaces"}), frozenset({"seccomp"})),
    "files": (frozenset({"namespaces"}), frozenset({"landlock"})),
    "processes": (frozenset({"namespaces"}), frozenset({"seccomp"})),
}


def guarantees(layers: Collection[str]) -> frozenset[str]:
    """Return what these layers together guarantee."""
    return frozenset(name for name, ways in _GIVEN_BY.items() if any(way <= set(layers) for way in ways))


def unmet(layers: Collection[str], required: Iterable[str]) -> tuple[str, ...]:
    """Return the requirements (layers or guarantees) these layers leave open, the minimum always among them."""
    have = set(layers) | guarantees(layers)
    return tuple(sorted((MINIMUM | set(required)) - have))


def unknown(required: Iterable[str]) -> tuple[str, ...]:
    """Return the names that are neither a layer nor a guarantee."""
    return tuple(sorted(set(required) - set(NAMES)))
