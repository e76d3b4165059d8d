"""Two replicas on one database: what begins at one goes on at the other, and what is for one use is used once."""

import asyncio
import copy
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from sqlmodel import col, select

from api.database import embedded
from auth.caller import SignIn
from auth.grants.applications import DEVICE
from auth.grants.tables import RefreshToken
from auth.people import second_factor
from auth.people.tables import Attempt
from schema.people.session import Session
from tests.conftest import clone
from tests.embedded import eventually
from tests.installed import URL, Site
from tests.people.administering import VIEWER, Administrator
from tests.people.applications import changed, found, refresh_row, session_of
from tests.people.asking import asked, bring
from tests.people.proving import API, TOKEN, Prover, ask, bearer, machine_token, proven, registered
from tests.people.signed_in import CLI, Person, Pkce, Role, came_back, hidden_fields, warm
from tests.people.test_refresh import later
from tests.people.visiting import LEAD, PASSWORD, Page, Visit, enrol, give_one_time_password, have_account, title_of
from tests.stage import Stage

AT_ONCE = 20
PROMISED = 5  # seconds
_number = itertools.count(1)


class Two(NamedTuple):
    """An application and its twin: pools, caches and what was verified are each its own."""

    here: Site
    there: Site

    def person(self, *roles: Role) -> Person:
        """Have somebody new, at a browser that asks the first."""
        return Person(self.here, f"p{next(_number)}@R1A", "R1A", *(roles or (Role.TRUST_IT,)))

    def storm(self, send: Callable[[Site], Awaitable[Any]]) -> list[Any]:
        """Send the same thing at once, half of it to each."""

        async def at_once() -> list[Any]:
            for each in self:
                await warm(each)
            return await asyncio.gather(*(send(each) for _ in range(AT_ONCE // 2) for each in self))

        return self.here.runner.run(at_once())

    def let_in(self, token: str) -> set[int]:
        """Tell how each answers a token."""
        return {each.runner.run(ask(each, VIEWER, bearer(token))).status_code for each in self}

    def stops(self, *tokens: str) -> bool:
        """Tell whether both refuse these within the time promised."""
        return eventually(lambda: all(self.let_in(token) == {401} for token in tokens), PROMISED)


@pytest.fixture(scope="module")
def two(cluster: embedded.Server) -> Iterator[Two]:
    url = Stage(cluster, clone(cluster)).url
    with asyncio.Runner() as runner:
        here = Site(url, runner)
        there = Site(url, runner, here.issuer)
        yield Two(here, there)
        here.close()
        there.close()


def at(person: Person, site: Site) -> Person:
    """Give the same person, client and browser, where their requests come to another replica."""
    moved = copy.copy(person)
    moved.site = site
    return moved


def carried(visit: Visit, site: Site) -> Visit:
    """Give the same browser, where its requests come to another replica."""
    moved = Visit(site)
    moved.http.cookies.update(visit.http.cookies)
    return moved


def told(answers: list[httpx.Response]) -> Counter[str | None]:
    """Count the errors of answers; None: tokens were given."""
    return Counter(answer.json().get("error") for answer in answers)


def redeemed(site: Site, form: dict[str, Any], headers: dict[str, str] | None = None) -> Awaitable[httpx.Response]:
    """Post to the token endpoint of one of them."""
    return site.http.post(TOKEN, data=form, headers=headers)


def living(two: Two, session: Session) -> list[RefreshToken]:
    """Give the refresh tokens of a session that may still be used."""
    unused = col(RefreshToken.rotated_at).is_(None), col(RefreshToken.revoked_at).is_(None)
    return found(two.here, select(RefreshToken).where(col(RefreshToken.session_id) == session.id, *unused))


def sessions_of(two: Two, subject: str) -> list[Session]:
    """Give all sessions that a person ever had."""
    return found(two.here, select(Session).where(col(Session.subject) == subject))


def test_a_code_of_one_is_redeemed_at_the_other(two: Two) -> None:
    person, pkce = two.person(), Pkce()
    person.sign_in()
    answer = at(person, two.there).redeem(person.code(pkce), pkce)
    assert answer.status_code == 200
    assert two.let_in(answer.json()["access_token"]) == {200}
    again = person.refresh(answer.json()["refresh_token"])
    assert at(person, two.there).refresh(again.json()["refresh_token"]).status_code == 200


def test_of_twenty_at_once_one_redeems_a_code(two: Two) -> None:
    person, pkce = two.person(), Pkce()
    person.sign_in()
    code = person.code(pkce)
    answers = two.storm(lambda site: at(person, site).aredeem(code, pkce))
    assert told(answers) == {None: 1, "invalid_grant": AT_ONCE - 1}
    assert len(sessions_of(two, person.subject)) == 1


def test_of_twenty_at_once_all_get_the_one_successor_of_a_refresh_token(two: Two) -> None:
    """A token that comes again within the grace, its successor unused, is an answer that was lost."""
    person = two.person()
    token = str(person.tokens()["refresh_token"])
    answers = two.storm(lambda site: at(person, site).arefresh(token))
    assert told(answers) == {None: AT_ONCE}
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    session = session_of(two.here, token)
    assert session.ended_at is None
    assert [row.token_hash for row in living(two, session)] == [refresh_row(two.here, successor).token_hash]
    assert len(sessions_of(two, person.subject)) == 1
    later(two.here, token, seconds=60)
    assert at(person, two.there).refresh(successor).status_code == 200


def test_a_refresh_token_that_was_used_at_one_ends_its_family_at_the_other(two: Two) -> None:
    person = two.person()
    first = person.tokens()
    second = person.refresh(first["refresh_token"]).json()
    later(two.here, first["refresh_token"], seconds=11)
    assert two.let_in(second["access_token"]) == {200}
    assert at(person, two.there).refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert person.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert living(two, session_of(two.here, first["refresh_token"])) == []
    assert two.stops(first["access_token"], second["access_token"])


def test_a_device_waits_at_one_is_approved_at_the_other_and_gets_its_tokens_once(two: Two) -> None:
    person = two.person()
    waits = two.here.runner.run(two.here.http.post("/oauth2/device_authorization", data={"client_id": CLI})).json()
    person.sign_in()
    form = {"csrf": person.csrf, "user_code": waits["user_code"], "organisation": "R1A", "decision": "allow"}
    assert "is connected" in at(person, two.there).post("/device/decision", form).text
    asks = {"grant_type": DEVICE, "device_code": waits["device_code"], "client_id": CLI}
    answers = two.storm(lambda site: redeemed(site, asks))
    assert told(answers) == {None: 1, "invalid_grant": AT_ONCE - 1}
    assert len(sessions_of(two, person.subject)) == 1


def test_of_twenty_at_once_one_uses_a_jti(two: Two) -> None:
    machine = two.here.runner.run(registered(two.here))
    form = {"grant_type": "client_credentials", **proven(machine)}
    answers = two.storm(lambda site: redeemed(site, form))
    assert told(answers) == {None: 1, "invalid_request": AT_ONCE - 1}
    refusals = {answer.json().get("error_description") for answer in answers} - {None}
    assert refusals == {"Non-unique 'jti' claim in JWT"}


def test_of_twenty_at_once_one_uses_a_proof_at_the_api(two: Two) -> None:
    prover = Prover()
    token = two.here.runner.run(machine_token(two.here, jkt=prover.jkt))
    headers = {"Authorization": f"DPoP {token}", "DPoP": prover.proof("POST", f"{URL}{API}", token)}
    answers = two.storm(lambda site: ask(site, VIEWER, headers))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: AT_ONCE - 1}


def test_of_twenty_at_once_one_uses_a_proof_at_the_token_endpoint(two: Two) -> None:
    machine, headers = two.here.runner.run(registered(two.here)), Prover().at_token(two.here)
    answers = two.storm(lambda site: redeemed(site, {"grant_type": "client_credentials", **proven(machine)}, headers))
    assert told(answers) == {None: 1, "invalid_dpop_proof": AT_ONCE - 1}


def test_of_twenty_at_once_one_brings_a_pushed_request(two: Two) -> None:
    person = two.person()
    person.sign_in()
    pushed = two.here.runner.run(two.here.http.post("/oauth2/par", data=person.request(Pkce()))).json()
    address = f"/oauth2/authorize?client_id={CLI}&request_uri={pushed['request_uri']}"
    answers = two.storm(lambda site: at(person, site).aget(address))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: AT_ONCE - 1}


def test_of_twenty_at_once_one_uses_a_code_of_the_second_factor(two: Two) -> None:
    have_account(two.here, LEAD, Role.TRUST_IT)
    device = enrol(two.here)

    async def use(site: Site) -> bool:
        async with site.database.change(SignIn(), "test") as db:
            return await second_factor.use(db, LEAD, device.now(), site.issuer)

    assert Counter(two.storm(use)) == {True: 1, False: AT_ONCE - 1}


def test_of_several_at_once_one_signs_in_by_a_one_time_password(two: Two) -> None:
    have_account(two.here, "once@R1A", Role.TRUST_IT, password=None)
    once = give_one_time_password(two.here, "once@R1A")
    visits = [Visit(each) for each in two for _ in range(2)]
    forms = [Page(visit.get("/sign-in")).fields | {"subject": "once@R1A", "password": once} for visit in visits]

    async def at_once() -> list[httpx.Response]:
        sent = (visit.http.post("/sign-in", data=form) for visit, form in zip(visits, forms, strict=True))
        return await asyncio.gather(*sent)

    answers = two.here.runner.run(at_once())
    assert Counter(answer.status_code for answer in answers) == {303: 1, 400: 3}


def test_a_sign_in_that_began_at_one_goes_on_at_the_other(two: Two) -> None:
    subject = "goes.on@R1A"
    have_account(two.here, subject, Role.TRUST_IT)
    device, here = enrol(two.here, subject), Visit(two.here)
    form = here.get("/sign-in?return_to=/device")
    there = carried(here, two.there)
    answer = there.fill(form, subject=subject, password=PASSWORD)
    here = carried(there, two.here)
    page = here.follow(answer)
    assert title_of(page) == "Enter your code - reinstate"
    there = carried(here, two.there)
    answer = there.fill(page, code=device.now())
    assert answer.headers["location"] == "/device"
    assert title_of(carried(there, two.here).follow(answer)) == "Connect a device - reinstate"


def test_a_request_that_came_to_one_is_decided_at_the_other(two: Two) -> None:
    person = two.person()
    person.sign_in()
    page = bring(person, asked(person))
    fields = {**hidden_fields(page.text), "organisation": "R1A", "decision": "allow"}
    assert "code" in came_back(at(person, two.there).post("/oauth2/authorize/decision", fields))


def test_who_signs_out_at_one_is_signed_out_at_the_other(two: Two) -> None:
    person = two.person()
    person.sign_in()
    there = at(person, two.there)
    assert there.get("/account").status_code == 200
    person.post("/sign-out", {"csrf": person.csrf})
    assert there.get("/account").status_code == 303


@pytest.mark.parametrize("how", ["revoked", "ended", "suspended", "role"])
def test_what_ends_at_one_is_refused_at_the_other_within_five_seconds(two: Two, how: str) -> None:
    person, other = two.person(), two.person()
    tokens, others = person.tokens(), other.token()
    assert two.let_in(tokens["access_token"]) == two.let_in(others) == {200}
    admin = Administrator(two.here, two.person(Role.ADMINISTRATOR)) if how != "revoked" else None
    if admin is None:
        form = {"token": tokens["refresh_token"], "client_id": CLI}
        assert two.here.runner.run(two.here.http.post("/oauth2/revoke", data=form)).status_code == 200
    elif how == "ended":
        (session,) = admin.ask("query($s: String!) { sessions(subject: $s) { nodes { id } } }", s=person.subject)[
            "sessions"
        ]["nodes"]
        admin.made("endSession", session=session["id"], reason="A laptop was lost.")
    elif how == "suspended":
        admin.made("suspendAccount", account=admin.account(person.subject))
    else:
        admin.made("endRole", membership=admin.membership(person.subject, Role.TRUST_IT))
    assert at(person, two.there).refresh(tokens["refresh_token"]).status_code == 400  # at once
    assert two.stops(tokens["access_token"])
    assert two.let_in(others) == {200}


def test_throttling_is_shared(two: Two) -> None:
    """Guesses count together wherever they come, and whoever must wait at one must wait at the other."""
    changed(two.here, Attempt, col(Attempt.failures) >= 0, failures=0)
    form = Page(Visit(two.here).get("/sign-in"))
    assert form.action == "/sign-in"
    visits = [Visit(two.here), Visit(two.there)]
    for visit in (*visits, visits[0]):
        page = visit.get("/sign-in")
        assert visit.fill(page, subject="guessed@R1A", password="a guess that is wrong").status_code == 400
    (counted,) = {row.failures for row in found(two.here, select(Attempt)) if row.failures and "stranger" in row.bucket}
    assert counted == 3
    changed(two.here, Attempt, col(Attempt.bucket).startswith("stranger"), failures=60)
    for visit in visits:
        page = visit.get("/sign-in")
        assert visit.fill(page, subject="guessed@R1A", password="another that is wrong").status_code == 429
