"""The Lua scripts: loaded from package data, run by digest."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

#: What every script begins with, and what taking a batch in consists of besides.
_SHARED = ("common", "session", "closing")
_OWN = {"apply": ("batch", "whole", "single")}


@cache
def source(name: str) -> str:
    """A script with the parts that it uses before it; one text, as Redis knows no modules."""
    folder = files("streams.align") / "lua"
    parts = (*_SHARED, *_OWN.get(name, ()), name)
    return "".join((folder / f"{part}.lua").read_text() for part in parts)


@cache
def _digest(name: str) -> str:
    # Redis names scripts by SHA-1; nothing here is a secret.
    return hashlib.sha1(source(name).encode(), usedforsecurity=False).hexdigest()


async def run(client: Redis, name: str, key: str, *args: bytes | str | int) -> list[object]:
    """Run a script on one key; sends its text only to a server that does not have it yet."""
    try:
        answer = await client.evalsha(_digest(name), 1, key, *args)
    except NoScriptError:
        answer = await client.eval(source(name), 1, key, *args)
    return list(answer)
