"""What is a report made of: lines under sections, a checklist, and how numbers are written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One number: now, in the period before, its goal, and whether it is met (None: there is nothing to meet)."""

    label: str
    value: str
    before: str = ""
    goal: str = ""
    ok: bool | None = None
    link: str = ""
    """Page that the value leads to, beside this one."""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One entry of the checklist: ticked by a fact, or something to do."""

    text: str
    done: bool
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    span: str
    cell: str
    start: float
    end: float
    sections: tuple[Section, ...]
    checklist: tuple[Check, ...]


def below(value: float | None, goal: float) -> bool | None:
    return None if value is None else value < goal


def rest(rate: float | None) -> float | None:
    return None if rate is None else 1 - rate


def counted(counts: tuple[int, int] | None) -> str:
    return f"{counts[0]} ended, {counts[1]} failed" if counts else ""


def in_seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"


def in_percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def in_usd(micros: int) -> str:
    return f"{micros / 1e6:.4f} USD"
