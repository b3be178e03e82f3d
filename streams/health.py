"""``/metrics``, ``/livez`` and ``/readyz`` of a worker, on a small web server of their own.

Alive: the event loop answers. Ready: every named condition holds (partitions assigned, model warm,
Redis reachable); the body says which does not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

#: Name -> whether it holds now.
Conditions = Mapping[str, Callable[[], Awaitable[bool]]]


def health_app(registry: CollectorRegistry, conditions: Conditions) -> web.Application:
    """The web application; ``conditions`` are asked at every call of ``/readyz``."""

    async def livez(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        states = {name: await holds() for name, holds in conditions.items()}
        ready = all(states.values())
        return web.json_response({"ready": ready, **states}, status=200 if ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app = web.Application()
    app.add_routes(
        [web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)]
    )
    return app


@asynccontextmanager
async def serve_health(
    registry: CollectorRegistry, conditions: Conditions, *, host: str, port: int
) -> AsyncIterator[int]:
    """Serve while the block runs; gives the port (a free one where 0 was asked for)."""
    runner = web.AppRunner(health_app(registry, conditions), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
