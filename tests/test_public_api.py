"""What `import samwidget` offers, and what it costs."""

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import samwidget


def test_every_public_name_loads():
    for name in samwidget.__all__:
        assert getattr(samwidget, name) is not None


def test_the_installed_version_is_the_one_in_the_source():
    assert importlib.metadata.version("samwidget") == samwidget.__version__


def test_all_is_the_whole_api():
    assert set(dir(samwidget)) == set(samwidget.__all__)


def test_the_type_checker_sees_the_same_names():
    stub = Path(samwidget.__file__).with_suffix(".pyi")
    names = [
        alias.asname
        for node in ast.parse(stub.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted(names) == sorted(samwidget.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="SamWigdet"):
        samwidget.SamWigdet  # noqa: B018


def test_importing_costs_neither_torch_nor_transformers():
    code = (
        "import sys, samwidget; samwidget.SamWidget; "
        "print([m for m in ('torch', 'transformers', 'scipy', 'httpx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_first_click_loads_no_module():
    """All that a mask needs is loaded with the model: the first one is as fast as the others."""
    code = (
        "import sys, numpy as np, samwidget\n"
        "predictor = samwidget.SamPredictor.from_pretrained()\n"
        "predictor.set_image(np.zeros((30, 50, 3), np.uint8))\n"
        "before = set(sys.modules)\n"
        "predictor.predict(np.array([[20, 10]]), np.array([1]))\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
