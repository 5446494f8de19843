"""Page: what the server answers, as one HTML page that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "code{font-size:1.05em}section{border-top:1px solid #8884;padding:.5rem 0}b{display:inline-block;min-width:4rem}"
)


def page_of(openapi: Mapping[str, Any]) -> str:
    """HTML of an OpenAPI document: its routes with what they do and which statuses they answer with."""
    title, version = escape(openapi["info"]["title"]), escape(openapi["info"]["version"])
    about = escape(openapi["info"]["description"])
    sections = "".join(
        _section(method, path, operation)
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title} {version}</h1><p>{about}</p><p><a href="openapi.json">openapi.json</a></p>{sections}</html>'
    )


def _section(method: str, path: str, operation: Mapping[str, Any]) -> str:
    statuses = "".join(
        f"<li><code>{escape(status)}</code> {escape(answer.get('description', ''))}</li>"
        for status, answer in operation.get("responses", {}).items()
    )
    about = escape(operation.get("description", ""))
    return f"<section><b>{method.upper()}</b><code>{escape(path)}</code><p>{about}</p><ul>{statuses}</ul></section>"
