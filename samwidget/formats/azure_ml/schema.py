"""The formats as JSON Schemas, for clients and servers that check what they send.

Owns the files in ``schemas/`` alone. The readers of this package do not use them: a schema says what is documented,
and a reader also takes what real clients send.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from samwidget.errors import FormatError

_FOLDER = Path(__file__).parent / "schemas"


def load_schema(name: str) -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) by name: ``azure_ml_request``, ``azure_ml_response_card``, ...

    Raises:
        FormatError: there is no schema of that name.
    """
    names = sorted(path.stem for path in _FOLDER.glob("*.json"))
    if name not in names:
        raise FormatError(f"there is no schema {name!r}", hint=f"give one of {', '.join(names)}")
    schema: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return schema
