"""What `import samwidget` offers, and what it costs."""

import subprocess
import sys
from pathlib import Path

import pytest

import samwidget


def test_every_public_name_loads():
    for name in samwidget.__all__:
        assert getattr(samwidget, name) is not None


def test_all_is_sorted_and_is_the_whole_api():
    # The order of ruff's RUF022: constants, then classes, then functions.
    assert samwidget.__all__ == sorted(samwidget.__all__, key=lambda name: (name.islower(), not name.isupper(), name))
    assert set(samwidget.__all__) == set(samwidget._HOME)
    assert set(dir(samwidget)) == {*samwidget.__all__, "__version__"}


def test_the_type_checker_sees_the_same_names():
    source = Path(samwidget.__file__).read_text()
    block = source.split("if TYPE_CHECKING:")[1].split("__version__")[0]
    for name, home in samwidget._HOME.items():
        assert f"from {home} import" in block
        assert name in block


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'SamWigdet'"):
        samwidget.SamWigdet  # noqa: B018


def test_importing_costs_neither_torch_nor_transformers():
    code = (
        "import sys, samwidget; samwidget.SamWidget; "
        "print([m for m in ('torch', 'transformers', 'scipy', 'httpx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
