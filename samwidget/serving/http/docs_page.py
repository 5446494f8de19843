"""The page ``/docs``: the OpenAPI document as HTML that loads nothing from the web. ``app`` answers with it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "code{font-size:1.05em}section{border-top:1px solid #8884;padding:.5rem 0}b{display:inline-block;min-width:4rem}"
)


def render_docs_page(openapi: Mapping[str, Any]) -> str:
    """HTML with the routes of an OpenAPI document: what each one does, and its statuses.

    Args:
        openapi: the document as FastAPI makes it: nested JSON values of many kinds.
    """
    title, version = escape(openapi["info"]["title"]), escape(openapi["info"]["version"])
    description = escape(openapi["info"]["description"])
    sections = "".join(
        _render_route(method, path, operation)
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title} {version}</h1><p>{description}</p><p><a href="openapi.json">openapi.json</a></p>'
        f"{sections}</html>"
    )


def _render_route(method: str, path: str, operation: Mapping[str, Any]) -> str:
    statuses = "".join(
        f"<li><code>{escape(status)}</code> {escape(response.get('description', ''))}</li>"
        for status, response in operation.get("responses", {}).items()
    )
    description = escape(operation.get("description", ""))
    return (
        f"<section><b>{method.upper()}</b><code>{escape(path)}</code><p>{description}</p><ul>{statuses}</ul></section>"
    )
