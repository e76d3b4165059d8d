"""The metrics, as Prometheus asks for them."""

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from api.metrics import CONTENT_TYPE, Exposition


def route(exposition: Exposition) -> HTTPRouteHandler:
    """Return the handler of /metrics."""
    kind = CONTENT_TYPE.removesuffix("; charset=utf-8")  # Litestar says it

    @get("/metrics")
    async def metrics() -> Response[bytes]:
        """Show what was counted since this process started."""
        return Response(exposition.text(), media_type=kind, headers={"Cache-Control": "no-store"})

    return metrics
