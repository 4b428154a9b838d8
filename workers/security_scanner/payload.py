"""What may a producer ask of the security scanner?

Exactly one source: `files` (path -> text), `archive` (base64 of zip, tar, tar.gz or tar.bz2) or `path` (under a root
the worker allows). Kept free of heavy imports: producers load it to validate before they send.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from workers.safety.paths import member_problem

EngineName = Literal["bandit", "detect_secrets", "gitleaks"]
SeverityName = Literal["low", "medium", "high"]

MAX_INLINE_FILES = 2_000
MAX_INLINE_CHARACTERS = 8 * 1024 * 1024
MAX_ARCHIVE_BYTES = 16 * 1024 * 1024
MAX_ARCHIVE_CHARACTERS = (MAX_ARCHIVE_BYTES + 2) // 3 * 4


class SecurityAnalysis(BaseModel):
    """One source to scan, and what counts as failing."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    files: Annotated[dict[str, str] | None, Field(description="relative path -> text of each file", repr=False)] = None
    archive: Annotated[
        str | None,
        Field(
            max_length=MAX_ARCHIVE_CHARACTERS, description="base64 of a zip, tar, tar.gz or tar.bz2 archive", repr=False
        ),
    ] = None
    path: Annotated[str | None, Field(max_length=4096, description="file or directory under an allowed root")] = None

    engines: Annotated[
        tuple[EngineName, ...] | None,
        Field(min_length=1, description="engines to run; default: all that are installed"),
    ] = None
    severity_threshold: Annotated[
        SeverityName, Field(description="a finding this severe or worse fails the verdict")
    ] = "medium"
    exclude: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=200)], ...],
        Field(max_length=100, description="glob patterns of relative paths to leave out"),
    ] = ()
    honour_suppressions: Annotated[
        bool, Field(description="obey '# nosec', 'pragma: allowlist secret' and the like found in the source itself")
    ] = False
    max_findings: Annotated[
        int, Field(ge=1, le=1_000, description="findings listed in the result; all are counted")
    ] = 200
    engine_timeout_seconds: Annotated[float, Field(ge=1, le=600, description="longest time one engine may run")] = 60.0

    @model_validator(mode="after")
    def _exactly_one_source(self) -> Self:
        given = [name for name in ("files", "archive", "path") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of files, archive, path; got {' and '.join(given) or 'none'}")
        return self

    @field_validator("files")
    @classmethod
    def _files_are_safe_and_bounded(cls, files: dict[str, str] | None) -> dict[str, str] | None:
        if files is None:
            return None
        if not files or len(files) > MAX_INLINE_FILES:
            raise ValueError(f"send 1 to {MAX_INLINE_FILES} files, got {len(files)}")
        characters = sum(map(len, files.values()))
        if characters > MAX_INLINE_CHARACTERS:
            raise ValueError(
                f"files hold {characters} characters, more than {MAX_INLINE_CHARACTERS}; use an archive or a path"
            )
        problems = [f"{name[:100]!r}: {problem}" for name in files if (problem := member_problem(name))]
        if problems:
            raise ValueError("; ".join(problems[:10]))
        parents = {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
        if clash := sorted(parents & files.keys()):
            raise ValueError(f"{clash[0]!r} is both a file and a directory")
        return files

    @field_validator("archive")
    @classmethod
    def _archive_is_base64(cls, archive: str | None) -> str | None:
        if archive is not None:
            try:
                base64.b64decode(archive, validate=True)
            except (binascii.Error, ValueError) as exc:
                raise ValueError(f"archive is not base64 ({exc}); send standard base64 without line breaks") from exc
        return archive
