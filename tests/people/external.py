"""A site that believes the tokens of two trusts' own providers, and what a test asks of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from api.database import embedded
from auth.caller import Caller
from auth.tokens.access_token import Unauthenticated
from auth.tokens.verifier import Verifier
from schema.people.account import Role
from tests.installed import Site
from tests.people.answering import answering
from tests.people.provider import Provider, mapped, register, site_with_issuers, unique


class World(SimpleNamespace):
    """A site, an issuer of one trust's and one of another's, and a verifier."""

    site: Site
    verifier: Verifier
    ours: Provider
    theirs: Provider

    def caller(self, token: str) -> Caller:
        """Return who a token makes of its bearer."""
        return self.site.runner.run(self.verifier.verify(token))

    def refused(self, token: str, why: str = "") -> None:
        """Hold that a token is refused, for this reason."""
        with pytest.raises(Unauthenticated, match=why or None) as caught:
            self.caller(token)
        assert caught.value.code == "invalid_token"

    def run(self, work: Any) -> Any:
        """Run what is asynchronous; whoever asks next sees it."""
        found = self.site.runner.run(work)
        self.verifier = Verifier(self.site.issuer, self.site.database, self.verifier._issuer_keys)
        return found

    def provider(self, ods_code: str = "R1A", alg: str = "ES256", **stated: Any) -> Provider:
        """Have a new provider of an organisation's, its codes `T1 it` mapped to one who reports tests there."""
        provider = Provider(self.server, unique(), alg)
        issuer = self.run(register(self.site, provider, ods_code, **stated))
        for role, codes in ((Role.TRUST_IT, "T1 it"), (Role.TRUST_CSO, "T1 cso"), (Role.TRUST_SIRO, "T1 siro")):
            self.run(mapped(self.site, issuer, role, codes))
        provider.issuer = issuer
        return provider


@contextmanager
def two_trusts(cluster: embedded.Server) -> Iterator[World]:
    """Have two trusts, each with a provider of its own."""
    with answering() as server, site_with_issuers(cluster) as site:
        found = World(site=site, server=server, verifier=Verifier(site.issuer, site.database))
        found.ours, found.theirs = found.provider("R1A"), found.provider("RYG")
        yield found
