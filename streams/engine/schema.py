"""A Faust schema without codecs: the message's value already is a chunk."""

from __future__ import annotations

from typing import Any

from faust.serializers.schemas import Schema
from faust.types import Message
from faust.types.app import AppT


class ChunkSchema(Schema[None, Any]):
    """Passes the ``Chunk`` through to the agent; keys stay with the chunk's records."""

    def loads_key(self, app: AppT, message: Message, **_: Any) -> None:
        """No key: a chunk holds records of many keys."""

    def loads_value(self, app: AppT, message: Message, **_: Any) -> Any:
        """The chunk itself."""
        return message.value
