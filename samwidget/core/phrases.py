"""Phrases: what is looked for, in words, as users write it. Pure; called by ``predict.find`` and by the widget."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from samwidget.errors import PromptError


def checked_phrases(text: Any) -> tuple[str, ...]:
    """The phrases without blanks around them, each once; none where ``text`` is None.

    Raises:
        PromptError: it is neither a phrase nor several, or one is blank.
    """
    if text is None:
        return ()
    values = list(text) if isinstance(text, Iterable) and not isinstance(text, str | bytes) else [text]
    hint = 'write what to find in a few words, such as "coin", or several phrases: ["coin", "red leaf"]'
    if not values:
        raise PromptError("there is no phrase in the list", hint=hint)
    for value in values:
        if not isinstance(value, str):
            raise PromptError(f"a phrase is no text: {value!r:.40}", hint=hint)
        if not value.strip():
            raise PromptError("a phrase is empty", hint=hint)
    return tuple(dict.fromkeys(" ".join(value.split()) for value in values))
