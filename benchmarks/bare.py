"""What is the gateway compared with? A bare Starlette application whose routes speak JSON and do one Redis round trip.

Written as one would: the asynchronous client, one command, nobody asked who they are.
"""

from __future__ import annotations

import os

import redis.asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

HASH = "bench:bare"


def create() -> Starlette:
    """Return the application."""
    client = redis.asyncio.Redis.from_url(os.environ["FLEET_BROKER__URL"], decode_responses=True)

    async def read(_request: Request) -> JSONResponse:
        return JSONResponse(await client.hgetall(HASH))

    async def write(request: Request) -> JSONResponse:
        body = await request.json()
        await client.hset(HASH, mapping={"type": body["task_type"], "priority": body["priority"]})
        return JSONResponse({"answer": "accepted"}, 202)

    return Starlette(routes=[Route("/tasks/{task_id}", read), Route("/tasks", write, methods=["POST"])])
