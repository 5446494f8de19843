"""Paging: the methods of ``SamWidget`` for several images: which one is shown, states, copies of objects.

``turning`` does the work. They run in order with the user's clicks, as those of ``prompting``.
"""

from __future__ import annotations

from samwidget.core import SegmentedObject
from samwidget.widget.label_files import LabelFiles
from samwidget.widget.session_view import SessionView
from samwidget.widget.turning import Turning


class Paging(LabelFiles):
    """A widget of a folder, a glob pattern or a list shows one image at a time. docs/folders.md tells about it."""

    @property
    def _turning(self) -> Turning:
        raise NotImplementedError

    @property
    def session(self) -> SessionView:
        """``w.session.images``: all images, each with path, name, state and objects; ``w.session.path``: the file."""
        return SessionView(self._turning)

    def go_to(self, index: int) -> None:
        """Shows another image, by its index from 0. What was asked before is carried out on the image that was there.

        Raises:
            PromptError: there is no such image.
            ImageError: it cannot be read.
            SessionError: what was changed on this image cannot be saved.
            ClosedError: after ``close``.
        """
        turning = self._turning
        turning.present.worker.call(lambda: turning.go_to(index))

    def next(self) -> None:
        """Shows the next image that can be read; raises PromptError where there is none, and as ``go_to``."""
        turning = self._turning
        turning.present.worker.call(lambda: turning.step(1))

    def previous(self) -> None:
        """Shows the image before, if it can be read; raises PromptError where there is none, and as ``go_to``."""
        turning = self._turning
        turning.present.worker.call(lambda: turning.step(-1))

    def accept_image(self) -> bool:
        """Says that the image is done, and shows the next one that is neither done nor skipped.

        Returns:
            False where there is none: this image stays.

        Raises:
            SessionError: as ``go_to``.
            ClosedError: after ``close``.
        """
        turning = self._turning
        return turning.present.worker.call(turning.accept)

    def copy_objects(self, from_image: int | None = None, *, prompts: bool = False) -> tuple[SegmentedObject, ...]:
        """Adds the objects of another image to this one, in one step of the history, and returns them.

        Args:
            from_image: its index; None is the image before.
            prompts: whether the model makes masks of their points and boxes here; otherwise they are the same pixels.

        Raises:
            PromptError: there is no such image, it has no objects, or it has another size (without ``prompts``).
            ModelError: there is no model, or it failed.
            ClosedError: after ``close``.
        """
        turning = self._turning
        return turning.present.worker.call(lambda: turning.copy_and_publish(from_image, prompts=prompts))
