"""What ``model.json`` says of a model of Hugging Face classifiers, and its folder, checked.

Each modality has a classifier in a folder of its own, as ``save_pretrained`` writes it: weights as
safetensors, configuration, and the tokenizer or preprocessor beside them. ``labels`` tells which
label of the task each of its outputs means; several outputs may mean the same one.

- ``encode`` is the classifier's logits for one sample, float32.
- ``fuse`` takes, task by task, the mean over a modality's samples of the logarithms of their
  probabilities, then the mean over the modalities that are there, and normalises: a logarithmic
  opinion pool with equal weights (Genest and Zidek, Statistical Science, 1986). A task that has no
  sample has no answer.
- A modality's share is its weight: 1 over the number of modalities there, averaged over the tasks
  that have any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import msgspec

from schemas.sample import Modality
from workers.backends.graphs.description import wrong_tasks
from workers.errors import ModelError
from workers.registry.layout import MODEL_FILE

#: What a classifier can be made of here, and the class of transformers that loads it.
LOADERS: Mapping[Modality, str] = {
    Modality.VIDEO: "AutoModelForImageClassification",
    Modality.IMAGE: "AutoModelForImageClassification",
    Modality.AUDIO: "AutoModelForAudioClassification",
    Modality.TEXT: "AutoModelForSequenceClassification",
}
#: Nothing that is run or unpickled: no ``.py``, ``.bin``, ``.pt``, ``.pkl``.
_SUFFIXES = (".json", ".safetensors", ".txt", ".model", ".md", ".jinja")


class ClassifierForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One classifier. ``folder``: its name beside ``model.json``. ``labels``: by output index, the
    label of ``task`` that it means. ``files``: name -> sha256, hex, of every file in the folder.
    """

    folder: str
    task: str
    labels: list[str]
    files: dict[str, str]


class ClassifiersManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``model.json``. ``tasks``: task -> labels. ``classifiers``: by modality."""

    name: str
    version: str
    architecture: str
    tasks: dict[str, list[str]]
    classifiers: dict[str, ClassifierForm]
    description: str = ""

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities that have a classifier."""
        return tuple(Modality(name) for name in self.classifiers)


def read_classifiers(name: str, folder: Path) -> tuple[ClassifiersManifest, str]:
    """A description whose files are as it says, and the sha256 of its bytes, hex.

    Raises ``ModelError``: a description that is none or wrong, a file that is missing, not listed,
    of another digest, or of a kind that could run code.
    """
    try:
        text = (folder / MODEL_FILE).read_bytes()
        manifest = msgspec.json.decode(text, type=ClassifiersManifest)
    except OSError as error:
        raise ModelError(name, f"{MODEL_FILE} cannot be read ({error.strerror})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelError(
            name, f"{MODEL_FILE} is not a description of classifiers: {error}"
        ) from None
    if line := wrong_tasks(manifest.tasks):
        raise ModelError(name, line)
    for modality, form in manifest.classifiers.items():
        where = f"classifiers.{modality}"
        if modality not in set(LOADERS):
            raise ModelError(
                name, f"{where}: expected a modality of {sorted(LOADERS)}, got {modality!r}"
            )
        if set(form.labels) != set(manifest.tasks.get(form.task, ())):
            raise ModelError(
                name,
                f"{where}: expected an output for each label of a task, got the labels "
                f"{sorted(set(form.labels))} for task {form.task!r}",
            )
        _check_files(name, folder, form)
    if {form.task for form in manifest.classifiers.values()} != set(manifest.tasks):
        raise ModelError(name, "expected a classifier for every task")
    return manifest, hashlib.sha256(text).hexdigest()


def _check_files(name: str, folder: Path, form: ClassifierForm) -> None:
    if not form.folder or PurePosixPath(form.folder).name != form.folder:
        raise ModelError(name, f"expected a folder's name beside {MODEL_FILE}, got {form.folder!r}")
    own = folder / form.folder
    found = {path.relative_to(own).as_posix() for path in own.rglob("*") if not path.is_dir()}
    if found != set(form.files):
        odd = min(found ^ set(form.files))
        raise ModelError(
            name, f"{form.folder}/{odd}: expected the files that {MODEL_FILE} lists and no others"
        )
    for file, sha256 in sorted(form.files.items()):
        if not file.endswith(_SUFFIXES):
            raise ModelError(
                name,
                f"{form.folder}/{file}: expected files of {', '.join(_SUFFIXES)} alone, which run "
                "no code; save the weights as safetensors",
            )
        digest = hashlib.sha256((own / file).read_bytes()).hexdigest()
        if digest != sha256.lower():
            raise ModelError(
                name,
                f"digest mismatch: {MODEL_FILE} names sha256 {sha256} of {form.folder}/{file}, it "
                f"has {digest}",
            )


def digests(folder: Path) -> dict[str, str]:
    """``files`` of a classifier's folder, to be written into ``model.json``."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
