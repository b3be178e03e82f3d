"""Keys of servers: named in the pipeline file, held by the environment alone."""

from __future__ import annotations

import os

from pydantic import SecretStr

from schemas.remote import RemoteCall
from workers.errors import ModelError


def bearer(model: str, rules: RemoteCall) -> SecretStr | None:
    """The key that a server is sent; it prints as asterisks.

    Raises ``ModelError`` where the variable that the file names is not set.
    """
    if rules.api_key_env is None:
        return None
    value = os.environ.get(rules.api_key_env, "")
    if not value:
        raise ModelError(
            model, f"expected a key in the environment variable {rules.api_key_env}, it is not set"
        )
    return SecretStr(value)
