"""What the demonstration refuses, and what can never become one."""

import asyncio
import datetime as dt
import socket
from pathlib import Path

import asyncpg
import pytest

from api.demo.clock import ScenarioClock
from auth.caller import Operator
from auth.tenancy import Database
from tests.demonstrated import ledger
from tests.embedded import a_place, eventually
from tests.installed import reinstate_here
from tests.stage import Stage

UTC = dt.UTC


def test_a_clock_counts_in_a_demonstration_alone(stage: Stage) -> None:
    async def now() -> dt.datetime:
        database = Database(stage.url, ScenarioClock(dt.datetime(2022, 8, 4, tzinfo=UTC)))
        try:
            async with database.transaction(Operator(tenant_ods=""), "look") as db:
                return db.now
        finally:
            await database.close()

    assert abs(asyncio.run(now()) - dt.datetime.now(UTC)) < dt.timedelta(minutes=1)


@pytest.mark.parametrize("role", ["reinstate_app", "app_operator", "app_national", "app_trust"])
def test_no_role_that_serves_can_make_a_demonstration(stage: Stage, role: str) -> None:
    async def mark() -> None:
        connection = await asyncpg.connect(stage.url, server_settings={"role": role})
        try:
            await connection.execute("update app.installation set demonstration = true")
        finally:
            await connection.close()

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        asyncio.run(mark())


def test_the_scenario_s_clock_never_goes_back() -> None:
    first, later = dt.datetime(2022, 8, 4, tzinfo=UTC), dt.datetime(2022, 8, 5, tzinfo=UTC)
    clock = ScenarioClock(first)
    clock.reach(later)
    clock.reach(first)
    assert clock() == later
    clock.run()
    assert eventually(lambda: clock() > later)


def test_an_installation_in_earnest_is_left_alone() -> None:
    with a_place() as place:
        data = str(place / "data")
        added = reinstate_here(
            "organisation", "add", "Y60", "--name", "Midlands", "--kind", "region", REINSTATE_DATA=data
        )
        assert added.returncode == 0, added.stderr
        before = ledger(Path(data))
        ran = reinstate_here("demo", "--no-serve", "--data", data)
        assert ran.returncode == 2
        assert "no demonstration: choose another folder with --data" in ran.stderr
        assert ledger(Path(data)) == before


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        ((), {"DATABASE_URL": "postgresql://reinstate_app@127.0.0.1/reinstate"}, "unset DATABASE_URL"),
        (("--until", "2022-08-03"), {}, "The scenario starts on 2022-08-04"),
    ],
    ids=["another database", "a day before"],
)
def test_what_cannot_be_shown_is_refused(
    arguments: tuple[str, ...], settings: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    ran = reinstate_here("demo", "--no-serve", "--data", str(tmp_path / "data"), *arguments, **settings)
    assert ran.returncode == 2
    assert sentence in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ran = reinstate_here("demo", "--port", str(port), "--data", str(tmp_path / "data"))
    assert ran.returncode == 2
    assert f"Port {port} on 127.0.0.1 cannot be used" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()
