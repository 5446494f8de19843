"""The JSON Schemas of the documented request and response, for clients and servers that check what they send.

Owns access to the files in ``schemas/``. The readers in ``messages`` do not use them: a schema describes what is
documented, and the readers also accept what clients send besides.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from samwidget.errors import FormatError

_FOLDER = Path(__file__).parent / "schemas"


def load_schema(name: str) -> dict[str, Any]:
    """A JSON Schema, draft 2020-12.

    Args:
        name: ``azure_ml_request``, ``azure_ml_response_card`` or ``azure_ml_response_service``.

    Raises:
        FormatError: there is no schema with this name.
    """
    names = sorted(path.stem for path in _FOLDER.glob("*.json"))
    if name not in names:
        raise FormatError(f"there is no schema {name!r}", hint=f"give one of {', '.join(names)}")
    schema: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return schema
