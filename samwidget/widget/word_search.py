"""Word search: the task to find what phrases and example boxes describe. No state.

Owns which phrases may be searched in a widget: those that may be the name of a class, since what is found gets it. The
search is in ``predict.find``; ``everything`` runs it step by step. Called by ``handlers`` and ``prompting``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from samwidget.core import checked_phrases
from samwidget.errors import PromptError
from samwidget.widget.everything import SearchTask
from samwidget.widget.network import Network
from samwidget.widget.protocol.fields import NAME_CHARACTERS_MAX, checked_name, short_text


def words_task(
    network: Network, text: Any, boxes: Any, excluded_boxes: Any, threshold: float | None = None
) -> SearchTask:
    """Returns the task; a found object gets its phrase as class.

    Args:
        network: has the image and the model.
        text: a phrase or several; None where boxes alone say what to find.
        boxes: around examples, in image pixels.
        excluded_boxes: the same, around objects that are not wanted.
        threshold: least score; None for the default.

    Raises:
        PromptError: a phrase is none, blank or too long. What else is wrong is raised when the search begins.
    """
    phrases = checked_phrases(text)
    for phrase in phrases:
        if len(phrase) > NAME_CHARACTERS_MAX:
            raise PromptError(
                f"the phrase {short_text(phrase)} has {len(phrase)} characters, at most {NAME_CHARACTERS_MAX} are read",
                hint='name the object in a few words, such as "red apple"; several phrases are a list',
            )
        checked_name(phrase)
    return SearchTask(
        partial(network.words, phrases or None, boxes, excluded_boxes, threshold),
        "words",
        phrase=", ".join(phrases),
        class_of=lambda found_object: found_object.phrase,
    )
