"""The device grant (RFC 8628): a code on one screen, a decision on another, and tokens once."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import func, update
from sqlmodel import col, select

from api.database import embedded
from auth.caller import AAL2, Operator, SignIn
from auth.grants import device
from auth.grants.applications import DEVICE
from auth.grants.granted import Granted
from auth.grants.tables import DeviceCode
from auth.grants.user_code import ALPHABET, LENGTH, typed
from auth.scope import Scope, scopes_for
from auth.tokens.secret import hashed
from schema.people.account import Membership, MembershipStatus
from tests.installed import URL, Site
from tests.people.proving import PUBLIC, TOKEN, Prover, ask, bearer, proven, registered
from tests.people.signed_in import CLI, Person, Role, site_for_people

START = "/oauth2/device_authorization"


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def person(site: Site) -> Person:
    return Person(site, "it.lead@R1A", "R1A", Role.TRUST_IT)


def begin(site: Site, **form: Any) -> dict[str, Any]:
    answer = post(site, START, {"client_id": CLI} | form)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def post(site: Site, path: str, form: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
    fields = {name: value for name, value in form.items() if value is not None}
    return site.runner.run(site.http.post(path, data=fields, headers=headers))


def poll(site: Site, waits: dict[str, Any], headers: dict[str, str] | None = None, **form: Any) -> httpx.Response:
    ours = {"grant_type": DEVICE, "device_code": waits["device_code"], "client_id": CLI}
    return post(site, TOKEN, ours | form, headers)


def error(answer: httpx.Response) -> str:
    assert answer.status_code in {400, 401}, answer.text
    assert answer.json()["error_description"]
    return str(answer.json()["error"])


def granted(person: Person, *roles: Role, **changes: Any) -> Granted:
    given = roles or (Role.TRUST_IT,)
    told = {"subject": person.subject, "tenant_ods": person.organisation, "roles": frozenset(given), "acr": AAL2}
    told |= {"scopes": frozenset(scopes_for(given)), "authenticated_at": dt.datetime.now(dt.UTC)}
    return Granted(**(told | changes))


def decide(site: Site, code: str, approve: bool, given: Granted | None = None) -> bool:
    async def work() -> bool:
        async with site.database.change(SignIn(), "test decision") as db:
            return await device.decide(db, code, approve, given)

    return site.runner.run(work())


def change(site: Site, waits: dict[str, Any], **values: Any) -> None:
    async def work() -> None:
        this = col(DeviceCode.device_hash) == hashed(waits["device_code"])
        async with site.database.change(SignIn(), "test") as db:
            await db.write(update(DeviceCode).where(this).values(**values))

    site.runner.run(work())


def back(seconds: int) -> Any:
    return func.clock_timestamp() - dt.timedelta(seconds=seconds)


def test_a_device_is_approved_elsewhere_and_gets_its_tokens(site: Site, person: Person) -> None:
    waits = begin(site)
    assert error(poll(site, waits)) == "authorization_pending"
    assert decide(site, waits["user_code"], True, granted(person))
    answer = poll(site, waits)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 300)
    assert set(told["scope"].split()) == {scope.value for scope in scopes_for([Role.TRUST_IT])}
    found = site.runner.run(ask(site, "{ viewer { subject roles } }", bearer(told["access_token"])))
    assert found.json()["data"]["viewer"] == {"subject": "it.lead@R1A", "roles": ["TRUST_IT"]}
    assert person.refresh(told["refresh_token"]).status_code == 200


def test_what_a_device_is_told_is_as_the_rfc_has_it(site: Site) -> None:
    waits = begin(site, organisation="R1A")
    first, _, second = waits["user_code"].partition("-")
    assert len(first) == len(second) == 4
    assert set(first + second) <= set(ALPHABET)
    assert len(ALPHABET) ** LENGTH >= 20**8
    assert not set("AEIOUY01") & set(ALPHABET)
    assert waits["verification_uri"] == f"{URL}/device"
    assert waits["verification_uri_complete"] == f"{URL}/device?user_code={waits['user_code']}&organisation=R1A"
    assert (waits["expires_in"], waits["interval"]) == (600, 5)
    evil = begin(site, organisation="R1A&x=<script>")
    assert evil["verification_uri_complete"] == f"{URL}/device?user_code={evil['user_code']}"


def test_no_secret_of_a_device_is_kept(site: Site) -> None:
    waits = begin(site)

    async def rows() -> str:
        async with site.database.change(SignIn(), "test") as db:
            return str([row.model_dump() for row in await db.all(select(DeviceCode))])

    kept = site.runner.run(rows())
    assert waits["device_code"] not in kept
    assert hashed(waits["device_code"]) in kept


@pytest.mark.parametrize("spelt", ["bcdf-ghjk", "BCDFGHJK", " bcdf ghjk ", "b-c-d-f-g-h-j-k", "BCDF\u2013GHJK"])
def test_a_code_is_typed_as_it_comes(spelt: str) -> None:
    assert typed(spelt) == "BCDFGHJK"


@pytest.mark.parametrize(
    "spelt", ["", "BCDF-GHJ", "BCDF-GHJKL", "ACDF-GHJK", "\x00CDFGHJK", "\ud800", "é" * 8, "B" * 90]
)
def test_what_is_no_code_is_none(site: Site, person: Person, spelt: str) -> None:
    assert typed(spelt) is None
    assert not decide(site, spelt, True, granted(person))


def test_who_asks_too_often_is_slowed_down(site: Site) -> None:
    waits = begin(site)
    assert error(poll(site, waits)) == "authorization_pending"
    hasty = poll(site, waits)
    assert error(hasty) == "slow_down"
    assert "10 seconds" in hasty.json()["error_description"]
    change(site, waits, last_polled_at=back(6))  # enough before, too soon now
    assert error(poll(site, waits)) == "slow_down"
    change(site, waits, last_polled_at=back(15))
    assert error(poll(site, waits)) == "authorization_pending"


def test_a_refusal_and_an_expiry_are_told(site: Site, person: Person) -> None:
    waits = begin(site)
    assert decide(site, waits["user_code"].lower(), False)
    assert error(poll(site, waits)) == "access_denied"
    assert not decide(site, waits["user_code"], True, granted(person))
    late = begin(site)
    change(site, late, expires_at=back(1))
    assert error(poll(site, late)) == "expired_token"
    assert not decide(site, late["user_code"], True, granted(person))


@pytest.mark.parametrize("device_code", ["x" * 43, "x", "\ud800", "' or 1=1", "é" * 43])
def test_an_unknown_code_is_an_invalid_grant(site: Site, device_code: str) -> None:
    answer = poll(site, {"device_code": device_code.encode("utf-8", "surrogatepass")})
    assert error(answer) in {"invalid_grant", "invalid_request"}
    missing = post(site, TOKEN, {"grant_type": DEVICE, "client_id": CLI})
    assert error(missing) == "invalid_request"


def test_a_code_is_redeemed_once(site: Site, person: Person) -> None:
    waits = begin(site)
    assert decide(site, waits["user_code"], True, granted(person))
    assert not decide(site, waits["user_code"], False)
    assert poll(site, waits).status_code == 200
    assert error(poll(site, waits)) == "invalid_grant"


def test_of_twenty_at_once_one_gets_tokens(site: Site, person: Person) -> None:
    waits = begin(site)
    assert error(poll(site, waits)) == "authorization_pending"
    assert decide(site, waits["user_code"], True, granted(person))
    form = {"grant_type": DEVICE, "device_code": waits["device_code"], "client_id": CLI}

    async def storm() -> list[httpx.Response]:
        return await asyncio.gather(*(site.http.post(TOKEN, data=form) for _ in range(20)))

    answers = Counter(answer.json().get("error") for answer in site.runner.run(storm()))
    assert answers == {None: 1, "invalid_grant": 19}


def test_a_code_is_its_client_s_alone(site: Site, person: Person) -> None:
    other = site.runner.run(registered(site, **PUBLIC)).client.client_id
    waits = begin(site)
    assert decide(site, waits["user_code"], True, granted(person))
    assert error(poll(site, waits, client_id=other)) == "invalid_grant"
    assert poll(site, waits).status_code == 200


def test_a_machine_gets_no_code_and_no_tokens(site: Site) -> None:
    machine = site.runner.run(registered(site))
    for path, form in ((START, {}), (TOKEN, {"grant_type": DEVICE, "device_code": "x" * 43})):
        assert error(post(site, path, proven(machine) | form)) == "unauthorized_client"
        named = {"client_id": machine.client.client_id} | form
        assert error(post(site, path, named)) == "invalid_client"


def test_who_is_no_client_that_may_is_refused(site: Site) -> None:
    back_in_a_browser = site.runner.run(registered(site, **PUBLIC, redirect_uris=["https://app.example/back"]))
    assert error(post(site, START, {"client_id": back_in_a_browser.client.client_id})) == "unauthorized_client"
    for client_id in ("nobody", "\x00", "' or 1=1", None):
        assert error(post(site, START, {"client_id": client_id})) in {"invalid_client", "invalid_request"}


def test_a_device_gets_no_more_than_it_asked_for(site: Site, person: Person) -> None:
    waits = begin(site, scope="activity:read decision:make")
    assert decide(site, waits["user_code"], True, granted(person, scopes=frozenset(Scope)))
    assert poll(site, waits).json()["scope"] == "activity:read"
    assert error(post(site, START, {"client_id": CLI, "scope": "activity:read made:up"})) == "invalid_scope"


def test_who_may_give_nothing_of_it_cannot_approve(site: Site, person: Person) -> None:
    waits = begin(site, scope="decision:make")
    assert not decide(site, waits["user_code"], True, granted(person, scopes=frozenset(Scope)))
    assert not decide(site, waits["user_code"], True, None)


def test_an_application_of_one_organisation_takes_its_people_alone(site: Site, person: Person) -> None:
    theirs = site.runner.run(registered(site, "RYG", **PUBLIC)).client.client_id
    waits = begin(site, client_id=theirs)
    assert not decide(site, waits["user_code"], True, granted(person))
    own = site.runner.run(registered(site, "R1A", **PUBLIC)).client.client_id
    waits = begin(site, client_id=own)
    assert decide(site, waits["user_code"], True, granted(person))
    assert poll(site, waits, client_id=own).json()["scope"] == "activity:read progress:read"


def test_who_left_meanwhile_has_approved_nothing(site: Site) -> None:
    leaver = Person(site, "leaver@R1A", "R1A", Role.TRUST_IT)
    waits = begin(site)
    assert decide(site, waits["user_code"], True, granted(leaver))

    async def leave() -> None:
        async with site.database.change(Operator("R1A"), "test end") as db:
            found = await db.one(select(Membership).where(col(Membership.subject) == leaver.subject))
            assert found
            found.status = MembershipStatus.ENDED
            await db.keep(found)

    site.runner.run(leave())
    assert error(poll(site, waits)) == "invalid_grant"


def test_a_device_with_a_key_gets_tokens_bound_to_it(site: Site, person: Person) -> None:
    prover, waits = Prover(), begin(site)
    assert decide(site, waits["user_code"], True, granted(person))
    told = poll(site, waits, prover.at_token(site)).json()
    assert told["token_type"] == "DPoP"
    found = ask(site, "{ viewer { subject } }", prover.headers(site, told["access_token"]))
    assert site.runner.run(found).status_code == 200
    assert site.runner.run(ask(site, "{ viewer { subject } }", bearer(told["access_token"]))).status_code == 401


def test_an_application_held_to_a_key_gets_nothing_without_it(site: Site, person: Person) -> None:
    held = site.runner.run(registered(site, **PUBLIC, dpop_bound=True)).client.client_id
    waits = begin(site, client_id=held)
    assert decide(site, waits["user_code"], True, granted(person))
    assert error(poll(site, waits, client_id=held)) == "invalid_dpop_proof"
    assert poll(site, waits, Prover().at_token(site), client_id=held).json()["token_type"] == "DPoP"
