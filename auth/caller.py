"""The caller as a value: for which organisation, by which client or person, allowed what."""

import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from auth.scope import Scope
from schema.organisation import OrganisationKind
from schema.people.account import Role

RECENT = 900  # seconds after a sign-in in which a person may decide (RFC 9470)
AAL1, AAL2 = "aal1", "aal2"  # a password; a second factor besides (NIST SP 800-63B)


@dataclass(frozen=True, slots=True)
class Person:
    """The person behind a caller: the roles held in its organisation, and how and when that person signed in."""

    roles: frozenset[Role]
    session_id: str
    acr: str
    authenticated_at: int

    def may_decide(self, now: float) -> bool:
        """Tell whether the sign-in is sure and recent enough for an act that decides."""
        return self.acr == AAL2 and now - self.authenticated_at <= RECENT


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking. Made by the verifier of tokens, or by the operator's command line; never from an argument."""

    tenant_ods: str
    kind: OrganisationKind
    subject: str
    scopes: AbstractSet[Scope]
    token_id: str = ""
    expires_at: int = 0
    client_id: str = ""
    person: "Person | None" = None

    @property
    def role(self) -> str:
        """The database role of this kind of caller."""
        return f"app_{self.kind.value.lower()}"

    @property
    def may_decide(self) -> bool:
        """Whether it is a person who signed in surely and lately, by this machine's clock, never a demonstration's."""
        return self.person is not None and self.person.may_decide(time.time())

    @property
    def roles(self) -> frozenset[Role]:
        """The roles of the person who asks; none: it is a machine."""
        return self.person.roles if self.person else frozenset()


@dataclass(frozen=True, slots=True)
class Operator:
    """The installation's administrator at its command line, acting for one organisation."""

    tenant_ods: str
    subject: str = "operator"
    role: str = field(default="app_operator", init=False)
    kind: None = field(default=None, init=False)


@dataclass(frozen=True, slots=True)
class SignIn:
    """The token endpoint itself, before it is known who asks."""

    tenant_ods: None = field(default=None, init=False)
    subject: str = field(default="sign-in", init=False)
    role: str = field(default="app_sign_in", init=False)
    kind: None = field(default=None, init=False)


@dataclass(frozen=True, slots=True)
class Inspector:
    """The installation's check of itself: reads what every organisation wrote, as the auditor does; writes nothing."""

    tenant_ods: None = field(default=None, init=False)
    subject: str = field(default="check", init=False)
    role: str = field(default="app_auditor", init=False)
    kind: None = field(default=None, init=False)


Administering = Caller | Operator  # an organisation's administrator, or the installation's acting for it
Entrant = Caller | Operator | SignIn | Inspector
