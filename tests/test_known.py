"""As known at: at every instant of a story the views of `known` hold what the tables held then."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from api.graphql.nodes import NOUNS
from auth.caller import Caller, Operator
from auth.people.passwords import new_one_time_password
from schema.kept.node import global_id
from schema.organisation import ListOrganisation, OrganisationKind
from schema.people.account import Role
from tests.ledger import as_superuser, with_database
from tests.stage import LISTED, PROMISED, Stage, caller, person
from tests.test_spine import FAILED, PASSED
from trusts import organisations

TABLES = {str(noun.__tablename__): name for name, noun in NOUNS.items()}  # type: ignore[attr-defined] # tables
# Of a session, that no event is about, we know when it began, was last used and ended.
REMEMBERED = {table: noun for table, noun in TABLES.items() if table not in ("event", "session", "test_milestone")}
# When a client last got a token is not worth an event; how old an answer is follows from when it is asked.
# How many trusts see an issue, and how many systems are in a wave, is nobody's event.
UNRECORDED = {
    "api_client": "last_used_at",
    "known_issue": "sightings",
    "progress": "as_of",
    "wave": "member_count,live_count",
}
SHAPE = """
    select attname, format_type(atttypid, atttypmod) from pg_attribute
    where attrelid = $1::text::regclass and attnum > 0 and not attisdropped order by attnum
"""
SESSION = """
    insert into session (tenant_ods, id, subject, client_id, roles, scopes, acr, authenticated_at, started_at, last_used_at,
        expires_at)
    select 'R1A', gen_random_uuid(), 'it.lead@R1A', 'reinstate-cli', '{}', '{}', 'aal2', now, now, now, now + interval '1 hour'
    from clock_timestamp() now
"""
ISSUER = {
    "iss": "https://idp.example",
    "name": "A provider",
    "modes": ["ACCESS"],
    "algorithms": ["ES256"],
    "jwksUri": "https://idp.example/jwks",
    "tokenAudience": "us",
}
Held = dict[str, Any]


@asynccontextmanager
async def opened(stage: Stage, code: str | None = None) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection in a transaction: the superuser's, or one as an organisation."""
    role = {"server_settings": {"role": caller(code).role}} if code else {}
    connection = await asyncpg.connect(stage.url if code else stage.server.admin_url, database=stage.name, **role)
    try:
        async with connection.transaction():
            await connection.execute("select app.read_as($1, null)", code)
            yield connection
    finally:
        await connection.close()


async def held(connection: asyncpg.Connection, *tables: str) -> Held:
    """Give what the tables hold that the search path finds."""
    found = {}
    for table in tables:
        row = f"to_jsonb(t) - '{{{UNRECORDED.get(table, '')}}}'::text[]"
        found[table] = json.loads(
            await connection.fetchval(f"select jsonb_agg({row} order by {row}) from {table} t") or "[]"  # noqa: S608 - names of ours
        )
    return found


def now(stage: Stage, code: str | None = None) -> Held:
    """Give what the tables hold now."""

    async def run() -> Held:
        async with opened(stage, code) as connection:
            return await held(connection, *TABLES, "progress")

    return asyncio.run(run())


def known(stage: Stage, at: dt.datetime | None, code: str | None = None) -> Held:
    """Give what they held at an instant, by the same statements."""

    async def run() -> Held:
        async with opened(stage, code) as connection:
            await connection.execute("select app.read_as($1, null, $2)", code, at)
            return await held(connection, *TABLES, "progress")

    return asyncio.run(run())


def instant(stage: Stage) -> dt.datetime:
    """Give when the last event was recorded."""
    told: dt.datetime = as_superuser(stage, "select max(recorded_at) from event")[0][0]
    return told


def move(stage: Stage, region: str) -> None:
    """Move R1A to a region."""
    stated = ListOrganisation(ods_code="R1A", name=LISTED["R1A"][0], kind=OrganisationKind.TRUST, region_ods=region)

    async def run(database: Any) -> None:
        async with database.change(Operator(tenant_ods="R1A"), "organisation add") as db:
            await organisations.put_on_list(db, stated)

    with_database(stage, run)


class Story:
    """A story that remembers what the tables held after each change."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.told: list[tuple[dt.datetime, Held]] = []
        self.remember()

    def remember(self) -> None:
        """Note what is held now."""
        self.told.append((instant(self.stage), now(self.stage)))

    def change(self, code: str | Caller, verb: str, /, **given: Any) -> str:
        """Change something, and note."""
        told = self.stage.change(code, verb, **given)
        assert "id" in told, told
        self.remember()
        return str(told["id"])


@pytest.fixture(scope="module")
def story(stage: Stage) -> Story:
    """A story in which everything that can change has changed."""
    story = Story(stage)
    tell(story)
    return story


def tell(story: Story) -> None:
    """Tell it."""
    declared = {"type": "CRITICAL", "level": "L2", "reason": "Records are lost."}
    incident = story.change(
        "NATIONAL", "openIncident", reference="ADASTRA", title="Another", detectedAt="2022-08-04T06:00:00Z"
    )
    mine = story.change("R1A", "declareIncident", incident=incident, **declared)
    product = story.change("SUPPLIER", "registerProduct", code="ADASTRA", name="Adastra", category="URGENT_CARE")
    build = {"product": product, "builtAt": "2022-11-07T12:00:00Z"}
    first = story.change("SUPPLIER", "registerBuild", label="A-1", safetyRelevantChange=True, **build)
    systems = {
        code: story.change(code, "registerSystem", product=product, incident=incident, name="Adastra")
        for code in ("R1A", "RYG", "RNK")
    }
    story.change("R1A", "registerInterimSystem", system=systems["R1A"], kind="PAPER", name="Paper", liveOn="2022-08-04")
    promised = [
        story.change("SUPPLIER", "publishMilestone", product=product, **besides, **PROMISED)
        for besides in ({}, {"system": systems["R1A"]})
    ]
    moved = {"forecastOn": "2022-09-30", "confidence": "MEDIUM", "reasonCode": "DEFECT"}
    for milestone in promised:
        story.change("SUPPLIER", "reviseForecast", milestone=milestone, **moved)
    report = story.change("R1A", "reportTest", system=systems["R1A"], build=first, test="SMOKE", **FAILED)
    story.change("RNK", "reportTest", system=systems["RNK"], build=first, test="SMOKE", **PASSED)
    story.change("R1A", "correctTestReport", corrects=report, reason="Miscounted.", **PASSED)
    story.change("SUPPLIER", "meetMilestone", milestone=promised[1], actualAt="2022-10-01T12:00:00Z")
    second = story.change("SUPPLIER", "registerBuild", label="A-2", safetyRelevantChange=True, **build)
    story.change("R1A", "reportTest", system=systems["R1A"], build=second, test="UAT", **PASSED)
    story.change("R1A", "standDownIncident", declaration=mine)
    why = {"reasonCode": "DEFECT", "reason": "Alerts are shown against the wrong episode."}
    for who, held in (("R1A", systems["R1A"]), ("SUPPLIER", product), ("ASSURER", second), ("NATIONAL", incident)):
        hold = story.change(who, "placeHold", held=held, **why)
    story.change(person("NATIONAL"), "releaseHold", hold=hold, reason="It is mended.")
    tell_of_people(story, person("R1A", Role.ADMINISTRATOR))


def tell_of_people(story: Story, admin: Caller) -> None:
    """Tell who administers whom, and how a session begins and is ended."""
    once = {"oneTimePassword": new_one_time_password()}
    account = story.change(admin, "openAccount", localPart="it.lead", roles=["TRUST_IT"], **once)
    story.change(admin, "endRole", membership=story.change(admin, "grantRole", account=account, role="TRUST_CSO"))
    for verb, given in (("suspendAccount", {}), ("restoreAccount", {}), ("resetAccount", once)):
        story.change(admin, verb, account=account, **given)
    client = {"kind": "APPLICATION", "scopes": ["progress:read"], "redirectUris": ["https://ward.example/back"]}
    story.change(admin, "revokeClient", client=story.change(admin, "registerClient", **client))
    issuer = story.change(admin, "registerIssuer", **ISSUER)
    mapped = {"orgCode": "R1A", "roleCode": "lead", "role": "TRUST_IT"}
    as_superuser(story.stage, SESSION)
    mapping = story.change(admin, "mapIssuerRole", issuer=issuer, **mapped)  # the session began before
    ((session,),) = as_superuser(story.stage, "select id from session")
    story.change(admin, "endSession", session=global_id("Session", session), reason="A laptop was lost.")
    as_superuser(story.stage, "update session set ended_at = clock_timestamp()")
    story.change(admin, "endIssuerMapping", mapping=mapping)
    story.change(admin, "enableIssuer", issuer=story.change(admin, "disableIssuer", issuer=issuer))


def test_at_every_instant_the_views_hold_what_the_tables_held(story: Story) -> None:
    assert len(story.told) > 15
    for at, then in story.told:
        assert known(story.stage, at) == then
    testing = {line["testing"] for _, then in story.told for line in then["progress"]}
    assert testing == {"NOT_REPORTED", "OPEN_FAILURES", "IN_PROGRESS"}


def test_before_anything_was_recorded_and_without_an_instant_nothing_is_known(story: Story) -> None:
    before = as_superuser(story.stage, "select min(recorded_at) - interval '1 microsecond' from event")[0][0]
    empty = {**{table: [] for table in (*TABLES, "progress")}, "test_milestone": story.told[-1][1]["test_milestone"]}
    assert known(story.stage, before) == empty
    for table in REMEMBERED:
        assert as_superuser(story.stage, f"select from known.{table}") == []


def test_without_an_instant_a_read_is_of_now(story: Story) -> None:
    assert known(story.stage, None) == story.told[-1][1]


@pytest.mark.parametrize("code", LISTED)
def test_everyone_knows_of_the_past_what_they_may_read(story: Story, code: str) -> None:
    mine = now(story.stage, code)
    assert known(story.stage, story.told[-1][0], code) == mine
    if code == "RYG":
        assert {row["tenant_ods"] for row in mine["system"]} == {"RYG"}
        assert {row["trust_ods"] for row in mine["milestone"]} == {None}


def test_after_a_boundary_change_no_region_reads_a_stale_row(fresh_stage: Stage) -> None:
    ids = fresh_stage.tell("R1A")
    then, before = instant(fresh_stage), now(fresh_stage)
    fresh_stage.change("R1A", "reportTest", system=ids["R1A"], build=ids["build"], test="SMOKE", **PASSED)
    move(fresh_stage, "Y56")
    after = instant(fresh_stage)
    assert known(fresh_stage, after) == now(fresh_stage)
    assert known(fresh_stage, then) == before
    assert known(fresh_stage, after, "R1A")["system"][0]["region_ods"] == "Y56"
    assert known(fresh_stage, then, "R1A")["system"][0]["region_ods"] == "Y60"
    assert known(fresh_stage, after, "Y60")["system"] == []


def test_a_statement_that_was_prepared_for_now_reads_the_past(story: Story) -> None:
    at, then = story.told[-6]

    async def run() -> tuple[int, int, int]:
        async with opened(story.stage) as connection:
            prepared = await connection.prepare("select count(*) from (select * from progress, event) rows")
            counts = [await prepared.fetchval()]
            for instant in (at, None):
                await connection.execute("select app.read_as(null, null, $1)", instant)
                counts.append(await prepared.fetchval())
            return counts[0], counts[1], counts[2]

    first, past, last = asyncio.run(run())
    assert past == len(then["progress"]) * len(then["event"])
    assert first == last == len(story.told[-1][1]["progress"]) * len(story.told[-1][1]["event"])


@pytest.mark.parametrize("table", [*TABLES, "progress", "system_progress"])
def test_a_view_has_its_tables_columns(stage: Stage, table: str) -> None:
    async def shape(schema: str) -> list[Any]:
        async with opened(stage) as connection:
            return [tuple(row) for row in await connection.fetch(SHAPE, f"{schema}.{table}")]

    assert asyncio.run(shape("known")) == asyncio.run(shape("public"))


@pytest.mark.parametrize("table", REMEMBERED)
def test_a_view_takes_from_the_ledger_what_may_be_updated(stage: Stage, table: str) -> None:
    define = f"select pg_get_viewdef('known.{table}'::regclass)"
    before = as_superuser(stage, define)
    after = as_superuser(stage, f"select app.remember('public.{table}', '{REMEMBERED[table]}')", define)
    assert before == after


def test_a_row_is_made_when_its_first_event_is_recorded(story: Story) -> None:
    made = "select count(*), count(*) filter (where (row ->> 'created_at')::timestamptz = recorded_at) from event"
    ((events, agreed),) = as_superuser(
        story.stage, f"{made} where row ->> 'created_at' is not null and row ->> 'version' = '1'"
    )
    assert events == agreed > 10
