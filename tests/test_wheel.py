"""The wheel, installed alone in an empty environment, holds and does what the README says."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT], check=True, capture_output=True
    )
    (path,) = folder.glob("*.whl")
    return path


def test_it_holds_bundle_network_and_notebooks(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "samwidget/static/widget.js",
        "samwidget/static/widget.css",
        "samwidget/static/THIRD_PARTY_NOTICES.txt",
        "samwidget/__init__.pyi",
        "samwidget/models/__init__.pyi",
        "samwidget/serving/__init__.pyi",
        "samwidget/models/nano/bundled/config.json",
        "samwidget/models/nano/bundled/model.safetensors",
        "samwidget/models/nano/bundled/CARD.md",
        "samwidget/formats/azure_ml/schemas/azure_ml_request.json",
        "samwidget/notebooks/01_first_mask.ipynb",
        "samwidget/notebooks/photos/coffee.jpg",
        "samwidget/notebooks/photos/ORIGIN.md",
        "samwidget/py.typed",
    ):
        assert name in names


def test_it_holds_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    strange = [
        name for name in names if name.startswith(("samwidget/frontend", "tests", "docs")) or "node_modules" in name
    ]
    assert not strange


def test_it_is_small(wheel):
    assert wheel.stat().st_size < 25e6


def test_the_bundle_is_one_file_that_fetches_nothing():
    bundle = (ROOT / "samwidget/static/widget.js").read_text()
    assert "import " not in bundle[:200] or "from" not in bundle[:200]
    for address in ("https://esm.sh", "https://cdn", "https://unpkg", "jsdelivr"):
        assert address not in bundle


def test_installed_alone_and_offline_it_segments_a_photo(wheel, tmp_path):
    # The dependencies come from this environment through a path file that lists them and not the checkout.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    python = (
        next((tmp_path / "env").glob("bin/python")) if sys.platform != "win32" else tmp_path / "env/Scripts/python.exe"
    )
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    site = Path(where.stdout.strip())
    zipfile.ZipFile(wheel).extractall(site)
    import numpy

    # `addsitedir` is not used on purpose: it would run this environment's path file that points at the checkout.
    (site / "dependencies.pth").write_text(str(Path(numpy.__file__).parent.parent))
    code = (
        "import samwidget, pathlib; home = pathlib.Path(samwidget.__file__).parent; "
        f"assert {str(site)!r} in str(home), home; "
        "p = samwidget.SamPredictor.from_pretrained(); p.set_image(home / 'notebooks/photos/coffee.jpg'); "
        "masks, scores, logits = p.predict(point_coords=[[300, 150]], point_labels=[1]); "
        "print(masks.shape, bool(masks[scores.argmax()][150, 300]))"
    )
    done = subprocess.run(
        [python, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(3, 400, 600) True"
