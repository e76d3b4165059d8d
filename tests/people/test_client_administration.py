"""Clients: machines and applications, registered and revoked by an organisation's administrators."""

from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from api.database import embedded
from auth.ask import ASSERTION_TYPE, write_assertion
from auth.key_file import KeyFile
from auth.public_keys import KeyPair, public_set
from auth.scope import Scope, scopes_of
from schema.organisation import OrganisationKind
from schema.people.account import Role
from schema.people.api_client import AssertionProfile
from tests.ledger import as_superuser
from tests.people.administering import Administrator, Ground, administered
from tests.people.signed_in import Person
from tests.sign_in_support import TOKEN_URL, key_for

BACK = "https://ward.example/back"
WHOLE = "clientId kind scopes redirectUris dpopBound everyone assertionProfile status version organisation { odsCode }"


@pytest.fixture(scope="module")
def ground(cluster: embedded.Server) -> Iterator[Ground]:
    """A site whose R1A has an administrator."""
    with administered(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def admin(ground: Ground) -> Administrator:
    """That administrator."""
    return ground.admin()


def machine(ground: Ground, client_id: str, key: KeyPair) -> Any:
    """Ask for a token as a machine; return the answer's body."""
    scopes = ["test:report"]
    key_file = KeyFile(
        client_id=client_id,
        organisation="R1A",
        token_url=TOKEN_URL,
        profile=AssertionProfile.RFC7523,
        scopes=scopes,
        private_key={**key.as_dict(private=True), "kid": key.kid},
    )
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    asked = ground.site.http.post("/oauth2/token", data=form | {"client_assertion": write_assertion(key_file)})
    return ground.site.runner.run(asked).json()


def test_a_machine_proves_itself_by_the_keys_it_made(ground: Ground, admin: Administrator) -> None:
    key = key_for("ES256")
    given = {"kind": "MACHINE", "scopes": ["test:report"], "assertionProfile": "RFC7523"}
    made = admin.made(
        "registerClient", f"id {WHOLE}", clientId="r1a-lab", publicJwks=public_set(key), dpopBound=False, **given
    )
    client = made.pop("id")
    assert made == {
        "__typename": "ApiClient",
        "clientId": "r1a-lab",
        "kind": "MACHINE",
        "scopes": ["test:report"],
        "redirectUris": [],
        "dpopBound": False,
        "everyone": False,
        "assertionProfile": "RFC7523",
        "status": "ACTIVE",
        "version": 1,
        "organisation": {"odsCode": "R1A"},
    }
    token = machine(ground, "r1a-lab", key)["access_token"]
    assert ground.lets_in(token)
    again = admin.change("registerClient", clientId="r1a-lab", publicJwks=public_set(key), **given)
    assert (again["code"], again["existing"]) == ("ALREADY_REGISTERED", client)
    assert admin.refused("revokeClient", client=client, expectedVersion=7) == "VERSION_CONFLICT"
    assert admin.made("revokeClient", "status", client=client, expectedVersion=1)["status"] == "REVOKED"
    assert admin.refused("revokeClient", client=client) == "ALREADY_DECIDED"
    assert ground.stops(token)
    assert "access_token" not in machine(ground, "r1a-lab", key)


def test_an_application_has_people_sign_in_at_it_until_it_is_revoked(ground: Ground, admin: Administrator) -> None:
    made = admin.made(
        "registerClient",
        "id clientId redirectUris",
        kind="APPLICATION",
        scopes=["progress:read", "decision:make"],
        redirectUris=[BACK, BACK],
    )
    assert made["clientId"].startswith("r1a-")
    assert made["redirectUris"] == [BACK]
    person = Person(ground.site, "siro@R1A", None, Role.TRUST_SIRO)
    tokens = person.tokens(client_id=made["clientId"], redirect_uri=BACK)
    assert tokens["scope"] == "decision:make progress:read"
    admin.made("revokeClient", client=made["id"])
    assert ground.stops(tokens["access_token"])
    assert person.refresh(tokens["refresh_token"], client_id=made["clientId"]).status_code in {400, 401}


@pytest.mark.parametrize("kind", OrganisationKind)
def test_no_machine_is_registered_with_what_people_decide(
    ground: Ground, admin: Administrator, kind: OrganisationKind
) -> None:
    beyond = [scope.value for scope in Scope if scope.personal or kind not in scope.kinds]
    assert not {*beyond} & {scope.value for scope in scopes_of(kind)}
    if kind is OrganisationKind.TRUST:
        for scope in beyond:
            told = admin.change(
                "registerClient", kind="MACHINE", scopes=[scope], publicJwks=public_set(key_for("RS512"))
            )
            assert (told["code"], told["path"]) == ("VALIDATION_FAILED", ["input", "scopes"]), scope


KEYS = {"keys": []}
MACHINE = {"kind": "MACHINE", "scopes": ["test:report"], "publicJwks": public_set(key_for("RS512"))}
APPLICATION = {"kind": "APPLICATION", "scopes": ["progress:read"], "redirectUris": [BACK]}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (MACHINE | {"publicJwks": None}, "publicJwks"),
        (MACHINE | {"publicJwks": KEYS}, "publicJwks"),
        (MACHINE | {"publicJwks": "keys"}, "publicJwks"),
        (MACHINE | {"publicJwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "x"}]}}, "publicJwks"),
        (MACHINE | {"clientId": "rnk-lab"}, "clientId"),
        (MACHINE | {"clientId": "R1A-lab"}, "clientId"),
        (MACHINE | {"clientId": "reinstate-cli"}, "clientId"),
        (MACHINE | {"clientId": "r1a-ü"}, "clientId"),
        (MACHINE | {"scopes": []}, "scopes"),
        (MACHINE | {"scopes": ["test:*"]}, "scopes"),
        (MACHINE | {"redirectUris": [BACK]}, "kind"),
        (APPLICATION | {"scopes": ["milestone:publish"]}, "scopes"),
        (APPLICATION | {"redirectUris": ["http://ward.example/back"]}, "redirectUris"),
        (APPLICATION | {"redirectUris": ["https://ward.example/back#x"]}, "redirectUris"),
        (APPLICATION | {"redirectUris": ["https://ward.example@evil.example/"]}, "redirectUris"),
        (APPLICATION | {"redirectUris": ["https://*.example/"]}, "redirectUris"),
        (APPLICATION | {"redirectUris": ["javascript:alert(1)"]}, "redirectUris"),
        (APPLICATION | {"redirectUris": [BACK, "http://127.0.0.1.evil.example/"]}, "redirectUris"),
    ],
)
def test_what_is_not_fit_is_refused(admin: Administrator, given: dict[str, Any], field: str) -> None:
    told = admin.change("registerClient", **given)
    assert (told["code"], told["path"][:2]) == ("VALIDATION_FAILED", ["input", field])


def test_a_loopback_redirect_is_fit(admin: Administrator) -> None:
    given = APPLICATION | {"redirectUris": ["http://127.0.0.1/back", "http://[::1]:8080/", "http://localhost/x"]}
    assert admin.made("registerClient", "redirectUris", **given)["redirectUris"] == given["redirectUris"]


def test_the_clients_of_others_are_not_revoked(ground: Ground, admin: Administrator) -> None:
    other, national = ground.admin("admin@RNK"), ground.admin("admin@NATIONAL")
    theirs = other.made("registerClient", **APPLICATION)["id"]
    for who in (admin, national):
        assert who.refused("revokeClient", client=theirs) == "NOT_FOUND"
    seen = "{ clients(kind: APPLICATION, status: ACTIVE) { nodes { id } } }"
    assert theirs not in [node["id"] for node in admin.ask(seen)["clients"]["nodes"]]
    assert theirs in [node["id"] for node in other.ask(seen)["clients"]["nodes"]]


@pytest.mark.parametrize(
    ("row", "policy"),
    [
        ("'rnk-x', '{}', 'RFC7523', '{}', 'ACTIVE', 'MACHINE', false", "own_names"),
        ("'r1a-x', '{}', 'RFC7523', '{}', 'ACTIVE', 'APPLICATION', true", "own_people"),
        ("'r1a-x', '{\"safety:sign\"}', 'RFC7523', '{}', 'ACTIVE', 'MACHINE', false", "machines_do_not_decide"),
    ],
)
def test_the_database_holds_that_too(ground: Ground, row: str, policy: str) -> None:
    columns = "client_id, scopes, assertion_profile, jwks, status, kind, everyone"
    inserted = (
        "insert into api_client (tenant_ods, id, version, created_at, created_by, redirect_uris, dpop_bound, "  # noqa: S608 - rows of ours
        f"{columns}) values ('R1A', gen_random_uuid(), 1, now(), 'x', '{{}}', false, {row})"
    )
    enter = "select set_config('app.tenant', 'R1A', false), set_config('app.subject', 'x', false)"
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError), match=policy):
        as_superuser(ground.stage, "set role app_trust", enter, inserted)
