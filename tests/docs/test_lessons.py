"""Every lesson runs from top to bottom without a browser, with nothing solved."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytest.importorskip("cv2")
pytest.importorskip("matplotlib")

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.name for path in (NOTEBOOKS / "lessons").glob("*.ipynb"))


@pytest.fixture
def folder(tmp_path):
    """What a student has: the lessons and the photos."""
    for part in ("lessons", "photos"):
        shutil.copytree(NOTEBOOKS / part, tmp_path / part)
    return tmp_path / "lessons"


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_from_top_to_bottom(name, folder):
    notebook = nbformat.read(folder / name, as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    texts = [output["data"]["text/plain"] for output in outputs if "data" in output]
    assert sum("Do this first" in text for text in texts) == 4, "each exercise is open"
    assert any("widget-view+json" in key for output in outputs for key in output.get("data", {}))
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if output.get("name") == "stderr"]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_kept_without_outputs_and_solutions(name):
    notebook = nbformat.read(NOTEBOOKS / "lessons" / name, as_version=4)
    for cell in notebook.cells:
        assert not cell.get("outputs"), "clear the outputs before the commit"
        assert cell.get("execution_count") is None
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "solution" not in code
    assert len(re.findall(r"lesson\.check\(", code)) == 4
