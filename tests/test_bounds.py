"""The bounds in pyproject.toml are what `make lowest` installs, and every page names the same versions of Python."""

import ast
import importlib
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Python 3.10 has no tomllib; pytest brings tomli there.
toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
PYPROJECT = toml.loads((ROOT / "pyproject.toml").read_text())
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9-]+)(\[[a-z,]+\])?>=(?P<version>[0-9.]+)")
"""What every requirement looks like: a lowest version that was run, and no highest one."""


def requirements():
    """The requirements of the package, its extras, and the tests: all that `make lowest` installs."""
    project = PYPROJECT["project"]
    yield from project["dependencies"]
    for extra in project["optional-dependencies"].values():
        yield from extra
    yield from PYPROJECT["dependency-groups"]["test"]


# Imported where they are installed: readers of rare images, and the programs that show the widget.
OPTIONAL = {"bokeh", "fsspec", "ipython", "shiny", "tifffile"}


def names_of(requirements):
    return {REQUIREMENT.match(requirement)["name"].lower() for requirement in requirements}


def test_every_package_that_is_imported_is_a_requirement():
    distributions = importlib.metadata.packages_distributions()
    declared = names_of(requirements()) | OPTIONAL | {"samwidget", "azureml-inference-server-http"}
    unknown = set()
    for path in (ROOT / "samwidget").rglob("*.py"):
        if "node_modules" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module]
            for module in {module.split(".")[0] for module in modules} - sys.stdlib_module_names:
                names = {name.lower().replace("_", "-") for name in distributions.get(module, [module])}
                if not names & declared:
                    unknown.add((str(path.relative_to(ROOT)), module))
    assert not unknown


@pytest.mark.parametrize("requirement", sorted(set(requirements())))
def test_a_requirement_has_a_lowest_version_and_no_other_bound(requirement):
    assert REQUIREMENT.fullmatch(requirement)


def test_a_package_has_one_bound_wherever_it_is_named():
    versions = {}
    for match in map(REQUIREMENT.fullmatch, requirements()):
        versions.setdefault(match["name"].lower(), set()).add(match["version"])
    assert not {name: bounds for name, bounds in versions.items() if len(bounds) > 1}


def test_the_lowest_versions_are_the_bounds():
    text = (ROOT / ".ci/lowest.txt").read_text()
    pins = [line for line in text.splitlines() if line and not line.startswith("#")]
    bounds = {f"{match['name'].lower()}=={match['version']}" for match in map(REQUIREMENT.fullmatch, requirements())}
    assert pins == sorted(bounds)


def test_every_place_names_the_same_versions_of_python():
    classifier = "Programming Language :: Python :: "
    pythons = [text.removeprefix(classifier) for text in PYPROJECT["project"]["classifiers"] if classifier in text]
    pythons.remove("3")
    assert PYPROJECT["project"]["requires-python"] == f">={pythons[0]}"
    assert PYPROJECT["tool"]["mypy"]["python_version"] == pythons[0]
    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{pythons[0].replace('.', '')}"
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    assert "python: [" + ", ".join(f'"{python}"' for python in pythons) + "]" in workflow
