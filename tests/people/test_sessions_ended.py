"""Sessions: listed and ended by an administrator of the organisation; their tokens stop within five seconds."""

import datetime as dt
from collections.abc import Iterator

import pytest

from api.database import embedded
from auth.people import sessions
from auth.tenancy import Database
from schema.people.account import Role
from schema.people.session import EndSession, SessionEnd
from tests.ledger import as_superuser
from tests.people.administering import Administrator, Ground, administered
from tests.people.signed_in import Person
from tests.stage import person

LEAD = "it.lead@R1A"
OF = "query($s: String!, $l: Boolean) { sessions(subject: $s, livingNow: $l) { nodes { id clientId roles scopes acr endedAt ends { nodes { reason session { id } } } } } }"


@pytest.fixture(scope="module")
def ground(cluster: embedded.Server) -> Iterator[Ground]:
    """A site whose R1A has an administrator."""
    with administered(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def admin(ground: Ground) -> Administrator:
    """That administrator."""
    return ground.admin()


@pytest.fixture(scope="module")
def lead(ground: Ground) -> Person:
    """Somebody whose sessions are ended."""
    return Person(ground.site, LEAD, None, Role.TRUST_IT)


def living(admin: Administrator, subject: str = LEAD) -> list[dict[str, object]]:
    """Give the sessions of an account that are not over."""
    nodes: list[dict[str, object]] = admin.ask(OF, s=subject, l=True)["sessions"]["nodes"]
    return nodes


def test_an_ended_session_is_over_and_no_other(ground: Ground, admin: Administrator, lead: Person) -> None:
    first, second = lead.tokens(), lead.tokens()
    one, other = living(admin)
    assert (one["clientId"], one["roles"], one["acr"], one["endedAt"]) == ("reinstate-cli", ["TRUST_IT"], "aal2", None)
    told = admin.made("endSession", "reason subject session { id }", session=one["id"], reason="A laptop was lost.")
    about = {"reason": "A laptop was lost.", "subject": LEAD, "session": {"id": one["id"]}}
    assert told == {"__typename": "SessionEnd", **about}
    assert ground.stops(first["access_token"])
    assert lead.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert ground.lets_in(second["access_token"])
    assert [each["id"] for each in living(admin)] == [other["id"]]
    (over,) = admin.ask(OF, s=LEAD, l=False)["sessions"]["nodes"]
    assert over["ends"]["nodes"] == [{"reason": "A laptop was lost.", "session": {"id": one["id"]}}]
    assert admin.refused("endSession", session=one["id"], reason="Again.") == "ALREADY_DECIDED"


def test_the_ledger_says_who_ended_it_and_why(ground: Ground, admin: Administrator, lead: Person) -> None:
    lead.tokens()
    admin.made("endSession", session=living(admin)[-1]["id"], reason="Somebody else's machine.")
    (event,) = as_superuser(ground.stage, "select * from event where reason = 'Somebody else''s machine.'")
    assert (event["actor"], event["verb"], event["object_type"]) == ("admin@R1A", "endSession", "SessionEnd")


def test_what_it_ended_by_itself_is_not_ended_again(ground: Ground, admin: Administrator, lead: Person) -> None:
    tokens = lead.tokens()
    session = living(admin)[-1]["id"]
    asked = {"token": tokens["refresh_token"], "client_id": "reinstate-cli"}
    assert ground.site.runner.run(ground.site.http.post("/oauth2/revoke", data=asked)).status_code == 200
    assert session not in [each["id"] for each in living(admin)]
    assert admin.refused("endSession", session=session, reason="Late.") == "ALREADY_DECIDED"


def test_the_sessions_of_others_are_not_ended(ground: Ground, admin: Administrator) -> None:
    theirs = Person(ground.site, "theirs@RNK", None, Role.TRUST_IT)
    token = theirs.token()
    national = ground.admin("admin@NATIONAL")
    (session,) = living(national, "theirs@RNK")  # oversight reads it, and that is all
    assert living(admin, "theirs@RNK") == []
    for who in (admin, national):
        assert who.refused("endSession", session=session["id"], reason="Not ours.") == "NOT_FOUND"
    assert ground.lets_in(token)


def test_a_demonstrations_clock_does_not_hide_an_end(ground: Ground, admin: Administrator, lead: Person) -> None:
    as_superuser(ground.stage, "update app.installation set demonstration = true")
    tokens = lead.tokens()
    session = living(admin)[-1]["id"]
    attack = dt.datetime(2022, 8, 4, 6, tzinfo=dt.UTC)
    database = Database(ground.stage.url, clock=lambda: attack)
    told = ground.site.runner.run(_ended(database, str(session)))
    assert told == attack
    assert ground.stops(tokens["access_token"])


async def _ended(database: Database, session: str) -> dt.datetime:
    who = person("R1A", Role.ADMINISTRATOR)
    async with database.change(who, "endSession") as db:
        made = await sessions.end(db, who, EndSession(session=session, reason="In the story."))
    await database.close()
    assert isinstance(made, SessionEnd)
    return made.created_at


def test_an_administrator_may_end_their_own(ground: Ground) -> None:
    second = ground.admin("second@R1A")
    (mine,) = living(second, "second@R1A")
    second.made("endSession", session=mine["id"], reason="Going home.")
    assert ground.stops(second.token)
