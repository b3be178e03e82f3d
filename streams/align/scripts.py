"""The Lua scripts: loaded from package data, run by digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from redis.asyncio import Redis
from redis.exceptions import NoScriptError


@cache
def source(name: str) -> str:
    """A script's text."""
    return (files("streams.align") / "lua" / f"{name}.lua").read_text()


@cache
def _digest(name: str) -> str:
    # Redis names scripts by SHA-1; nothing here is a secret.
    return hashlib.sha1(source(name).encode(), usedforsecurity=False).hexdigest()


async def run(
    client: Redis, name: str, keys: Sequence[str], *args: bytes | str | int
) -> list[object]:
    """Run a script; sends its text only to a server that does not have it yet."""
    try:
        answer = await client.evalsha(_digest(name), len(keys), *keys, *args)
    except NoScriptError:
        answer = await client.eval(source(name), len(keys), *keys, *args)
    return list(answer)
