"""The token endpoints: each takes an open transaction and a form, and answers, to commit and send."""

from collections.abc import Callable

from auth.server.core import Context, Core, Request
from auth.server.form import Answer, FormPost, Refused, read_form
from auth.server.metadata import metadata
from auth.server.waiting import waiting
from auth.signing import ensure_keys
from auth.tenancy import Transaction
from auth.tokens.issuer import Issuer

_A_MINUTE = {"Cache-Control": "public, max-age=60"}


class TokenServer:
    """Our authorization server. Commit after every answer: a refused assertion is used up, too."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._core = Core()

    async def token(self, db: Transaction, form: FormPost) -> Answer:
        """Give a token to a client that proves itself (RFC 6749, 7523)."""
        return await self._ask(db, form, self._core.create_token_response)

    async def revoke(self, db: Transaction, form: FormPost) -> Answer:
        """End a token of the client's organisation (RFC 7009)."""
        return await self._ask(db, form, lambda request: self._core.create_endpoint_response("revocation", request))

    async def introspect(self, db: Transaction, form: FormPost) -> Answer:
        """Say what a token of the client's organisation says (RFC 7662)."""
        return await self._ask(db, form, lambda request: self._core.create_endpoint_response("introspection", request))

    async def jwks(self, db: Transaction, _form: FormPost | None = None) -> Answer:
        """Publish the keys that verify tokens (RFC 7517)."""
        ring = await ensure_keys(db, self._issuer)
        return Answer(200, _A_MINUTE, {"keys": list(ring.public.values())})

    def metadata(self) -> Answer:
        """Describe this server (RFC 8414)."""
        return Answer(200, _A_MINUTE, metadata(self._issuer))

    async def _ask(self, db: Transaction, form: FormPost, core: Callable[[Request], Answer]) -> Answer:
        try:
            fields = read_form(form)
            ring = await ensure_keys(db, self._issuer)
            return await waiting(db, lambda db: core(Request(Context(db, self._issuer, ring), fields)))
        except Refused as refused:
            return refused.answer(form.request_id)
