"""Issuers: identity providers that sign people in, and whom their codes make of them."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.alias_generators import to_snake
from sqlmodel import col, select

from api.commands.asking import administer, ask_all
from api.failure import UsageError
from auth.caller import Operator
from auth.federation import issuers
from auth.tenancy import Transaction
from schema.people.account import Role
from schema.people.issuer import (
    DisableIssuer,
    EnableIssuer,
    EndIssuerMapping,
    Issuer,
    IssuerMapping,
    MapIssuerRole,
    RegisterIssuer,
)
from schema.problem import Problem

app = typer.Typer(no_args_is_help=True, help=__doc__)

Organisation = Annotated[str, typer.Argument(help="ODS code of the organisation that answers for it.")]
Iss = Annotated[str, typer.Argument(help="Its issuer identifier, exactly as its tokens spell it.")]
Code = Annotated[str, typer.Argument(help="As the issuer says it.")]
ARole = Annotated[Role, typer.Argument(case_sensitive=False)]
StandsFor = Annotated[str | None, typer.Option(help="ODS code that the organisation's code stands for; else the same.")]
Rule = Callable[[Transaction, Operator, Issuer], Awaitable[Issuer | IssuerMapping | Problem]]


@app.command()
def add(
    organisation: Organisation,
    file: Annotated[Path, typer.Argument(help="What registerIssuer takes as input, as a JSON object.")],
) -> None:
    """Register an issuer, from a file. Nobody signs in by it before its roles are mapped."""
    stated = RegisterIssuer(**_read(file))
    made = administer(organisation, "issuer add", lambda db, operator: issuers.register(db, operator, stated))
    typer.echo(f"Registered {made.iss} of {organisation}; it speaks for {', '.join(made.tenants)}.")


@app.command("list")
def list_() -> None:
    """List the issuers: organisation, identifier, status, modes and whom it speaks for; then its mappings."""
    for line in ask_all(_listed):
        typer.echo(line)


@app.command()
def disable(organisation: Organisation, iss: Iss) -> None:
    """Believe an issuer no more: whatever it said ends within 5 seconds."""
    stated = DisableIssuer
    _on(organisation, iss, "disable", lambda db, by, it: issuers.disable(db, by, stated(issuer=it.global_id())))
    typer.echo(f"Disabled {iss} of {organisation}; whatever it said ends within 5 seconds.")


@app.command()
def enable(organisation: Organisation, iss: Iss) -> None:
    """Believe a disabled issuer again."""
    stated = EnableIssuer
    _on(organisation, iss, "enable", lambda db, by, it: issuers.enable(db, by, stated(issuer=it.global_id())))
    typer.echo(f"Enabled {iss} of {organisation}.")


@app.command("map")
def map_(  # noqa: PLR0913, PLR0917 - the words of one sentence: whose codes, which, and what they mean
    organisation: Organisation, iss: Iss, org_code: Code, role_code: Code, role: ARole, stands_for: StandsFor = None
) -> None:
    """Say whom an issuer's organisation and role code make of a person."""
    said = {"org_code": org_code, "role_code": role_code, "organisation_ods": stands_for, "role": role}

    async def rule(db: Transaction, operator: Operator, issuer: Issuer) -> IssuerMapping | Problem:
        return await issuers.map_role(
            db, operator, MapIssuerRole.model_validate({"issuer": issuer.global_id(), **said})
        )

    _on(organisation, iss, "map", rule)
    typer.echo(f"{org_code} {role_code} of {iss} is {role} of {stands_for or organisation}.")


@app.command()
def unmap(  # noqa: PLR0913, PLR0917 - as map
    organisation: Organisation, iss: Iss, org_code: Code, role_code: Code, role: ARole, stands_for: StandsFor = None
) -> None:
    """End a mapping: the sessions that rest on it end within 5 seconds."""

    async def rule(db: Transaction, operator: Operator, issuer: Issuer) -> IssuerMapping | Problem:
        same = (
            col(IssuerMapping.issuer_id) == issuer.id,
            col(IssuerMapping.org_code) == org_code,
            col(IssuerMapping.role_code) == role_code,
            col(IssuerMapping.organisation_ods) == (stands_for or organisation),
            col(IssuerMapping.role) == role,
        )
        mapping = await db.one(select(IssuerMapping).where(col(IssuerMapping.active), *same))
        if mapping is None:
            raise UsageError("There is no such mapping. See `reinstate issuer list`.")
        return await issuers.end_mapping(db, operator, EndIssuerMapping(mapping=mapping.global_id()))

    _on(organisation, iss, "unmap", rule)
    typer.echo(f"{org_code} {role_code} of {iss} is {role} of {stands_for or organisation} no more.")


def _read(file: Path) -> dict[str, Any]:
    try:
        said = json.loads(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not JSON.") from error
    if not isinstance(said, dict):
        raise UsageError(f"{file} holds no JSON object.")
    named = {to_snake(name): value for name, value in said.items()}
    if unknown := sorted(named.keys() - RegisterIssuer.model_fields.keys()):
        raise UsageError(f"{file} says {unknown[0]}, which an issuer does not have; registerIssuer says what it has.")
    return named


def _on(organisation: str, iss: str, verb: str, rule: Rule) -> None:
    async def on(db: Transaction, operator: Operator) -> Issuer | IssuerMapping | Problem:
        named = select(Issuer).where(col(Issuer.tenant_ods) == organisation, col(Issuer.iss) == iss)
        issuer = await db.one(named)
        if issuer is None:
            raise UsageError(f"{organisation} has no issuer {iss}. See `reinstate issuer list`.")
        return await rule(db, operator, issuer)

    administer(organisation, f"issuer {verb}", on)


async def _listed(db: Transaction) -> list[str]:
    mappings = await db.all(select(IssuerMapping).where(col(IssuerMapping.active)).order_by(col(IssuerMapping.id)))
    lines = []
    for each in await db.all(select(Issuer).order_by(col(Issuer.tenant_ods), col(Issuer.iss))):
        modes, tenants = " ".join(each.modes).lower(), " ".join(each.tenants)
        lines.append(f"{each.tenant_ods}\t{each.iss}\t{each.status.lower()}\t{modes}\t{tenants}")
        mine = (mapping for mapping in mappings if mapping.issuer_id == each.id)
        lines += [f"\t{m.org_code}\t{m.role_code}\t{m.role}@{m.organisation_ods}" for m in mine]
    return lines
