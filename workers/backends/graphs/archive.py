"""Whether a ``torch.export`` archive can be opened without running code that it brings along.

``torch.export.load`` of torch 2.13 trusts its file. It unpickles weights, constants and sample
inputs that say they are pickled, unpickles custom objects, loads compiled libraries, looks the
target of every node up in ``torch`` by its dotted name, imports modules that a tree of arguments
names, hands symbolic expressions to sympy, which evaluates them as Python, and makes a module's
source of the names of nodes. All of that is optional in the format and none of it is needed for
a network. So before torch opens a file its parts are looked at here, as a zip of JSON and raw
tensors, and refused where they hold more than

- one program, ``model``, whose tensors are stored raw (``use_pickle`` false everywhere);
- sample inputs that ``torch.load(weights_only=True)`` reads, which runs no code;
- calls of ATen operators and of the arithmetic of ``operator``, ``math`` and ``torch.sym_…``;
- arguments and outputs in tuples, lists and dicts, under plain names;
- symbolic expressions of symbols, numbers and a few functions of them.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import torch

#: Bytes that the JSON of a program and its sample inputs may have, unpacked.
_MAX_JSON_BYTES = 256_000_000
_PARTS = re.compile(
    r"^(\.data/\w+|\.format/\w+|archive_format|archive_version|byteorder|version"
    r"|models/model\.json"
    r"|data/(weights|constants)/(model_weights_config|model_constants_config)\.json"
    r"|data/weights/weight_\d+|data/constants/tensor_\d+"
    r"|data/sample_inputs/model\.pt)$"
)
#: Characters of one expression.
_MAX_EXPRESSION = 10_000
#: ``aten::from_file`` maps a file of the machine into memory.
_TARGET = re.compile(
    r"^(torch\.ops\.aten\.(?!from_file\b)\w+\.\w+"
    r"|torch\.sym_(int|float|max|min|not|sqrt|ite|sum)"
    r"|_operator\.(getitem|add|sub|mul|mod|neg|pos|pow|floordiv|truediv|eq|ne|lt|le|gt|ge|and_|or_)"
    r"|math\.(ceil|floor|trunc|sqrt))$"
)
_NAME = re.compile(r"^[\w.]*$")
#: Keys of text that torch neither looks up nor makes source of. Guards would be, where they are
#: asked for; shapes are checked against the description instead.
_TEXTS = frozenset(("torch_version", "guards_code", "as_string", "as_strings", "as_float"))
_TREES = (None, "builtins.tuple", "builtins.list", "builtins.dict")
#: What sympy's ``srepr`` writes of sizes.
_FUNCTIONS = re.compile(
    r"^(Symbol|Integer|Float|Rational|Add|Mul|Pow|Max|Min|Mod|And|Or|Not"
    r"|Equality|Unequality|LessThan|GreaterThan|StrictLessThan|StrictGreaterThan"
    r"|PythonMod|FloorDiv|CleanDiv|CeilDiv|IntTrueDiv|FloatTrueDiv|PowByNatural"
    r"|ToFloat|TruncToInt|CeilToInt|FloorToInt|Identity)$"
)
_SYMBOL = re.compile(r"^z?[su]f?\d+$")
_ASSUMPTIONS = frozenset(("positive", "integer", "nonnegative", "real"))


def check_archive(blob: bytes) -> None:
    """Raise ``ValueError``, with what was found, unless the archive is one of those above."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(blob))
    except zipfile.BadZipFile:
        raise ValueError("expected a .pt2 archive (a zip), got something else") from None
    parts = {}
    for info in archive.infolist():
        name = info.filename.partition("/")[2]
        if not _PARTS.match(name):
            raise ValueError(f"expected a program and raw tensors alone, it holds {name!r:.120}")
        if name.endswith((".json", ".pt")):
            if info.file_size > _MAX_JSON_BYTES:
                raise ValueError(f"{name}: larger than {_MAX_JSON_BYTES} bytes")
            parts[name] = archive.read(info)
    if "models/model.json" not in parts:
        raise ValueError("expected one program, named 'model'")
    for name, content in parts.items():
        if name.endswith(".pt"):
            _check_sample_inputs(content)
        else:
            _check_json(name, content)


def _check_sample_inputs(content: bytes) -> None:
    if content:
        try:
            torch.load(io.BytesIO(content), weights_only=True)
        except Exception as error:
            # The text of the failure may quote the file.
            raise ValueError(
                f"sample inputs: expected tensors alone, reading them failed with "
                f"{type(error).__name__}; export again with tensors as arguments"
            ) from None


def _check_json(name: str, content: bytes) -> None:
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError(f"{name}: expected JSON") from None
    for key, value in _pairs(tree):
        _check_value(name, key, value)


def _check_value(name: str, key: str, value: Any) -> None:
    if key == "use_pickle" and value is not False:
        raise ValueError(f"{name}: expected raw tensors, it holds pickled ones")
    if key == "path_name" and not re.fullmatch(r"(weight|tensor)_\d+", str(value)):
        raise ValueError(f"{name}: expected a tensor's file, got {value!r:.80}")
    if key == "target" and _is_call(value) and not _TARGET.match(value):
        raise ValueError(f"expected calls of ATen operators alone, got {value!r:.120}")
    if key in ("in_spec", "out_spec"):
        _check_tree(name, value)
    elif key == "expr_str":
        _check_expression(value)
    elif key not in _TEXTS and isinstance(value, str) and not _NAME.match(value):
        # Names become part of a program's source when torch makes a module of it.
        raise ValueError(f"{name}: {key}: expected a name, got {value!r:.80}")
    if isinstance(value, dict) and key != "range_constraints":
        for each in value:
            if not _NAME.match(each):
                raise ValueError(f"{name}: {key}: expected names as keys, got {each!r:.80}")


def _is_call(target: object) -> bool:
    """Whether torch would look the name up, see ``deserialize_operator``; others stay text."""
    return isinstance(target, str) and target.startswith(("_operator", "torch", "math", "#"))


def _check_tree(name: str, text: object) -> None:
    """A pytree's form, itself JSON; types beyond the builtin ones are looked up and imported."""
    if text in (None, ""):
        return
    try:
        tree = json.loads(str(text))
    except (ValueError, RecursionError):
        raise ValueError(f"{name}: expected a tree of arguments, got something else") from None
    for key, value in _pairs(tree):
        if key == "type" and value not in _TREES:
            raise ValueError(f"expected arguments in tuples, lists and dicts, got {value!r:.80}")


def _check_expression(text: object) -> None:
    """An expression as sympy prints it: ``Mul(Integer(16), Symbol('s80', positive=True))``."""
    try:
        tree = ast.parse(str(text)[:_MAX_EXPRESSION], mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = ast.Name("?")
    waiting: list[ast.expr] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            allowed = bool(_FUNCTIONS.match(node.func.id)) and all(
                each.arg in _ASSUMPTIONS for each in node.keywords
            )
            waiting += [*node.args, *(each.value for each in node.keywords)]
        else:
            allowed = isinstance(node, ast.Constant) and _is_plain(node.value)
        if not allowed:
            raise ValueError(f"expected a symbolic expression of sizes, got {text!r:.80}")


def _is_plain(value: object) -> bool:
    return bool(_SYMBOL.match(value)) if isinstance(value, str) else isinstance(value, int | float)


def _pairs(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every value anywhere in the tree with its key, that of the list for what is in one.

    ``metadata`` of nodes is left out: traces and names of modules, which are only shown.
    """
    waiting: list[tuple[str, Any]] = [("", tree)]
    while waiting:
        key, node = waiting.pop()
        yield key, node
        if isinstance(node, dict):
            waiting += ((k, value) for k, value in node.items() if k != "metadata")
        elif isinstance(node, list):
            waiting += ((key, value) for value in node)
