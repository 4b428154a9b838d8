"""Is every wrong payload refused before it travels, with a text that helps?"""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from workers.security_scanner.payload import MAX_INLINE_FILES, SecurityAnalysis

ARCHIVE = base64.b64encode(b"PK\x05\x06" + bytes(18)).decode()


@pytest.mark.parametrize("source", [{"files": {"a.py": "x = 1"}}, {"archive": ARCHIVE}, {"path": "src"}])
def test_one_source_is_enough(source: dict[str, Any]) -> None:
    payload = SecurityAnalysis(**source)
    assert payload.severity_threshold == "medium"
    assert payload.engines is None
    assert not payload.honour_suppressions


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({}, "exactly one of files, archive, path; got none"),
        ({"files": {"a": ""}, "path": "x"}, "got files and path"),
        ({"files": {}}, "1 to 2000 files"),
        ({"files": {f"f{i}": "" for i in range(MAX_INLINE_FILES + 1)}}, "1 to 2000 files"),
        ({"files": {"../x": ""}}, "'..'"),
        ({"files": {"/x": "", "ok": ""}}, "absolute"),
        ({"files": {"a": "", "a/b": ""}}, "both a file and a directory"),
        ({"files": {"a": "x" * (8 * 1024 * 1024 + 1)}}, "use an archive or a path"),
        ({"files": {"a": b"\xff"}}, "files"),
        ({"archive": "not base64!"}, "not base64"),
        ({"path": "x", "engines": []}, "engines"),
        ({"path": "x", "engines": ["semgrep"]}, "bandit"),
        ({"path": "x", "severity_threshold": "awful"}, "low"),
        ({"path": "x", "max_findings": 0}, "max_findings"),
        ({"path": "x", "engine_timeout_seconds": 1e9}, "engine_timeout_seconds"),
        ({"path": "x", "exclude": [""]}, "exclude"),
        ({"path": "x", "pth": "y"}, "pth"),
    ],
)
def test_wrong_payloads_name_what_is_wrong(payload: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        SecurityAnalysis(**payload)
    assert says in str(refusal.value)


def test_a_payload_never_prints_its_source() -> None:
    assert ARCHIVE not in repr(SecurityAnalysis(archive=ARCHIVE))
    assert "canary" not in repr(SecurityAnalysis(files={"a.py": "canary"}))
    with pytest.raises(ValidationError) as refusal:
        SecurityAnalysis(files={"../a.py": "canary"})
    assert "canary" not in str(refusal.value)


def test_the_payload_has_a_json_schema_with_a_description_per_source() -> None:
    properties = SecurityAnalysis.model_json_schema()["properties"]
    assert all(properties[name]["description"] for name in ("files", "archive", "path", "engines", "exclude"))
