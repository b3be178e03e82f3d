"""Media types such as ``audio/pcm;rate=16000;channels=1``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from workers.errors import CodecError


@dataclass(frozen=True, slots=True)
class MediaType:
    """``essence`` is ``type/subtype``; it and the parameters' names are lower case."""

    essence: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def integer(self, name: str, default: int) -> int:
        """A whole-number parameter; ``CodecError('bad_parameter')`` where it is no number."""
        text = self.parameters.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()) or len(text) > 9:
            raise CodecError(
                "bad_parameter", f"{self.essence}: expected a whole number for {name!r}"
            )
        return int(text)


# A pipeline has a handful of content types; the bound keeps hostile headers from filling memory.
@lru_cache(maxsize=256)
def parse_media_type(content_type: str) -> MediaType:
    """Read a content-type string (RFC 9110, 8.3.1); a parameter without ``=`` is ignored.

    >>> parse_media_type('Text/Plain; charset="utf-8"')
    MediaType(essence='text/plain', parameters={'charset': 'utf-8'})
    """
    essence, *rest = content_type.split(";")
    parameters = {}
    for part in rest:
        name, equals, value = part.partition("=")
        if equals:
            parameters[name.strip().lower()] = value.strip().strip('"')
    return MediaType(essence.strip().lower(), parameters)
