"""Issuers: registered, believed or not, and mapped by an organisation's administrators, or by the operator."""

from collections.abc import Iterable

from sqlmodel import col, select

from auth.caller import Administering, Caller, Operator
from auth.people.memberships import unfit
from auth.tenancy import Transaction
from schema.kept.question import Page
from schema.organisation import Organisation
from schema.people.issuer import (
    DisableIssuer,
    EnableIssuer,
    EndIssuerMapping,
    Issuer,
    IssuerMapping,
    IssuerMode,
    IssuerShape,
    IssuerStatus,
    MapIssuerRole,
    RegisterIssuer,
)
from schema.people.session import Session
from schema.problem import (
    AlreadyDecided,
    AlreadyRegistered,
    NotFound,
    NotYourOwn,
    ValidationFailed,
    VersionConflict,
)

ALGORITHMS = ("ES256", "Ed25519", "PS256", "RS256", "RS512")
_ADDRESSES = ("iss", "jwks_uri", "authorization_endpoint", "token_endpoint", "userinfo_endpoint")


async def register(
    db: Transaction, caller: Administering, input: RegisterIssuer
) -> Issuer | AlreadyRegistered | ValidationFailed:
    """Register an identity provider. An administrator's speaks for the own organisation alone.

    Nobody signs in by it before its roles are mapped.
    """
    tenants = sorted(set(input.tenants)) or [caller.tenant_ods]
    if refused := _refused(caller, input, tenants) or await _unlisted(db, tenants):
        return refused
    await db.lock(f"issuer:{caller.tenant_ods}:{input.iss}")
    same = select(Issuer).where(col(Issuer.tenant_ods) == caller.tenant_ods, col(Issuer.iss) == input.iss)
    if existing := await db.one(same):
        return AlreadyRegistered(message="This issuer is registered.", existing=existing.global_id())
    stated = input.model_dump(exclude={"idempotency_key", "tenants"})
    stated |= {name: sorted(set(stated[name])) for name in ("modes", "algorithms")}
    return await db.keep(Issuer(**db.made, **stated, tenants=tenants))


async def disable(
    db: Transaction, caller: Administering, input: DisableIssuer
) -> Issuer | NotFound | AlreadyDecided | VersionConflict:
    """Believe an issuer no more: its tokens, and the sessions of whoever it signed in, end within 5 seconds."""
    issuer = await _own(db, caller, input.issuer)
    if issuer is None:
        return NotFound(path=["input", "issuer"])
    if issuer.status is IssuerStatus.DISABLED:
        return AlreadyDecided(message="This issuer is disabled already.")
    if input.expected_version not in (None, issuer.version):
        return VersionConflict(current_version=issuer.version)
    issuer.status = IssuerStatus.DISABLED
    return await db.keep(issuer)


async def enable(
    db: Transaction, caller: Administering, input: EnableIssuer
) -> Issuer | NotFound | AlreadyDecided | VersionConflict:
    """Believe a disabled issuer again. The sessions that ended stay ended."""
    issuer = await _own(db, caller, input.issuer)
    if issuer is None:
        return NotFound(path=["input", "issuer"])
    if issuer.status is IssuerStatus.ACTIVE:
        return AlreadyDecided(message="This issuer is not disabled.")
    if input.expected_version not in (None, issuer.version):
        return VersionConflict(current_version=issuer.version)
    issuer.status = IssuerStatus.ACTIVE
    return await db.keep(issuer)


async def map_role(
    db: Transaction, caller: Administering, input: MapIssuerRole
) -> IssuerMapping | NotFound | NotYourOwn | AlreadyRegistered | ValidationFailed:
    """Say whom an issuer's codes make of a person. Whoever was signed in by the issuer leaves that to others."""
    issuer = await _own(db, caller, input.issuer)
    if issuer is None:
        return NotFound(path=["input", "issuer"])
    if await _signed_in(db, caller, issuer):
        return NotYourOwn(message="You are signed in by this issuer: its roles are mapped by others.")
    organisation = input.organisation_ods or caller.tenant_ods
    if organisation not in issuer.tenants:
        return ValidationFailed.of("organisationOds", f"the issuer speaks for {', '.join(issuer.tenants)} alone")
    if refused := await unfit(db, organisation, [input.role]):
        return ValidationFailed.of("role", refused)
    stated = input.model_dump(include={"org_code", "role_code", "role"}) | {"organisation_ods": organisation}
    same = select(IssuerMapping).where(
        col(IssuerMapping.tenant_ods) == issuer.tenant_ods,
        col(IssuerMapping.issuer_id) == issuer.id,
        col(IssuerMapping.active),
        *(col(getattr(IssuerMapping, name)) == value for name, value in stated.items()),
    )
    if existing := await db.one(same):
        return AlreadyRegistered(message="These codes are mapped so.", existing=existing.global_id())
    return await db.keep(IssuerMapping(**db.made, **stated, issuer_id=issuer.id))


async def end_mapping(
    db: Transaction, caller: Administering, input: EndIssuerMapping
) -> IssuerMapping | NotFound | AlreadyDecided | VersionConflict:
    """End a mapping: the sessions of whoever the issuer signed in with its role end within 5 seconds."""
    mapping = await db.own(IssuerMapping, input.mapping, caller)
    if mapping is None:
        return NotFound(path=["input", "mapping"])
    await db.take(mapping)
    if not mapping.active:
        return AlreadyDecided(message="This mapping has ended already.")
    if input.expected_version not in (None, mapping.version):
        return VersionConflict(current_version=mapping.version)
    mapping.active = False
    return await db.keep(mapping)


def listed(status: IssuerStatus | None = None) -> Page[Issuer]:
    """Return the issuers the caller may see, in the order they were registered."""
    found = select(Issuer)
    return Page(found if status is None else found.where(col(Issuer.status) == status))


async def _own(db: Transaction, caller: Administering, given: str) -> Issuer | None:
    """Return an issuer that the caller's organisation answers for, its turn taken."""
    issuer = await db.own(Issuer, given, caller)
    if issuer is not None:
        await db.take(issuer)
    return issuer


async def _signed_in(db: Transaction, caller: Administering, issuer: Issuer) -> bool:
    """Tell whether the caller is somebody whom this issuer signed in."""
    if isinstance(caller, Operator) or caller.person is None:
        return False
    if caller.client_id == issuer.iss:
        return True
    by = select(Session).where(col(Session.issuer) == issuer.iss, col(Session.subject) == caller.subject)
    return any(str(session.id) == caller.person.session_id for session in await db.all(by))


def _refused(caller: Administering, input: RegisterIssuer, tenants: list[str]) -> ValidationFailed | None:
    if isinstance(caller, Caller) and tenants != [caller.tenant_ods]:
        mend = f"must be {caller.tenant_ods} alone; one that speaks for others is registered by the operator"
        return ValidationFailed.of("tenants", mend)
    if unknown := sorted(set(input.algorithms) - set(ALGORITHMS)):
        return ValidationFailed.of("algorithms", f"{', '.join(unknown)} is none of {', '.join(ALGORITHMS)}")
    if isinstance(caller, Caller) and (plain := _first(name for name in _ADDRESSES if _is_plain(input, name))):
        return ValidationFailed.of(_spelt(plain), "must begin with https://")
    if missing := _first(name for name in _needed(input) if not getattr(input, name)):
        return ValidationFailed.of(_spelt(missing), "is needed to sign people in by it")
    return None


def _needed(input: RegisterIssuer) -> list[str]:
    if IssuerMode.LOGIN not in input.modes:
        return []
    userinfo = ["userinfo_endpoint"] if input.shape is IssuerShape.CIS2 else []
    return ["client_id", "authorization_endpoint", "token_endpoint", *userinfo]


def _is_plain(input: RegisterIssuer, name: str) -> bool:
    return str(getattr(input, name) or "https://").startswith("http://")


def _first(names: Iterable[str]) -> str | None:
    return next(iter(names), None)


def _spelt(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


async def _unlisted(db: Transaction, tenants: list[str]) -> ValidationFailed | None:
    listed_ones = await db.all(select(Organisation.ods_code).where(col(Organisation.ods_code).in_(tenants)))
    missing = sorted(set(tenants) - set(listed_ones))
    return ValidationFailed.of("tenants", f"no organisation {', '.join(missing)} is listed") if missing else None
