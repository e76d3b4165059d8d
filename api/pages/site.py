"""Every page, put together."""

from litestar.handlers import HTTPRouteHandler

from api.pages import account, device, home, new_password, second_factor, sign_in
from api.pages.desk import Desk


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the routes of every page but those that lead to other issuers and applications."""
    pages = (home, sign_in, second_factor, new_password, account, device)
    return [route for page in pages for route in page.routes(desk)]
