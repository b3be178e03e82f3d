"""Packages that only some kinds of model need: nothing else needs them, and who does is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workers.backends.extras import require
from workers.errors import ModelError

EXTRAS = ["grpc", "httpx", "google.protobuf", "onnx", "onnxruntime", "onnxscript", "transformers"]
REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_package_that_is_not_there_is_one_line_with_what_to_install() -> None:
    with pytest.raises(ModelError, match=r"pip install 'sensorium\[remote\]'"):
        require("no_such_package.part", "remote")


def test_a_package_that_misses_something_itself_is_not_taken_for_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "halfway.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        require("halfway", "remote")


def test_a_shipped_model_opens_without_any_of_them() -> None:
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({EXTRAS!r}))\n"
        "from schemas.model import ModelSpec\n"
        "from schemas.sample import Modality\n"
        "from workers.backends.opening import Surroundings, open_model\n"
        "where = Surroundings({m.value: m for m in Modality}, device='cpu')\n"
        "print(open_model(ModelSpec(name='call'), where).ref.name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "call"), done.stderr
