"""The token endpoints: each takes an open transaction and a form, and answers, to commit and send."""

from collections.abc import Callable

from auth.federation.keys import IssuerKeys
from auth.server.core import Core
from auth.server.form import Answer, FormPost, Refused, read_form
from auth.server.metadata import metadata
from auth.server.request import Context, Request
from auth.server.waiting import Waiting, waiting
from auth.signing import ensure_keys
from auth.tenancy import Transaction
from auth.tokens.issuer import Issuer

_A_MINUTE = {"Cache-Control": "public, max-age=60"}


class TokenServer:
    """Our authorization server. Commit after every answer: a refused assertion is used up, too."""

    def __init__(self, issuer: Issuer, issuer_keys: IssuerKeys | None = None) -> None:
        self._issuer = issuer
        self._issuer_keys = issuer_keys
        self._core = Core()

    async def token(self, db: Transaction, form: FormPost) -> Answer:
        """Give tokens to a client (RFC 6749, 7523, 7636, 8628, 8693)."""
        return await self._ask(db, form, self._issuer.token_url, self._core.create_token_response)

    async def push(self, db: Transaction, form: FormPost) -> Answer:
        """Keep an authorization request until its browser comes (RFC 9126)."""
        return await self._at(db, form, "pushed", self._issuer.pushed_url)

    async def device(self, db: Transaction, form: FormPost) -> Answer:
        """Give a device a code that its person approves elsewhere (RFC 8628)."""
        return await self._at(db, form, "device_authorization", self._issuer.device_url)

    async def revoke(self, db: Transaction, form: FormPost) -> Answer:
        """End a token of the client's, or of its organisation (RFC 7009)."""
        return await self._at(db, form, "revocation", self._issuer.revocation_url)

    async def introspect(self, db: Transaction, form: FormPost) -> Answer:
        """Say what a token of the client's, or of its organisation, says (RFC 7662)."""
        return await self._at(db, form, "introspection", self._issuer.introspection_url)

    async def jwks(self, db: Transaction, _form: FormPost | None = None) -> Answer:
        """Publish the keys that verify tokens (RFC 7517)."""
        ring = await ensure_keys(db, self._issuer)
        return Answer(200, _A_MINUTE, {"keys": list(ring.public.values())})

    def metadata(self) -> Answer:
        """Describe this server (RFC 8414)."""
        return Answer(200, _A_MINUTE, metadata(self._issuer))

    async def _at(self, db: Transaction, form: FormPost, name: str, url: str) -> Answer:
        return await self._ask(db, form, url, lambda request: self._core.create_endpoint_response(name, request))

    async def _ask(self, db: Transaction, form: FormPost, url: str, core: Callable[[Request], Answer]) -> Answer:
        try:
            fields = read_form(form)
            ring = await ensure_keys(db, self._issuer)

            def context(db: Waiting) -> Context:
                return Context(db, self._issuer, ring, self._issuer_keys)

            return await waiting(db, lambda db: core(Request(context(db), fields, url, form.dpop)))
        except Refused as refused:
            return refused.answer(form.request_id)
