"""The packages of docs/architecture.md, import by import: downward only, through public faces, without circles."""

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "samwidget"
FRONTEND = PACKAGE / "frontend/src"

# What each part may import of samwidget, besides itself and `errors`.
MAY_IMPORT = {
    "core": set(),
    "files": set(),
    "images": {"core"},
    "formats": {"core", "files", "images"},
    "models": {"core", "images", "formats"},
    "predict": {"core", "files", "images", "models", "formats"},
    "compat": {"core", "images", "models", "predict", "formats"},
    "document": {"core"},
    "page": {"core", "files", "images", "models"},
    "widget": {"core", "images", "models", "predict", "document", "formats", "page", "training"},
    "replaying": {"core", "images", "models", "predict", "document", "formats"},
    "training": {"core", "files", "images", "models", "predict"},
    "batch": {"core", "files", "images", "models", "predict", "formats"},
    "explain": {"core", "images", "models", "predict", "document", "training", "widget", "replaying"},
    "serving": {"core", "images", "models", "predict", "formats"},
    "cli": {"core", "files", "images", "models", "predict", "document", "formats", "page", "serving", "batch"},
}
# Frameworks stay at the rim.
TORCH_ONLY_IN = {"models", "predict", "compat", "training"}
# The face of samwidget itself names everything, lazily.
OWN_FACE = {"__init__", "__main__", "errors"}


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
        if part in OWN_FACE:
            continue
        for line, name in imports_of(path):
            words = name.split(".")
            if words[0] != "samwidget" or len(words) == 1 or words[1] in {part, "errors"}:
                continue
            if words[1] not in MAY_IMPORT[part]:
                wrong.append(f"{path.relative_to(PACKAGE.parent)}:{line}: {part} may not import {words[1]}")
    assert not wrong, "\n".join(wrong)


def test_other_packages_are_entered_through_their_face():
    """What others may import is in a package's ``__init__``; the files behind it are private."""
    wrong = [
        f"{path.relative_to(PACKAGE.parent)}:{line}: import it from the package, not from {name}"
        for path, part in modules()
        for line, name in imports_of(path)
        if name.startswith("samwidget.")
        and name.split(".")[1] not in {part, "errors", "files", "cli", "replaying"}
        and not (PACKAGE.parent / name.replace(".", "/")).is_dir()
    ]
    assert not wrong, "\n".join(wrong)


def test_torch_stays_where_networks_are():
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
    parts = {part for _, part in modules()} - OWN_FACE
    assert parts == set(MAY_IMPORT)


def names_in_face(folder):
    """Public name of a package to the file that defines it, from its ``__init__``."""
    stub = folder / "__init__.pyi"
    tree = ast.parse((stub if stub.exists() else folder / "__init__.py").read_text())
    package = ".".join(folder.relative_to(PACKAGE.parent).parts)
    homes = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = f"{package}.{node.module}" if node.level else node.module or ""
            homes.update({alias.asname or alias.name: module for alias in node.names})
    return homes


def home_of(module, name):
    """The file that an import of ``name`` from ``module`` reaches, through as many faces as there are."""
    folder = PACKAGE.parent / module.replace(".", "/")
    if not folder.is_dir():
        return folder.with_suffix(".py")
    if (folder / f"{name}.py").exists():
        return folder / f"{name}.py"
    behind = names_in_face(folder).get(name)
    return home_of(behind, name) if behind and behind.startswith("samwidget") else folder / "__init__.py"


def python_imports():
    """File to the files that it imports, also those for the type checker alone."""
    graph = {}
    for path, _ in modules():
        nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        graph[path] = {
            home_of(node.module, alias.name)
            for node in nodes
            if (node.module or "").split(".")[0] == "samwidget" and path.name != "__init__.py"
            for alias in node.names
        }
    return graph


def typescript_imports():
    """File to the files that it imports, types among them."""
    graph = {}
    for path in sorted(FRONTEND.rglob("*.ts")):
        found = re.findall(r'from\s+"(\.[^"]+)"', path.read_text(encoding="utf-8"))
        graph[path] = {
            target
            for name in found
            if (target := (path.parent / name).resolve().with_suffix(".ts")) in graph or target.exists()
        }
    return graph


def circles(graph):
    """Groups of files of which each reaches the others."""
    reached = {}
    for start in graph:
        reached[start], waiting = set(), [*graph[start]]
        while waiting:
            if (path := waiting.pop()) not in reached[start]:
                reached[start].add(path)
                waiting += graph.get(path, ())
    return [path for path, targets in reached.items() if path in targets]


def test_no_python_files_import_each_other():
    assert not [str(path.relative_to(PACKAGE)) for path in circles(python_imports())]


def test_no_typescript_files_import_each_other():
    assert not [str(path.relative_to(FRONTEND)) for path in circles(typescript_imports())]


def test_the_check_can_fail(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("from samwidget.widget import widget\nimport torch\n")
    assert list(imports_of(bad)) == [(1, "samwidget.widget"), (2, "torch")]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert home_of("samwidget", "Prompt") == PACKAGE / "core/prompt.py"
