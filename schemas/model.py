"""What a pipeline file says of its model: which one, how it is run, who answers in its place."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from schemas.remote import Remote
from schemas.spelling import Spelling
from schemas.strict import Strict
from schemas.units import Duration

#: ``package.module:Class``
ImportName = Annotated[
    str,
    Spelling(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$", "a class as 'package.module:Class'"),
]
#: Names and versions are folders of the registry.
FolderName = Annotated[
    str,
    Spelling(
        r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$",
        "at most 100 letters, digits, '.', '_', '+' and '-', the first a letter or digit",
    ),
]


class ShadowSpec(Strict):
    """A second model that answers the same windows; nobody acts on what it says.

    Without a ``version`` it is the one that is active when a worker starts.
    """

    name: str = Field(min_length=1)
    version: FolderName | None = None


class ExplainSpec(Strict):
    """What each result says of what its answers rest on, besides the model's own shares."""

    #: Fuse each window again without every modality, or also without every sensor of those that
    #: have several, and publish by how much the answers change. A window of k modalities is then
    #: fused k + 1 times, or once more for each such sensor.
    leave_one_out: Literal["none", "modalities", "sensors"] = "none"


class ModelSpec(Strict):
    """Which model fuses the windows: a shipped name, a registry's name, or a folder with
    ``model.json``.

    With ``python``, the name is only what results call the model; with a ``chat`` remote too, and
    with a ``kserve`` remote it is the folder whose ``model.json`` describes what the server holds.
    """

    name: str = Field(min_length=1)
    #: A version in the registry; the active one without it.
    version: FolderName | None = None
    max_batch: int = Field(default=64, gt=0, le=4096)
    #: Longest wait of a sample or window for others to share its batch; the worker's setting
    #: ``max_batch_delay_ms`` without it.
    max_delay: Duration | None = None
    #: What a network in this process computes in; the other two are for devices that are quicker
    #: with them.
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    compile: Literal["none", "inductor", "cuda_graphs"] = "none"
    #: A class of the operator's own that implements ``workers.backends.base.Model``. It is
    #: imported and called with ``options``: only who may write the pipeline file decides that.
    python: ImportName | None = None
    options: dict[str, JsonValue] = Field(default_factory=dict)
    remote: Remote | None = None
    #: Name or folder of the local model that answers where this one does not.
    fallback: str | None = Field(default=None, min_length=1)
    #: Its results go to ``<pipeline>.shadow``, and how often it agrees is measured.
    shadow: ShadowSpec | None = None
    explain: ExplainSpec = ExplainSpec()

    @model_validator(mode="after")
    def _consistent(self) -> ModelSpec:
        if self.python is not None and self.remote is not None:
            raise ValueError("remote: not expected where python names a class; leave one out")
        if self.options and self.python is None:
            raise ValueError("options: only expected where python names a class; leave them out")
        if self.fallback is not None and self.remote is None and self.python is None:
            raise ValueError(
                "fallback: a model in this process has none; expected a remote or python"
            )
        return self
