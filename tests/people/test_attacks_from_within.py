"""Attacks by those who are let in: administrators, clients, whoever is about to lose a role or was just reset."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import func, update
from sqlmodel import col, select

from api.database import embedded
from auth import clients
from auth.caller import Operator
from auth.clients import RegisterClient
from auth.grants import sessions
from auth.grants.applications import DEVICE
from auth.grants.exchange import ACCESS_TOKEN
from auth.people import passwords
from auth.people.passwords import new_one_time_password
from auth.people.tables import Attempt, OneTimePassword
from auth.server.asker import EXCHANGE
from auth.server.waiting import Waiting
from schema.people.account import Role
from schema.problem import ValidationFailed
from tests.installed import URL, Site
from tests.people.administering import Administrator, Ground, administered
from tests.people.applications import HOME, found
from tests.people.asking import asked, bring, denied
from tests.people.proving import TOKEN, proven, registered
from tests.people.signed_in import BACK, CLI, COOKIE, Person, Pkce, came_back, hidden_fields, join
from tests.people.visiting import PASSWORD, Page, Visit, give_one_time_password, have_account, run_sql, title_of

EVIL = "https://evil.example/back"


@pytest.fixture(scope="module")
def ground(cluster: embedded.Server) -> Iterator[Ground]:
    with administered(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def admin(ground: Ground) -> Administrator:
    return ground.admin()


def posted(site: Site, path: str, **form: Any) -> httpx.Response:
    """Post a form at one of our endpoints."""
    return site.runner.run(site.http.post(path, data=form))


def exchanged(site: Site, token: str, **who: str) -> httpx.Response:
    """Have a token exchanged."""
    asks = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
    return posted(site, TOKEN, **asks, **who)


def test_a_revoked_application_takes_along_what_was_exchanged_for_its_people(
    ground: Ground, admin: Administrator
) -> None:
    site, person = ground.site, Person(ground.site, "lead@R1A", None, Role.TRUST_IT)
    app = admin.made("registerClient", "id clientId", kind="APPLICATION", scopes=["progress:read"], redirectUris=[HOME])
    first = person.token(client_id=app["clientId"], redirect_uri=HOME)
    machine = site.runner.run(registered(site))
    kept = [exchanged(site, first, client_id=CLI).json()["access_token"]]
    kept.append(exchanged(site, first, **proven(machine)).json()["access_token"])
    others = person.token()
    assert all(map(ground.lets_in, [first, *kept, others]))
    admin.made("revokeClient", client=app["id"])
    assert ground.stops(first, *kept)
    assert ground.lets_in(others)
    assert exchanged(site, kept[0], client_id=CLI).status_code == 400
    seen = posted(site, "/oauth2/introspect", token=kept[1], **proven(machine))
    assert seen.json() == {"active": False}


def test_an_administrators_application_decides_as_nobody_who_was_not_asked(
    ground: Ground, admin: Administrator
) -> None:
    """A link to it is followed unasked; what it would get says on a page what it is, and where it goes."""
    given = {"kind": "APPLICATION", "redirectUris": [EVIL], "scopes": ["decision:make", "progress:read"]}
    app = admin.made("registerClient", "clientId", **given)
    person = Person(ground.site, "exec@R1A", None, Role.TRUST_EXEC)
    person.sign_in()
    request = asked(person, None, client_id=app["clientId"], redirect_uri=EVIL)
    page = bring(person, request)
    assert page.status_code == 200
    for said in (app["clientId"], "evil.example", "Decide go or no-go", "Allow this application?"):
        assert said in page.text
    denied(bring(person, request | {"prompt": "none"}), "interaction_required", back=EVIL)
    fields = hidden_fields(page.text)
    refused = person.post("/oauth2/authorize/decision", {**fields, "organisation": "R1A", "decision": "deny"})
    denied(refused, "access_denied", back=EVIL)
    assert "code" in came_back(bring(person, request | {"scope": "progress:read"}))
    assert "code" in came_back(person.authorize(**request))


def test_after_a_reset_the_password_of_before_signs_nobody_in(ground: Ground, admin: Administrator) -> None:
    subject, once = "lost.laptop@R1A", new_one_time_password()
    have_account(ground.site, subject, Role.TRUST_IT)
    assert Visit(ground.site).sign_in(subject).status_code == 200
    admin.made("resetAccount", account=admin.account(subject), oneTimePassword=once)
    assert Visit(ground.site).sign_in(subject).status_code == 400
    mine = col(OneTimePassword.subject) == subject
    run_sql(ground.site, update(OneTimePassword).where(mine).values(used_at=func.clock_timestamp()))
    assert Visit(ground.site).sign_in(subject).status_code == 400
    run_sql(ground.site, update(OneTimePassword).where(mine).values(used_at=None))
    visit = Visit(ground.site)
    visit.fill(visit.sign_in(subject, once), password="seven green tables", again="seven green tables")
    assert title_of(Visit(ground.site).sign_in(subject, "seven green tables")) == "Your account - reinstate"


@pytest.mark.parametrize(
    ("ends", "once"),
    [("suspendAccount", False), ("suspendAccount", True), ("resetAccount", False)],
)
def test_a_password_that_is_tried_meanwhile_signs_nobody_in(
    ground: Ground, admin: Administrator, monkeypatch: pytest.MonkeyPatch, ends: str, once: bool
) -> None:
    """It takes a while to hash; what ended in between has ended."""
    subject = f"{ends.lower()}{once:d}@R1A"
    have_account(ground.site, subject, Role.TRUST_IT, password=None if once else PASSWORD)
    tried = give_one_time_password(ground.site, subject) if once else PASSWORD
    given = {"oneTimePassword": new_one_time_password()} if ends == "resetAccount" else {}
    account, real = admin.account(subject), passwords.matches

    async def matches(kept: str | None, password: str | None) -> bool:
        right = await real(kept, password)
        assert "message" not in await admin.achange(ends, account=account, **given)
        return right

    monkeypatch.setattr(passwords, "matches", matches)
    visit = Visit(ground.site)
    assert visit.sign_in(subject, tried).status_code == 400
    assert visit.cookie() is None


def test_nobody_opens_an_account_by_the_name_of_an_issuers_person(ground: Ground, admin: Administrator) -> None:
    """Its administrator would sign in by it here, and act in the name of somebody whom the issuer vouches for."""
    given = {"roles": [Role.TRUST_IT], "oneTimePassword": new_one_time_password()}
    for name in ("xabcdefabcdefabcd", "xffffffffffffffff"):
        assert admin.refused("openAccount", localPart=name, **given) == "VALIDATION_FAILED"
    for name in ("xabcdefabcdefabc", "xabcdefabcdefabcg", "xray"):
        admin.made("openAccount", localPart=name, **given | {"oneTimePassword": new_one_time_password()})


def test_nobody_registers_a_client_by_the_name_of_the_command_line(ground: Ground, admin: Administrator) -> None:
    """Revoking it would sign everybody out of the command line."""

    async def register() -> object:
        async with ground.site.database.change(Operator("R1A"), "test") as db:
            return await clients.register(db, "", RegisterClient(["progress:read"], client_id=CLI))

    assert isinstance(ground.site.runner.run(register()), ValidationFailed)
    assert admin.refused("registerClient", clientId=CLI, scopes=["progress:read"]) == "VALIDATION_FAILED"


@pytest.mark.parametrize("grant", ["code", "device", "refresh"])
def test_a_role_that_ends_while_it_is_used_ends_what_came_of_it(
    ground: Ground, admin: Administrator, monkeypatch: pytest.MonkeyPatch, grant: str
) -> None:
    """Whoever is about to lose a role asks for tokens at that very moment."""
    site = ground.site
    person = Person(site, f"leaves.{grant}@R1A", None, Role.TRUST_IT)
    form = begun(site, person, grant)
    if grant == "refresh":  # a role that its session did not have so far
        site.runner.run(join(site, person.subject, "R1A", [Role.TRUST_CSO]))
    membership = admin.membership(person.subject, Role.TRUST_CSO if grant == "refresh" else Role.TRUST_IT)
    ending: list[asyncio.Task[Any]] = []
    issue = sessions.issue

    async def meanwhile() -> None:
        ending.append(asyncio.ensure_future(admin.achange("endRole", membership=membership)))
        await asyncio.wait(ending, timeout=0.5)  # so long as it must wait for us; else it is over sooner

    def issued(context: Any, *given: Any, **options: Any) -> dict[str, object]:
        db: Waiting = context.db
        db.wait(lambda _: meanwhile())
        return issue(context, *given, **options)

    monkeypatch.setattr(sessions, "issue", issued)
    answer = posted(site, TOKEN, **form)
    told = site.runner.run(asyncio.wait_for(ending[0], 5))
    assert told["__typename"] == "Membership"
    assert answer.status_code == 200
    assert ground.stops(answer.json()["access_token"])


def begun(site: Site, person: Person, grant: str) -> dict[str, str]:
    """Come as far with a grant as the form that brings its tokens."""
    person.sign_in()
    form = {"client_id": CLI}
    if grant == "code":
        pkce = Pkce()
        request = {"code": person.code(pkce), "code_verifier": pkce.verifier, "redirect_uri": BACK}
        return form | request | {"grant_type": "authorization_code"}
    if grant == "refresh":
        return form | {"refresh_token": person.tokens()["refresh_token"], "grant_type": "refresh_token"}
    waits = posted(site, "/oauth2/device_authorization", **form).json()
    decision = {"csrf": person.csrf, "user_code": waits["user_code"], "organisation": "R1A", "decision": "allow"}
    assert "is connected" in person.post("/device/decision", decision).text
    return form | {"device_code": waits["device_code"], "grant_type": DEVICE}


def test_an_address_that_is_made_up_does_not_share_out_guesses(ground: Ground) -> None:
    """No proxy is named, so none is believed who asks: all of these come from one place."""
    visit = Visit(ground.site)
    for number in range(3):
        page = visit.get("/sign-in")
        form = Page(page).fields | {"subject": "guessed@R1A", "password": "a guess that is wrong"}
        made_up = {"X-Forwarded-For": f"9.9.{number}.9", "Forwarded": f"for=9.9.{number}.9", "X-Real-IP": "9.9.9.9"}
        assert visit.post("/sign-in", form, **made_up).status_code == 400
    rows = found(ground.site, select(Attempt).where(col(Attempt.bucket).startswith("stranger")))
    assert 3 in {row.failures for row in rows}


def test_the_host_header_leads_nobody_elsewhere(ground: Ground) -> None:
    site, evil = ground.site, {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    person = Person(site, "host@R1A", None, Role.TRUST_IT)
    request = asked(person)
    for path in ("/sign-in", "/account", f"/oauth2/authorize?{urlencode(request)}", "/.well-known/jwks.json"):
        answer = site.runner.run(site.http.get(path, headers=evil))
        assert "evil" not in answer.text + str(answer.headers.get("location")) + str(answer.headers.get("set-cookie"))
    for path, form in (("/oauth2/device_authorization", {"client_id": CLI}), ("/oauth2/par", request)):
        answer = site.runner.run(site.http.post(path, data=form, headers=evil))
        assert answer.status_code in {200, 201}
        assert "evil" not in answer.text
    person.sign_in()
    form = {"csrf": person.csrf}
    cookie = {"Cookie": f"{COOKIE}={person.cookies[COOKIE]}", "Origin": "https://evil.example", **evil}
    assert site.runner.run(site.http.post("/sign-out", data=form, headers=cookie)).status_code == 403
    assert URL in site.runner.run(site.http.get("/.well-known/oauth-authorization-server", headers=evil)).text
