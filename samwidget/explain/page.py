"""A film as HTML with its player: for saved notebooks, exported pages and slides, where no kernel is.

``player.js`` plays; nothing is loaded from elsewhere.
"""

from __future__ import annotations

import html
import json
from importlib.resources import files
from typing import Any


def page_of(recording: dict[str, Any], live_name: str = "") -> str:  # Any: what JSON holds
    """HTML that plays the film in any browser.

    Args:
        recording: what ``Film.to_json`` returns.
        live_name: the class of a live player on the same page. Where there is one, the HTML stays hidden.
    """
    # In a script, "</" would end it.
    text = json.dumps(recording, separators=(",", ":"), ensure_ascii=True).replace("</", "<\\/")
    script = files("samwidget.explain").joinpath("player.js").read_text(encoding="utf-8")
    return (
        f'<div class="samwidget-film" data-live="{html.escape(live_name)}" hidden></div>'
        f"<script>{{\nconst recording = {text};\n{script}\n}}</script>"
    )
