"""Saved page: shows the saved picture where a notebook was exported as HTML and its widgets cannot be loaded.

An export that holds the state of widgets shows them in the place of their pictures, and loads what they need from the
web: offline, nothing is there. So each display of a widget is followed by a script that no notebook shows. In an
exported page it puts the picture that the state holds below the empty view; the stylesheet of the widget hides it.

A notebook that nbconvert runs ends with its last cell, so the picture is brought up to date after each cell.
"""

from __future__ import annotations

import weakref
from typing import Any, Protocol

from samwidget.widget.photo import Photo

# A page loads only where the script came with it: in a notebook that runs, the script does nothing and leaves nothing.
_SCRIPT = """<script data-samwidget="saved">
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => {
  const type = (kind) => `script[type="application/vnd.jupyter.widget-${kind}+json"]`;
  const views = [...document.querySelectorAll(type("view"))].filter(
    (view) => JSON.parse(view.textContent).model_id === "MODEL_ID",
  );
  const states = [...document.querySelectorAll(type("state"))].map(
    (state) => JSON.parse(state.textContent).state["MODEL_ID"],
  );
  const saved = states.flatMap((state) => state?.buffers ?? []).find(({ path }) => path[0] === "_snapshot");
  for (const view of views.filter(({ nextElementSibling }) => saved?.data && !nextElementSibling)) {
    const picture = new Image();
    picture.className = "samwidget-saved";
    picture.alt = "The image with its masks, as saved";
    picture.src = `data:image/jpeg;base64,${saved.data}`;
    view.after(picture);
  }
});
</script>"""


class Shows(Protocol):
    """What shows a photo: one, or one after the other."""

    @property
    def photo(self) -> Photo:
        """That is shown now."""


def draw_after_cells(shows: Shows) -> None:
    """Draws the saved picture at the end of each cell of IPython that has changed it, while ``shows`` exists."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    reference = weakref.ref(shows)

    def draw(*_: object) -> None:
        present = reference()
        if present is None or present.photo.worker.is_closed:
            shell.events.unregister("post_run_cell", draw)
        else:
            present.photo.refresh_snapshot()

    shell.events.register("post_run_cell", draw)


def publish_saved_page(model_id: str) -> None:
    """Adds the script for one widget to the output of the cell that runs."""
    from IPython.display import publish_display_data

    bundle: dict[str, Any] = {"text/html": _SCRIPT.replace("MODEL_ID", model_id), "text/plain": ""}
    publish_display_data(bundle)  # type: ignore[no-untyped-call]
