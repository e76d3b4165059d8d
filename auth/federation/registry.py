"""The issuers that are believed now, each with what its codes mean: our table says it, never their claims."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import col, select

from auth.tenancy import Transaction
from schema.organisation import Organisation, OrganisationKind
from schema.people.account import Role
from schema.people.issuer import Issuer, IssuerMapping, IssuerMode, IssuerStatus

_MOST_ROLES = 50  # codes that one person may come with


@dataclass(frozen=True, slots=True)
class Codes:
    """Organisation and roles as an issuer says them."""

    organisation: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """Whom codes make of a person here, and by which mappings."""

    tenant_ods: str
    kind: OrganisationKind
    roles: frozenset[Role]
    mappings: frozenset[uuid.UUID]


@dataclass(frozen=True)
class Binding:
    """An issuer that is believed, bound to the organisations of its row and to its active mappings."""

    issuer: Issuer
    meanings: dict[tuple[str, str], list[Meaning]]

    def means(self, codes: Codes) -> Meaning | None:
        """Return whom codes make of a person; None: nobody, or somebody in two organisations at once."""
        found = [each for role in codes.roles for each in self.meanings.get((codes.organisation, role), ())]
        if len({each.tenant_ods for each in found}) != 1:
            return None
        roles, mappings = [each.roles for each in found], [each.mappings for each in found]
        return Meaning(found[0].tenant_ods, found[0].kind, frozenset().union(*roles), frozenset().union(*mappings))

    def is_for(self, mode: IssuerMode) -> bool:
        """Tell what it is believed for."""
        return mode in self.issuer.modes


Bindings = Mapping[str, Sequence[Binding]]  # by iss: two organisations may have registered one provider


async def believed(db: Transaction) -> dict[str, list[Binding]]:
    """Return every issuer that is believed now."""
    found: dict[str, list[Binding]] = {}
    for binding in await _read(db):
        found.setdefault(binding.issuer.iss, []).append(binding)
    return found


async def find(db: Transaction, issuer_id: uuid.UUID) -> Binding | None:
    """Return one issuer, None when it is not believed now."""
    found = await _read(db, issuer_id)
    return found[0] if found else None


async def _read(db: Transaction, issuer_id: uuid.UUID | None = None) -> list[Binding]:
    issuers = select(Issuer).where(col(Issuer.status) == IssuerStatus.ACTIVE).order_by(col(Issuer.id))
    mappings = (
        select(IssuerMapping, Organisation.kind)
        .join(Organisation, col(Organisation.ods_code) == col(IssuerMapping.organisation_ods))
        .where(col(IssuerMapping.active))
    )
    if issuer_id is not None:
        issuers = issuers.where(col(Issuer.id) == issuer_id)
        mappings = mappings.where(col(IssuerMapping.issuer_id) == issuer_id)
    bindings = {(row.tenant_ods, row.id): Binding(row, {}) for row in await db.all(issuers)}
    for row in await db.rows(mappings) if bindings else ():
        mapping = row.IssuerMapping
        binding = bindings.get((mapping.tenant_ods, mapping.issuer_id))
        # The database holds it, too (app.within_issuer); whoever gets past it there does not get past here.
        if binding and mapping.organisation_ods in binding.issuer.tenants:
            _note(binding, mapping, OrganisationKind(row.kind))
    return list(bindings.values())


def _note(binding: Binding, mapping: IssuerMapping, kind: OrganisationKind) -> None:
    meaning = Meaning(mapping.organisation_ods, kind, frozenset({mapping.role}), frozenset({mapping.id}))
    binding.meanings.setdefault((mapping.org_code, mapping.role_code), []).append(meaning)


def codes_in(organisation: object, role: object) -> Codes | None:
    """Return the codes in two claims: one organisation, one role or a list of them; None when they are no codes."""
    said = role if isinstance(role, list) else [role]
    roles = tuple(each for each in said if isinstance(each, str))
    whole = isinstance(organisation, str) and 0 < len(roles) == len(said) <= _MOST_ROLES
    return Codes(str(organisation), roles) if whole else None
