"""The pages that everybody may open: what this is, and the contract."""

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

from api.graphql.contract import contract
from api.pages import look
from api.pages.desk import Asked, Desk


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the handlers of the pages."""

    @get("/schema.graphql")
    async def schema() -> Response[str]:
        """Show the public contract."""
        return Response(contract(), media_type=MediaType.TEXT, headers=look.headers())

    return [desk.shows("/", _home), schema]


async def _home(desk: Desk, _: Asked) -> Response[str]:
    return desk.page("home.html")
