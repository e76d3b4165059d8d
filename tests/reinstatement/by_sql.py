"""Statements as a caller's role sends them, past every rule; nothing of them is kept unless that is asked for."""

import asyncio
from typing import Any

import asyncpg

from tests.stage import Stage, person

REFUSED = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.SerializationError,  # changed without its version
)


async def entered(stage: Stage, code: str) -> asyncpg.Connection:
    """Give a connection in the role of an organisation's kind."""
    return await asyncpg.connect(stage.url, server_settings={"role": person(code).role})


async def enter(connection: asyncpg.Connection, code: str) -> None:
    """Say who asks, in a transaction."""
    who = person(code)
    await connection.execute("select app.enter($1, $2, $3, 'sql', '', '')", code, who.kind.value, who.subject)


def done(stage: Stage, code: str, *statements: str) -> list[bool]:
    """Tell which of these statements change something, each tried as an organisation and undone."""

    async def run() -> list[bool]:
        connection = await entered(stage, code)
        try:
            return [await _tried(connection, code, statement) for statement in statements]
        finally:
            await connection.close()

    return asyncio.run(run())


async def _tried(connection: asyncpg.Connection, code: str, statement: str) -> bool:
    change = connection.transaction()
    await change.start()
    try:
        await enter(connection, code)
        changed: list[Any] = await connection.fetch(f"{statement} returning version")
        await connection.execute("set constraints all immediate")
        return bool(changed)
    except REFUSED:
        return False
    finally:
        await change.rollback()


def changed(table: str, id_: str, what: str) -> str:
    """Return the statement that changes a row by its id in the API."""
    noun = "".join(part.capitalize() for part in table.split("_"))
    return f"update {table} set version = version + 1, {what} where id = app.key_of('{noun}', '{id_}')"  # noqa: S608 - our own
