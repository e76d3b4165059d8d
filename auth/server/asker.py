"""The machine that asks for a token, once it has proved itself."""

from dataclasses import dataclass

from auth.scope import Scope, named
from auth.server.form import Refused
from schema.organisation import OrganisationKind
from schema.people.api_client import AssertionProfile

METHOD = "private_key_jwt"
GRANT = "client_credentials"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
LIFE = {AssertionProfile.NHS: 599, AssertionProfile.RFC7523: 300}


@dataclass(frozen=True)
class Asker:
    """A machine that proved itself, in the words of Authlib's ClientMixin."""

    client_id: str
    tenant_ods: str
    kind: OrganisationKind
    profile: AssertionProfile
    holds: frozenset[Scope]
    dpop_bound: bool = False

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """Tell whether the client may prove itself so: by its key alone."""
        return method == METHOD

    def check_grant_type(self, grant_type: str) -> bool:
        """Tell whether the client may use this grant."""
        return grant_type in {GRANT, EXCHANGE}

    @property
    def token_life(self) -> int:
        """Seconds that its tokens live."""
        return LIFE[self.profile]

    def narrowed(self, scope: str | None) -> frozenset[Scope]:
        """Return the scopes it asks for, all of its own when it names none."""
        names = set((scope or "").split(" ")) - {""}
        granted = named(names, self.holds) if names else self.holds
        if not granted or not all(named([name], self.holds) for name in names):
            raise Refused("The requested scope is unknown, or not this client's", error="invalid_scope")
        return granted
