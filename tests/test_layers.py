"""Imports run downward only: the picture in docs/architecture.md, checked line by line."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "samwidget"

# What each part may import of samwidget, besides itself and `errors`.
MAY_IMPORT = {
    "core": set(),
    "files": set(),
    "images": {"core"},
    "formats": {"core", "images"},
    "models": {"core", "images", "formats"},
    "predict": {"core", "images", "models"},
    "document": {"core"},
    "widget": {"core", "images", "models", "predict", "document", "formats"},
    "training": {"core", "images", "models", "predict"},
    "batch": {"core", "files", "images", "models", "predict", "formats"},
    "serving": {"core", "images", "models", "predict", "formats"},
    "cli": {"core", "files", "images", "models", "predict", "document", "formats", "serving", "batch"},
}
# Frameworks stay at the rim.
TORCH_ONLY_IN = {"models", "predict", "training"}
# The package's own front door names everything, lazily.
FRONT_DOOR = {"__init__", "__main__", "errors"}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        if "node_modules" not in path.parts:
            yield path, path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the import in full"
            yield node.lineno, node.module or ""


def test_imports_run_downward():
    wrong = []
    for path, part in modules():
        if part in FRONT_DOOR:
            continue
        for line, name in imports_of(path):
            words = name.split(".")
            if words[0] != "samwidget" or len(words) == 1 or words[1] in {part, "errors"}:
                continue
            if words[1] not in MAY_IMPORT[part]:
                wrong.append(f"{path.relative_to(PACKAGE.parent)}:{line}: {part} may not import {words[1]}")
    assert not wrong, "\n".join(wrong)


def test_torch_stays_in_models_predict_and_training():
    wrong = [
        f"{path.relative_to(PACKAGE.parent)}:{line}: {part} may not import {name}"
        for path, part in modules()
        for line, name in imports_of(path)
        if name.split(".")[0] in {"torch", "transformers"} and part not in TORCH_ONLY_IN
    ]
    assert not wrong, "\n".join(wrong)


def test_nobody_imports_torchvision():
    wrong = [
        f"{path}:{line}"
        for path, _ in modules()
        for line, name in imports_of(path)
        if name.split(".")[0] == "torchvision"
    ]
    assert not wrong, "\n".join(wrong)


def test_every_part_is_in_the_table():
    parts = {part for _, part in modules()} - FRONT_DOOR
    assert parts == set(MAY_IMPORT)


def test_the_check_can_fail(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("from samwidget.widget import widget\nimport torch\n")
    assert list(imports_of(bad)) == [(1, "samwidget.widget"), (2, "torch")]
