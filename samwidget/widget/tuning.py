"""Tuning: the method of ``SamWidget`` that teaches its model the objects of its images.

The learning is in ``training``, which is imported when it is needed. It works on a copy of the model, so the widget
goes on with its own until the copy is better.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from samwidget.errors import ModelError
from samwidget.widget.controller import Controller
from samwidget.widget.exporting import LabelledImages
from samwidget.widget.model_sources import ModelOptions, source_of
from samwidget.widget.paging import Paging

if TYPE_CHECKING:
    from samwidget.predict import SamPredictor
    from samwidget.training import FineTuned


class Tuning(Paging):
    """What a widget's objects can teach its model. docs/fine_tuning.md tells about it."""

    @property
    def _controller(self) -> Controller:
        raise NotImplementedError

    @property
    def predictor(self) -> SamPredictor:
        """The predictor; waits until the model is loaded."""
        raise NotImplementedError

    def fine_tune(
        self, folder: str | PathLike[str] | None = None, *, images: str = "labelled", use: bool = True, **options: Any
    ) -> FineTuned:
        """Teaches a copy of the model the objects of the images, and uses it if it is better on held-out images.

        It learns for five minutes at most (``minutes``); the notebook's Stop button keeps the best so far. Objects keep
        their masks. Where anything fails, or nothing is better, the widget keeps the model that it has.

        Args:
            folder: of the new model, as for ``samwidget.training.fine_tune``: a value of ``model=`` later.
            images: which are learned from, as for ``export``: ``labelled``, ``done``, ``this`` or ``all``.
            use: whether the widget uses the new model.
            **options: of ``samwidget.training.fine_tune``, such as ``minutes`` and ``held_out``.

        Raises:
            FormatError: there are too few objects, or the folder exists; see ``samwidget.training.fine_tune``.
            UnsupportedModelError: the model is neither ``nano`` nor a SAM 1.
            ModelError: a package is missing, or the learning failed.
            ClosedError: after ``close``.
        """
        try:
            from samwidget.training import fine_tune
        except ImportError as error:
            raise ModelError(f"fine-tuning needs {error.name}", hint="pip install 'samwidget[train]'") from error
        chosen = LabelledImages(self._turning, images)
        chosen.check_not_empty()
        predictor, name = self.predictor, self._controller.network.name
        result = fine_tune(chosen, folder, model=predictor if predictor.name == name else name, **options)
        if use and result.folder is not None:
            self._turning.models.use(source_of(result.folder, ModelOptions()), ModelOptions())
        return result
