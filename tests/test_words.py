"""docs/concepts.md is the law for identifiers: every name in Python and TypeScript is held to its table."""

import ast
import keyword
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYTHON = sorted(path for path in (ROOT / "samwidget").rglob("*.py") if "node_modules" not in path.parts)
# messages.ts is generated and speaks in the words of the wire, which keep their spelling.
TYPESCRIPT = sorted(path for path in (ROOT / "samwidget/frontend/src").rglob("*.ts") if path.name != "messages.ts")


def read_law(text):
    """Words that are no whole name, no part of a name and no name of a class, from the table under *Identifiers*."""
    rules = {"alone": set(), "anywhere": set(), "alone, as a class": set()}
    section = text.split("## Identifiers")[1].split("\n## ")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[1] in rules:
            rules[cells[1]] |= {word.strip() for word in cells[0].split(",")}
    assert all(rules.values()), "the table is not where the test looks for it"
    return rules


LAW = read_law((ROOT / "docs/concepts.md").read_text(encoding="utf-8"))


def words_of(name):
    """``lastAnswer``, ``LAST_ANSWER`` and ``last_answer`` are ``last`` and ``answer``."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def python_names(path):
    """Every name that the file itself gives: variables, arguments, attributes, functions, classes and the file."""
    yield 1, path.stem
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


_NOT_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
_DECLARED = re.compile(
    r"\b(?:const|let|function|class|interface|type|enum)\s+(\w+)|\b(\w+)\??\s*:\s|[(,]\s*(\w+)\s*(?=[,)])|(\w+)\s*=>"
)


def typescript_names(path):
    """Every name that the file declares: constants, functions, types, fields and arguments."""
    yield 1, path.stem
    text = _NOT_CODE.sub(lambda match: "\n" * match.group().count("\n"), path.read_text(encoding="utf-8"))
    for match in _DECLARED.finditer(text):
        name = next((group for group in match.groups() if group), "")
        if name and not keyword.iskeyword(name):
            yield text.count("\n", 0, match.start()) + 1, name


def broken(names):
    """The names that the law does not allow, with their lines."""
    for line, name in names:
        words = words_of(name)
        bare = name.strip("_")
        if bare.lower() in LAW["alone"] or LAW["anywhere"].intersection(words) or bare in LAW["alone, as a class"]:
            yield f"{line}: {name}"


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_names_follow_the_law(path):
    assert not list(broken(python_names(path)))


@pytest.mark.parametrize("path", TYPESCRIPT, ids=lambda path: str(path.relative_to(ROOT)))
def test_typescript_names_follow_the_law(path):
    assert not list(broken(typescript_names(path)))


def test_the_check_can_fail(tmp_path):
    bad = tmp_path / "utils.py"
    bad.write_text("class Runs:\n    def load(self, one):\n        self.last_answer = found = one\n")
    assert sorted(broken(python_names(bad))) == ["1: Runs", "1: utils", "2: one", "3: found", "3: last_answer"]
    bad = tmp_path / "album.ts"
    bad.write_text("// const found = 1\nexport const lastAnswer = (each) => each;\n")
    assert sorted(broken(typescript_names(bad))) == ["1: album", "2: each", "2: lastAnswer"]
