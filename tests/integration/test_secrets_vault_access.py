"""Does Vault let each agent type see its own secrets only, whichever way it logs in, for as long as it must?"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hvac
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from eventually import eventually
from integration.openbao import OpenBao, answers
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fleet.clock import ManualClock
from fleet.secrets import policy
from fleet.secrets.envelope import Envelope
from fleet.secrets.errors import AccessDenied, BackendUnavailable, LoginFailed
from fleet.secrets.vault import VaultBackend
from fleet.secrets.vault_login import AppRoleLogin, JwtLogin, KubernetesLogin, TokenLogin, VaultSession

OWN, FOREIGN = "agents/code_generator/llm", "agents/security_scanner/api"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
CERTIFICATE = (
    x509.CertificateBuilder(NAME, NAME, KEY.public_key(), x509.random_serial_number())
    .not_valid_before(datetime.now(UTC) - timedelta(days=1))
    .not_valid_after(datetime.now(UTC) + timedelta(days=1))
    .sign(KEY, hashes.SHA256())
    .public_bytes(serialization.Encoding.PEM)
    .decode()
)


AGENTS = ("code_generator", "security_scanner")


@pytest.fixture
def roles(openbao: OpenBao) -> dict[str, str]:
    """Both agent types' AppRoles, with a secret written for each."""
    root = openbao.root()
    applied = policy.apply(root, AGENTS, mount=openbao.mount, transit=openbao.transit)
    writer = VaultBackend(root, mount=openbao.mount, envelope=Envelope(root, openbao.transit))
    for path in (OWN, FOREIGN, "shared/verify_keys", "fleet/signing"):
        writer.write(path, {"value": SecretStr(path)})
    return {role.holder.removeprefix("agents/"): role.role_id for role in applied}


def agent(openbao: OpenBao, roles: dict[str, str], agent_type: str = "code_generator") -> VaultSession:
    secret_id = SecretStr(policy.issue_secret_id(openbao.root(), agent_type))
    return VaultSession(openbao.url, AppRoleLogin(roles[agent_type], secret_id))


def backend(openbao: OpenBao, session: VaultSession) -> VaultBackend:
    return VaultBackend(session, mount=openbao.mount, envelope=Envelope(session, openbao.transit))


def test_an_agent_reads_its_own_secret_and_what_all_share(openbao: OpenBao, roles: dict[str, str]) -> None:
    mine = backend(openbao, agent(openbao, roles))
    assert mine.read(OWN).field("value").get_secret_value() == OWN
    assert mine.read("shared/verify_keys").field("value").get_secret_value() == "shared/verify_keys"
    assert [version.number for version in mine.versions(OWN)] == [1]


def test_an_agent_can_neither_read_list_nor_change_what_is_not_its_own(
    openbao: OpenBao,
    roles: dict[str, str],
) -> None:
    mine = backend(openbao, agent(openbao, roles))
    for path in (FOREIGN, "fleet/signing", "agents/code_generator2/llm"):
        with pytest.raises(AccessDenied, match=path):
            mine.read(path)
        with pytest.raises(AccessDenied):
            mine.versions(path)
    for path in (OWN, FOREIGN):
        with pytest.raises(AccessDenied):
            mine.write(path, {"value": SecretStr("mine now")})
        with pytest.raises(AccessDenied):
            mine.delete(path)
    with pytest.raises(AccessDenied):
        mine.paths()
    with pytest.raises(AccessDenied):
        mine.destroy(OWN, 1)


def test_a_program_reads_its_own_broker_login_and_only_who_publishes_the_signing_key(
    openbao: OpenBao, roles: dict[str, str]
) -> None:
    root = openbao.root()
    writer = VaultBackend(root, mount=openbao.mount, envelope=Envelope(root, openbao.transit))
    for program in policy.PROGRAMS:
        writer.write(f"fleet/broker/{program}", {"password": SecretStr(program)})
    for program in policy.PROGRAMS:
        mine = backend(openbao, agent(openbao, roles, program))
        for other in policy.PROGRAMS:
            if other == program:
                assert mine.read(f"fleet/broker/{other}").field("password").get_secret_value() == program
            else:
                with pytest.raises(AccessDenied):
                    mine.read(f"fleet/broker/{other}")
        if program in policy.SIGNERS:
            assert mine.read("fleet/signing").version == 1
        else:
            with pytest.raises(AccessDenied):
                mine.read("fleet/signing")
        with pytest.raises(AccessDenied):
            mine.read(OWN)
    assert backend(openbao, agent(openbao, roles)).read("fleet/broker/worker").version == 1, "an agent's workers log in"


def test_an_agent_cannot_open_anothers_envelope_even_when_it_holds_it(
    openbao: OpenBao,
    roles: dict[str, str],
) -> None:
    root = openbao.root()
    stolen = Envelope(root, openbao.transit).seal(FOREIGN, b"theirs")
    with pytest.raises(AccessDenied):
        Envelope(agent(openbao, roles), openbao.transit).open(FOREIGN, stolen)


def test_applying_policies_again_changes_nothing_and_repairs_drift(openbao: OpenBao, roles: dict[str, str]) -> None:
    root = openbao.root()

    def apply() -> tuple[policy.AppliedRole, ...]:
        return policy.apply(root, AGENTS, mount=openbao.mount, transit=openbao.transit)

    assert all(not role.changed for role in apply())
    root.call(
        lambda v: v.sys.create_or_update_policy("fleet-agent-code_generator", 'path "*" { capabilities = ["read"] }')
    )
    assert {role.holder: role.changed for role in apply() if role.changed} == {"agents/code_generator": ("policy",)}
    with pytest.raises(AccessDenied):
        backend(openbao, agent(openbao, roles)).read(FOREIGN)


def test_a_revoked_token_is_replaced_by_a_new_login(openbao: OpenBao, roles: dict[str, str]) -> None:
    session = agent(openbao, roles)
    accessor = session.call(lambda v: v.auth.token.lookup_self())["data"]["accessor"]
    openbao.root().call(lambda v: v.auth.token.revoke_accessor(accessor))
    assert backend(openbao, session).read(OWN).version == 1
    assert session.call(lambda v: v.auth.token.lookup_self())["data"]["accessor"] != accessor


def test_a_token_is_renewed_before_it_ends_and_replaced_after(openbao: OpenBao, roles: dict[str, str]) -> None:
    clock = ManualClock()
    secret_id = SecretStr(policy.issue_secret_id(openbao.root(), "code_generator"))
    session = VaultSession(openbao.url, AppRoleLogin(roles["code_generator"], secret_id), clock=clock)

    def accessor() -> str:
        return str(session.call(lambda v: v.auth.token.lookup_self())["data"]["accessor"])

    first = accessor()
    clock.advance(3600 * 0.7)
    assert accessor() == first, "renewed, not replaced"
    clock.advance(3600 * 1.1)
    assert accessor() != first, "past its life: a new login"


def test_wrong_credentials_are_refused_without_showing_them(openbao: OpenBao, roles: dict[str, str]) -> None:
    for login in (
        AppRoleLogin(roles["code_generator"], SecretStr("canary-wrong-id")),
        TokenLogin(SecretStr("canary-wrong-token")),
    ):
        session = VaultSession(openbao.url, login)
        with pytest.raises(LoginFailed) as caught:
            backend(openbao, session).read(OWN)
        assert "canary" not in f"{caught.value!r} {login!r}"
        assert caught.value.__suppress_context__


def test_a_server_that_is_not_there_is_said_so() -> None:
    session = VaultSession("http://127.0.0.1:1", TokenLogin(SecretStr("x")), timeout_seconds=0.5)
    with pytest.raises(BackendUnavailable, match="does not answer"):
        VaultBackend(session).read(OWN)


def token(**claims: object) -> str:
    now = int(time.time())
    return jwt.encode({"iat": now, "nbf": now - 5, "exp": now + 600, **claims}, KEY, algorithm="RS256")


@pytest.mark.usefixtures("roles")
def test_jwt_login_gives_the_roles_policy(openbao: OpenBao, tmp_path: Path) -> None:
    mount = f"jwt-{openbao.mount}"
    root = openbao.root()

    def configure(vault: Any) -> None:
        vault.sys.enable_auth_method("jwt", path=mount)
        vault.write_data(f"auth/{mount}/config", data={"jwt_validation_pubkeys": [PUBLIC.decode()]})
        vault.write_data(
            f"auth/{mount}/role/ci",
            data={
                "role_type": "jwt",
                "user_claim": "sub",
                "bound_audiences": ["fleet"],
                "token_policies": ["fleet-agent-code_generator"],
            },
        )

    root.call(configure)
    file = tmp_path / "token"
    file.write_text(token(sub="pipeline", aud="fleet"))
    for given in (file, SecretStr(file.read_text())):
        mine = backend(openbao, VaultSession(openbao.url, JwtLogin("ci", given, mount)))
        assert mine.read(OWN).version == 1
        with pytest.raises(AccessDenied):
            mine.read(FOREIGN)
    stranger = VaultSession(openbao.url, JwtLogin("ci", SecretStr(token(sub="x", aud="other")), mount))
    with pytest.raises(LoginFailed):
        backend(openbao, stranger).read(OWN)


@pytest.fixture
def token_review(httpserver: HTTPServer) -> str:
    """A Kubernetes API that reviews tokens as the real one does: by signature, for an audience."""

    def review(request: Request) -> Response:
        asked = request.get_json()["spec"]
        status: dict[str, object]
        try:
            claims = jwt.decode(asked["token"], PUBLIC, algorithms=["RS256"], audience="fleet")
            status = {
                "authenticated": True,
                "user": {"username": claims["sub"], "uid": "1", "groups": ["system:serviceaccounts"]},
                "audiences": ["fleet"],
            }
        except jwt.InvalidTokenError:
            status = {"authenticated": False}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}
        return Response(json.dumps(body), status=201, content_type="application/json")

    httpserver.expect_request("/apis/authentication.k8s.io/v1/tokenreviews").respond_with_handler(review)
    return httpserver.url_for("").rstrip("/")


@pytest.mark.usefixtures("roles")
def test_kubernetes_login_is_bound_to_the_service_account(
    openbao: OpenBao,
    token_review: str,
    tmp_path: Path,
) -> None:
    mount = f"kubernetes-{openbao.mount}"

    def configure(vault: Any) -> None:
        vault.sys.enable_auth_method("kubernetes", path=mount)
        vault.write_data(
            f"auth/{mount}/config",
            data={
                "kubernetes_host": token_review,
                "kubernetes_ca_cert": CERTIFICATE,
                "token_reviewer_jwt": token(sub="reviewer"),
                "disable_local_ca_jwt": True,
            },
        )
        vault.write_data(
            f"auth/{mount}/role/code_generator",
            data={
                "bound_service_account_names": ["code-generator"],
                "bound_service_account_namespaces": ["fleet"],
                "audience": "fleet",
                "token_policies": ["fleet-agent-code_generator"],
            },
        )

    openbao.root().call(configure)

    def login(account: str) -> VaultBackend:
        file = tmp_path / account
        file.write_text(
            token(
                sub=f"system:serviceaccount:fleet:{account}",
                aud=["fleet"],
                **{"kubernetes.io": {"namespace": "fleet", "serviceaccount": {"name": account, "uid": "1"}}},
            )
        )
        return backend(openbao, VaultSession(openbao.url, KubernetesLogin("code_generator", file, mount)))

    assert login("code-generator").read(OWN).version == 1
    with pytest.raises(LoginFailed):
        login("somebody-else").read(OWN)


def test_namespaces_keep_the_same_path_apart(openbao: OpenBao) -> None:
    namespace = f"team-{openbao.mount}"
    openbao.root().call(lambda v: v.sys.create_namespace(path=namespace))
    inside = VaultSession(openbao.url, TokenLogin(SecretStr(openbao.root_token)), namespace=namespace)
    for session in (openbao.root(), inside):
        policy.apply(session, ["code_generator"], mount=openbao.mount, transit=openbao.transit)
    outer, inner = VaultBackend(openbao.root(), mount=openbao.mount), VaultBackend(inside, mount=openbao.mount)
    outer.write(OWN, {"value": SecretStr("outer")})
    assert inner.versions(OWN) == ()


def test_secrets_outlive_a_sealed_server_on_raft_storage(sealed_openbao: str) -> None:
    operator = hvac.Client(url=sealed_openbao)
    keys = operator.sys.initialize(secret_shares=3, secret_threshold=2)
    operator.sys.submit_unseal_keys(keys["keys"][:2])
    session = VaultSession(sealed_openbao, TokenLogin(SecretStr(keys["root_token"])))

    eventually(lambda: answers(sealed_openbao), timeout=30)
    policy.apply(session, ["code_generator"])
    store = VaultBackend(session)
    store.write(OWN, {"value": SecretStr("kept")})
    session.call(lambda v: v.sys.seal())
    with pytest.raises(BackendUnavailable):
        store.read(OWN)
    operator.sys.submit_unseal_keys(keys["keys"][1:])
    assert eventually(lambda: store.read(OWN), timeout=20).field("value").get_secret_value() == "kept"
