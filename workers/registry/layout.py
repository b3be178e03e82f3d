"""Where models lie, and what their names may be.

::

    models/<name>/active.json          which version is active, and which were
    models/<name>/<version>/           a version: model.json and what it names
    models/<name>/<version>/SHA256SUMS digests of its files, as ``sha256sum -c`` reads them
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from workers.errors import ModelError

MODEL_FILE = "model.json"
ACTIVE_FILE = "active.json"
SUMS_FILE = "SHA256SUMS"
#: Where the models that come with the package lie, one folder per pipeline.
SHIPPED = Path(__file__).resolve().parents[1] / "models"

#: Fit for a folder on any system; no dot first, so that none is hidden or leads elsewhere.
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


class Identity(msgspec.Struct, frozen=True):
    """What every ``model.json`` says, whatever else is in it. ``sha256``: of the weights, hex."""

    name: str
    version: str
    sha256: str = ""


def is_part(value: str) -> bool:
    """Whether a name or version is fit for a folder."""
    return _PART.fullmatch(value) is not None


def check_part(kind: str, value: str) -> str:
    """The name or version itself. Raises ``ModelError`` where it is not fit for a folder."""
    if not is_part(value):
        raise ModelError(
            value,
            f"expected a {kind} of letters, digits and any of '._+-', beginning with a letter or "
            "digit and at most 100 long; name it otherwise",
        )
    return value


def read_identity(folder: Path) -> Identity:
    """Who the model in a folder says it is. Raises ``ModelError``."""
    try:
        return msgspec.json.decode((folder / MODEL_FILE).read_bytes(), type=Identity)
    except OSError as error:
        raise ModelError(
            str(folder), f"expected a readable {MODEL_FILE} in it, got {error.strerror}"
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelError(
            str(folder), f"{MODEL_FILE} does not say which model it is: {error}"
        ) from None
