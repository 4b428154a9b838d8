"""How much may a sandboxed program use?

Everything a program can exhaust has a ceiling here; the defaults suit small functions and their checks.
"""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings of one run."""

    cpu_seconds: int = 5
    """Processor time, after which the kernel ends the program."""
    wall_seconds: float = 10.0
    """Time on the clock, start-up included."""
    memory_bytes: int = 256 * MEBIBYTE
    """Address space of the one process there is."""
    file_bytes: int = 8 * MEBIBYTE
    """Size of a single file."""
    scratch_bytes: int = 16 * MEBIBYTE
    """Size of everything in the scratch directory."""
    scratch_files: int = 512
    """Number of files and directories in it."""
    open_files: int = 64
    """File descriptors open at once."""
    threads: int = 16
    """Threads; other processes are never allowed."""
    output_bytes: int = 4 * MEBIBYTE
    """Output after which the program is ended."""
    shown_bytes: int = 16 * 1024
    """Output kept of each stream."""
    value_bytes: int = 256 * 1024
    """Size of one value a step may hand back."""
