"""Acting: the roles a caller acts in, where an act is one role's and not another's of the same organisation."""

from collections.abc import Iterable

from auth.caller import Caller
from schema.organisation import OrganisationKind as Kind
from schema.people.account import Role

# What a machine of an organisation may act as. The other roles are people's alone.
MACHINES = {
    Kind.NATIONAL: Role.NATIONAL_IMT,
    Kind.REGION: Role.REGION,
    Kind.SUPPLIER: Role.SUPPLIER_LEAD,
    Kind.TRUST: Role.TRUST_IT,
}


def acting_as(caller: Caller, allowed: Iterable[str], wanted: Role | None = None) -> Role | None:
    """Return the role the caller acts in: the one wanted, or the first allowed that it has; None: it has none."""
    has = caller.roles if caller.person else {MACHINES.get(caller.kind)}
    fit = (role for role in map(Role, allowed) if role in has and wanted in (None, role) and caller.kind in role.kinds)
    return next(fit, None)
