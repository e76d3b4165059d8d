"""The pages a person can open: what this is, and the contract."""

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from api.graphql.contract import contract

_STYLE = """
body{margin:0;font:1.1875rem/1.5 Arial,sans-serif;color:#212b32;background:#f0f4f5}
header{background:#005eb8;color:#fff;padding:1rem}main{padding:1rem;max-width:44rem}
h1{font-size:2rem;margin:0}a{color:#005eb8}a:focus{outline:4px solid #212b32;background:#ffeb3b}
code{background:#fff;padding:0 .25rem}.notice{background:#fff9c4;border-left:8px solid #ffb81c;padding:1rem}
"""
_DEMONSTRATION = """<p class="notice"><strong>Demonstration data.</strong> Real organisations are named only for public
facts; dates that are not public are invented, and invented trouble stays on fictional trusts.</p>"""
_PAGE = """<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>reinstate</title><style>{style}</style></head>
<body><header><h1>reinstate</h1></header><main>{notice}
<p>Coordinates the recovery of a national system, trust by trust: who stands where, and who waits for what.</p>
<ul>
<li>Ask and change by GraphQL: <code>POST /graphql</code> with an access token.</li>
<li>Get a token with a client key: <code>POST /oauth2/token</code>, described at
<a href="/.well-known/oauth-authorization-server">/.well-known/oauth-authorization-server</a>.</li>
<li>What can be asked: <a href="/schema.graphql">/schema.graphql</a>.</li>
<li>Whether we can answer: <a href="/readyz">/readyz</a>.</li>
</ul></main></body></html>
"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def routes(*, demonstration: bool) -> list[HTTPRouteHandler]:
    """Return the handlers of the pages."""
    page = _PAGE.format(style=_STYLE, notice=_DEMONSTRATION if demonstration else "")

    @get("/")
    async def home() -> Response[str]:
        """Show what this is."""
        return Response(page, media_type="text/html; charset=utf-8", headers=_HEADERS)

    @get("/schema.graphql")
    async def schema() -> Response[str]:
        """Show the public contract."""
        return Response(contract(), media_type="text/plain; charset=utf-8", headers=_HEADERS)

    return [home, schema]
