"""The caller as a value: for which organisation, by which client, allowed what."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from auth.scope import Scope
from schema.organisation import OrganisationKind


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking. Made by the verifier of tokens, or by the operator's command line; never from an argument."""

    tenant_ods: str
    kind: OrganisationKind
    subject: str
    scopes: AbstractSet[Scope]
    token_id: str = ""
    expires_at: int = 0

    @property
    def role(self) -> str:
        """The database role of this kind of caller."""
        return f"app_{self.kind.value.lower()}"


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


Entrant = Caller | Operator | SignIn | Inspector
