"""Tells griffe which names are public: those of ``__init__.pyi``, of which lazy_loader makes ``__all__``."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import griffe


class StubNames(griffe.Extension):
    """Fills in ``__all__`` of each package with a stub, in the stub's order."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Reads the stubs of a package and of the packages inside."""
        folders = pkg.filepath if isinstance(pkg.filepath, list) else [pkg.filepath.parent]
        for stub in (folder / "__init__.pyi" for folder in folders):
            if stub.exists():
                pkg.exports = names_in(stub)
        for module in pkg.modules.values():
            if not module.is_alias and module.is_package | module.is_subpackage:
                self.on_package(pkg=module)


def names_in(stub: Path) -> list[str | griffe.ExprName]:
    """Returns the names that a stub imports, in its order."""
    imports = [node for node in ast.parse(stub.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
    return [alias.asname or alias.name for node in imports for alias in node.names]
