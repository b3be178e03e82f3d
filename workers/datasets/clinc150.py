"""CLINC150: 150 intents of an assistant's users, and sentences that are none of them.

Layout: one JSON file of [text, intent] pairs under ``train``, ``val``, ``test`` and, out of scope,
``oos_train``, ``oos_val``, ``oos_test``; any of them may be missing.
"""

from __future__ import annotations

from pathlib import Path

from workers.datasets.base import DataSet, Split
from workers.datasets.files import nothing_of, read_json
from workers.datasets.making import Cleaning
from workers.datasets.sentences import Sentence, sentence_data_set
from workers.errors import DataSetError

ABOUT = "150 intents in 10 domains and out of scope, from one sentence"
OUT_OF_SCOPE = "out_of_scope"
_KEYS: tuple[tuple[str, Split], ...] = (
    ("train", "train"),
    ("oos_train", "train"),
    ("val", "validation"),
    ("oos_val", "validation"),
    ("test", "test"),
    ("oos_test", "test"),
)


def load(path: Path) -> DataSet:
    """Read the JSON files of a folder (``data_*.json``, or where there are none all that have one
    of the keys), or one file of any name.

    The label of what is out of scope is ``out_of_scope``, last in the list, where it occurs.
    """
    files = [path] if path.is_file() else _files_in(path)
    cleaning = Cleaning()
    sentences = [
        one for file in files for one in _sentences(file, cleaning, prefixed=len(files) > 1)
    ]
    if not sentences:
        raise nothing_of(path, f"JSON with some of the keys {', '.join(key for key, _ in _KEYS)}")
    found = {one.label for one in sentences}
    return sentence_data_set(
        "clinc150",
        sentences,
        sorted(found - {OUT_OF_SCOPE}) + sorted(found & {OUT_OF_SCOPE}),
        licence="CC BY 3.0",
        origin="CLINC150 (Larson et al. 2019), data_full with its train, validation and, where it "
        "is there, test part, from clinc/oos-eval",
        cleaned=cleaning.told(),
    )


def _files_in(folder: Path) -> list[Path]:
    named = sorted(folder.glob("data_*.json"))
    return named or [file for file in sorted(folder.glob("*.json")) if _has_part(read_json(file))]


def _has_part(tree: object) -> bool:
    return isinstance(tree, dict) and any(isinstance(tree.get(key), list) for key, _ in _KEYS)


def _sentences(file: Path, cleaning: Cleaning, *, prefixed: bool) -> list[Sentence]:
    tree = read_json(file)
    if not isinstance(tree, dict):
        raise DataSetError(f"{file}: expected a JSON object of lists, got another form")
    sentences: list[Sentence] = []
    for key, split in _KEYS:
        for number, pair in enumerate(tree.get(key, ()), start=1):
            if not (
                isinstance(pair, list)
                and len(pair) == 2
                and all(isinstance(part, str) for part in pair)
            ):
                raise DataSetError(
                    f"{file}: {key}: expected pairs [text, intent], got another form in number "
                    f"{number}; copy the file anew"
                )
            text = " ".join(pair[0].split())
            if not text:
                cleaning.dropped("sentence without words")
                continue
            session = f"{key}-{number:05d}"
            name = f"{file.stem}-{session}" if prefixed else session
            label = OUT_OF_SCOPE if key.startswith("oos_") else pair[1]
            sentences.append(Sentence(name, split, text, label))
    return sentences
