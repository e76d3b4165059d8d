"""Organisations: listed by the operator, seen by every caller."""

from sqlmodel import col, select

from auth.tenancy import Transaction
from schema.kept.question import One
from schema.organisation import ListOrganisation, Organisation, OrganisationKind


async def put_on_list(db: Transaction, stated: ListOrganisation) -> Organisation:
    """List an organisation, or change what is listed of it. A region belongs to itself."""
    if stated.kind == OrganisationKind.REGION:
        stated = stated.model_copy(update={"region_ods": stated.ods_code})
    listed = await db.one(by_code(stated.ods_code).statement)
    if listed is None:
        return await db.keep(Organisation(**stated.model_dump(), verified_at=None))
    listed.sqlmodel_update(stated.model_dump())
    return await db.keep(listed)


def by_code(ods_code: str) -> One[Organisation]:
    """Return the organisation by its ODS code."""
    return One(select(Organisation).where(col(Organisation.ods_code) == ods_code))


def region(ods_code: str) -> One[Organisation]:
    """Return the NHS England region by its ODS code."""
    return One(by_code(ods_code).statement.where(col(Organisation.kind) == OrganisationKind.REGION))


async def everyone(db: Transaction) -> list[Organisation]:
    """Return every organisation listed, by code."""
    return await db.all(select(Organisation).order_by(col(Organisation.ods_code)))
