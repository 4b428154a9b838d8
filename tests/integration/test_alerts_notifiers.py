"""Does every channel tell what must be told, and take hanging, failing and redirecting receivers as answers?"""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fleet.alerts.message import Notification, Subject
from fleet.alerts.notifiers import notifier
from fleet.alerts.notifiers.webhook import is_genuine
from fleet.alerts.rules import Channel

SECRET = "routing-key-canary-1234"
SUBJECT = Subject("quick{pool=fast}", (("pool", "fast"),), "0.72", 1_700_000_000.0, 1, plot="▁▄█ 0.72 to 0.9 within 2 min")


def notification(kind: Any = "firing", **changes: Any) -> Notification:
    fields: dict[str, Any] = {
        "id": "0f" * 16, "cell": "main", "channel": "out", "kind": kind, "rule": "quick", "severity": "critical",
        "summary": "Too many failures <now> & here.", "condition": "ai_agent_success_rate < 0.8 for 180 s",
        "threshold": "< 0.8", "at": 1_700_000_180.0, "subjects": (SUBJECT,), "total": 1,
        "evidence": (("Latest failures", ("t-1, code_generation, pool fast, trace abc",)),),
        "first_things_to_try": ("look", "think", "act"), "runbook": "https://runbooks.test/quick.md",
        "dedup": "main/quick{pool=fast}",
    }  # fmt: skip
    return Notification(**{**fields, **changes})


@pytest.fixture(params=["slack", "webhook", "pagerduty"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def channel(kind: str, url: str, timeout: float = 5.0) -> tuple[Channel, str]:
    secret = url if kind == "slack" else SECRET
    return Channel(name="out", kind=kind, url=url, secret="s", timeout=timeout), secret  # type: ignore[arg-type]


def test_everything_an_operator_needs_is_in_the_text(httpserver: HTTPServer, kind: str) -> None:
    httpserver.expect_request("/in", method="POST").respond_with_data("ok", status=202)
    out, secret = channel(kind, httpserver.url_for("/in"))
    assert notifier(kind)(notification(), out, secret).answer == "told"
    body = httpserver.log[0][0].get_data(as_text=True)
    for wanted in ("quick", "fast", "0.72", "0.8", "look", "think", "act", "runbooks.test", "trace abc"):
        assert wanted in body, wanted


@pytest.mark.parametrize(
    ("status", "headers", "answer", "wait"),
    [
        (500, {}, "later", None),
        (503, {"Retry-After": "7"}, "later", 7.0),
        (429, {"Retry-After": "30"}, "later", 30.0),
        (408, {}, "later", None),
        (400, {}, "never", None),
        (404, {}, "never", None),
        (301, {"Location": "http://elsewhere.test/"}, "never", None),
        (307, {"Location": "http://elsewhere.test/"}, "never", None),
    ],
)
def test_answers(
    httpserver: HTTPServer, kind: str, status: int, headers: dict[str, str], answer: str, wait: float | None
) -> None:
    httpserver.expect_request("/in").respond_with_data("sorry, " + SECRET, status=status, headers=headers)
    out, secret = channel(kind, httpserver.url_for("/in"))
    outcome = notifier(kind)(notification(), out, secret)
    assert (outcome.answer, outcome.wait_seconds) == (answer, wait)
    assert str(status) in outcome.reason
    asked = [request.path for request, answered in httpserver.log if answered.status_code == status]
    assert asked == ["/in"], "once, and no redirect followed"


def test_a_hanging_receiver_is_left(httpserver: HTTPServer, kind: str) -> None:
    leave = threading.Event()

    def hang(_: Request) -> Response:
        leave.wait(20)
        return Response("late")

    httpserver.expect_request("/in").respond_with_handler(hang)
    out, secret = channel(kind, httpserver.url_for("/in"), timeout=0.2)
    began = time.monotonic()
    outcome = notifier(kind)(notification(), out, secret)
    leave.set()
    assert outcome.answer == "later"
    assert "0.2 s" in outcome.reason
    assert time.monotonic() - began < 10


def test_nobody_there_and_no_address(kind: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        out, secret = channel(kind, f"http://127.0.0.1:{taken.getsockname()[1]}/in", timeout=1.0)
        assert notifier(kind)(notification(), out, secret).answer == "later"
    out, secret = channel(kind, "nowhere://x")
    assert notifier(kind)(notification(), out, secret).answer == "never"


def test_slack_text_is_escaped_and_cut(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/in").respond_with_data("ok")
    out, secret = channel("slack", httpserver.url_for("/in"))
    rows = tuple(f"row {number} " + "x" * 500 for number in range(100))
    assert notifier("slack")(notification(evidence=(("Rows", rows),)), out, secret).answer == "told"
    body = json.loads(httpserver.log[0][0].get_data())
    assert "&lt;now&gt; &amp; here" in json.dumps(body)
    assert len(body["blocks"]) <= 6
    assert all(len(block["text"]["text"]) <= 3000 for block in body["blocks"])


def test_webhooks_are_signed_and_carry_their_id(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/in").respond_with_data("ok")
    out, secret = channel("webhook", httpserver.url_for("/in"))
    notifier("webhook")(notification(), out, secret)
    request = httpserver.log[0][0]
    body, header = request.get_data(), request.headers["Fleet-Signature"]
    assert is_genuine(SECRET, body, header, time.time())
    assert not is_genuine(SECRET, body + b" ", header, time.time())
    assert not is_genuine("another secret", body, header, time.time())
    assert not is_genuine(SECRET, body, header, time.time() + 3600)
    assert not is_genuine(SECRET, body, "t=x,v1=", time.time())
    assert request.headers["Idempotency-Key"] == notification().id
    assert Notification.from_json(body.decode()) == notification()
    assert SECRET not in body.decode()


@pytest.mark.parametrize(
    ("kind_", "action"),
    [("firing", "trigger"), ("repeated", "trigger"), ("acknowledged", "acknowledge"), ("resolved", "resolve")],
)
def test_pagerduty_keeps_one_incident_by_its_dedup_key(httpserver: HTTPServer, kind_: str, action: str) -> None:
    httpserver.expect_request("/v2/enqueue").respond_with_json({"status": "success"}, status=202)
    out, secret = channel("pagerduty", httpserver.url_for("/v2/enqueue"))
    assert notifier("pagerduty")(notification(kind_), out, secret).answer == "told"
    event = json.loads(httpserver.log[0][0].get_data())
    assert (event["event_action"], event["dedup_key"]) == (action, "main/quick{pool=fast}")
    assert event["routing_key"] == SECRET
    if action == "trigger":
        assert event["payload"]["severity"] == "critical"
        assert event["links"][0]["href"].endswith("quick.md")


# E-mail


class Mailbox:
    """Keeps what arrives; refuses when told to."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        del server
        if self.answer.startswith("250"):
            self.mails.append((envelope, session))
        return self.answer


@pytest.fixture
def mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Mailbox, Controller]]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    box = Mailbox()
    controller = Controller(box, hostname="localhost", port=0, tls_context=context)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        controller.port = probe.getsockname()[1]
    controller.start()
    yield box, controller
    controller.stop()


def mail_channel(controller: Controller, **changes: Any) -> Channel:
    fields = {"name": "mail", "kind": "email", "host": "localhost", "port": controller.port, "timeout": 5.0}
    return Channel(**{**fields, "to": ("ops@example.test",), "sender": "fleet@example.test", **changes})  # type: ignore[arg-type]


def test_mail_goes_over_tls_with_a_stable_id(mailbox: tuple[Mailbox, Controller]) -> None:
    box, controller = mailbox
    hostile = notification(rule="quick", summary="line\r\nBcc: evil@example.test")
    assert notifier("email")(hostile, mail_channel(controller), "").answer == "told"
    envelope, session = box.mails[0]
    assert session.ssl is not None
    text = envelope.content.decode()
    assert f"Message-ID: <{notification().id}@fleet.main>" in text
    assert "Bcc:" not in text.split("\r\n\r\n")[0]
    mail = message_from_bytes(envelope.content, policy=default)
    plain, drawn = (part.get_content() for part in mail.iter_parts())
    assert "▁▄█ 0.72 to 0.9 within 2 min" in plain
    assert re.findall(r"height:(\d+)px", drawn) == ["6", "24", "48"], "bars, drawn"
    assert envelope.rcpt_tos == ["ops@example.test"]


@pytest.mark.parametrize(("answer", "expected"), [("451 try again", "later"), ("550 no such user", "never")])
def test_mail_refusals(mailbox: tuple[Mailbox, Controller], answer: str, expected: str) -> None:
    box, controller = mailbox
    box.answer = answer
    outcome = notifier("email")(notification(), mail_channel(controller), "")
    assert outcome.answer == expected
    assert answer.split(" ", 1)[1] in outcome.reason


def test_mail_without_the_promised_tls_is_not_sent() -> None:
    box = Mailbox()
    controller = Controller(box, hostname="localhost", port=0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        controller.port = probe.getsockname()[1]
    controller.start()
    try:
        outcome = notifier("email")(notification(), mail_channel(controller), "")
    finally:
        controller.stop()
    assert (outcome.answer, box.mails) == ("never", [])


def test_a_certificate_nobody_vouches_for_stops_the_mail(
    mailbox: tuple[Mailbox, Controller], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, controller = mailbox
    monkeypatch.delenv("SSL_CERT_FILE")
    outcome = notifier("email")(notification(), mail_channel(controller), "")
    assert (outcome.answer, box.mails) == ("later", [])
    assert "certificate" in outcome.reason.lower()


def test_a_mail_server_that_is_away() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        out = Channel(
            name="mail",
            kind="email",
            host="127.0.0.1",
            port=taken.getsockname()[1],
            to=("a@b.test",),
            sender="f@b.test",
        )
        assert notifier("email")(notification(), out, "").answer == "later"
