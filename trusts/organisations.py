"""Organisations: listed by the operator, seen by every caller."""

from sqlmodel import col, select

from auth.tenancy import Transaction
from schema.organisation import ListOrganisation, Organisation, OrganisationKind


async def put_on_list(db: Transaction, stated: ListOrganisation) -> Organisation:
    """List an organisation, or change what is listed of it. A region belongs to itself."""
    if stated.kind == OrganisationKind.REGION:
        stated = stated.model_copy(update={"region_ods": stated.ods_code})
    listed = await by_code(db, stated.ods_code)
    if listed is None:
        return await db.keep(Organisation(**stated.model_dump(), verified_at=None))
    listed.sqlmodel_update(stated.model_dump())
    return await db.keep(listed)


async def by_code(db: Transaction, ods_code: str) -> Organisation | None:
    """Return the organisation by its ODS code."""
    return await db.one(select(Organisation).where(col(Organisation.ods_code) == ods_code))


async def region(db: Transaction, ods_code: str) -> Organisation | None:
    """Return the NHS England region by its ODS code."""
    found = await by_code(db, ods_code)
    return found if found and found.kind == OrganisationKind.REGION else None


async def everyone(db: Transaction) -> list[Organisation]:
    """Return every organisation listed, by code."""
    return await db.all(select(Organisation).order_by(col(Organisation.ods_code)))
