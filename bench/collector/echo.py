"""The ceiling: an application that reads the body and answers 202, on Starlette and uvicorn, and does nothing else.

python -m bench.collector.echo PORT
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def echo(request: Request) -> Response:
    """202, once the whole body is there."""
    await request.body()
    return Response(b'{"accepted":1,"rejected":[]}', 202, media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[Route("/v1/events", echo, methods=["POST"])]),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )
