"""Is every wrong or dangerous load test refused before it travels?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from workers.performance_tester.payload import PerformanceTest, header_problem

URL = "http://127.0.0.1:8000/"


def test_a_url_is_enough() -> None:
    payload = PerformanceTest(url=URL)
    assert (payload.method, payload.thresholds.error_rate) == ("GET", 0.01)


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({}, "url"),
        ({"url": "ftp://127.0.0.1/"}, "http://"),
        ({"url": "http://[::1/"}, "not a URL"),
        ({"url": "http://user:pass@127.0.0.1/"}, "carries credentials"),  # pragma: allowlist secret
        ({"url": URL, "rate_per_second": 0}, "rate_per_second"),
        ({"url": URL, "rate_per_second": 1e9}, "rate_per_second"),
        ({"url": URL, "rate_per_second": float("nan")}, "rate_per_second"),
        ({"url": URL, "duration_seconds": 301}, "duration_seconds"),
        ({"url": URL, "connections": 0}, "connections"),
        ({"url": URL, "connections": 257}, "connections"),
        ({"url": URL, "rate_per_second": 5000, "duration_seconds": 300}, "more than 500000"),
        ({"url": URL, "rate_per_second": 0.1, "duration_seconds": 1}, "less than one request"),
        ({"url": URL, "method": "TRACE"}, "GET"),
        ({"url": URL, "body": "x"}, "carries no body"),
        ({"url": URL, "method": "POST", "follow_redirects": True}, "send the final URL"),
        ({"url": URL, "headers": {"Authorization": "Bearer x"}}, "credentials"),
        ({"url": URL, "headers": {"X-Api-Key": "x", "Host": "evil"}}, "'Host' is set by the HTTP client"),
        ({"url": URL, "headers": {"A b": "x"}}, "not a header name"),
        ({"url": URL, "headers": {"A": "x\r\nB: y"}}, "control characters"),
        ({"url": URL, "headers": {f"X-{i}": "" for i in range(51)}}, "51 headers"),
        ({"url": URL, "thresholds": {"error_rate": 2}}, "error_rate"),
        ({"url": URL, "thresholds": {"p98_ms": 2}}, "p98_ms"),
        ({"url": URL, "durration": 1}, "durration"),
    ],
)
def test_wrong_payloads_name_what_is_wrong(payload: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        PerformanceTest(**payload)
    assert says in str(refusal.value)


@given(st.text(max_size=20), st.text(max_size=20))
def test_an_accepted_header_cannot_break_out_of_its_line(name: str, value: str) -> None:
    if header_problem(name, value) is None:
        assert name.isascii()
        assert name == name.strip()
        assert not set("\r\n\0:") & set(name)
        assert not set("\r\n\0") & set(value)


def test_a_refusal_never_repeats_what_was_refused() -> None:
    for wrong in ({"url": "http://u:" + "canary@h/"}, {"url": URL, "headers": {"Authorization": "canary"}}):
        with pytest.raises(ValidationError) as refusal:
            PerformanceTest(**wrong)
        assert "canary" not in str(refusal.value)
