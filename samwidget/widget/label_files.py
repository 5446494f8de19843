"""Label files: the methods of ``SamWidget`` that write its objects to files of other programs, and read them back.

Owns which images of a file are those of the widget, and how a label becomes an object. ``exporting`` says which images
are written. The formats are in ``formats``, which is imported when it is needed: most widgets never need it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from samwidget.core import SegmentedObject, Size, make_prompt
from samwidget.errors import FormatError, ImageError, PromptError, warn_user
from samwidget.images import find_path
from samwidget.widget.controller import Controller
from samwidget.widget.exporting import LabelledImages, existing_path, labelled_image, with_bar
from samwidget.widget.labelling import Labelling
from samwidget.widget.matching import CutNames, ImageNames, check_size, chosen_image, listed, matched_images
from samwidget.widget.turning import Turning

if TYPE_CHECKING:
    import pandas as pd

    from samwidget.formats import DataSet, LabelledImage


class LabelFiles(Labelling):
    """What goes into files and comes out of them. docs/formats.md has the formats."""

    @property
    def _source(self) -> Any:
        """The image that is shown, as the user passed it in."""
        raise NotImplementedError

    @property
    def _image(self) -> npt.NDArray[np.uint8]:
        raise NotImplementedError

    @property
    def _turning(self) -> Turning:
        raise NotImplementedError

    def labelled_image(self) -> LabelledImage:
        """Returns the image that is shown and its objects as ``samwidget.formats`` has them."""
        self._turning.caught_up()
        return labelled_image(self._turning, self._turning.index)

    def labelled_images(self, images: str = "labelled") -> DataSet:
        """Returns all images and their objects as ``samwidget.formats`` has them.

        They are made one by one, anew each time somebody goes through them, so that a thousand need no more memory than
        one.

        Args:
            images: ``labelled``: all but those that are new or skipped; ``done``: those alone; ``this``: the one that
                is shown; or ``all``. A widget of one image has that one.

        Raises:
            FormatError: there is no such choice.
        """
        from samwidget.formats import DataSet

        return DataSet(LabelledImages(self._turning, images), self.classes)

    def export(
        self,
        path: str | PathLike[str],
        format: str | None = None,  # noqa: A002
        images: str = "labelled",
        **options: Any,
    ) -> Path:
        """Writes the objects to a file or folder that other programs read, and returns its path.

        What was there stays where the writing fails. A SamWidgetWarning tells what the format cannot hold.

        Args:
            path: of the file: ``.json`` is COCO, ``.geojson``, ``.csv`` and ``.parquet`` a table of measurements,
                ``.png`` and ``.tif`` a label map. With ``format`` also a folder.
            format: ``coco``, ``yolo``, ``labelme``, ``voc``, ``geojson``, ``label_map``, ``table`` or ``cutouts``;
                None takes that of the name.
            images: of a widget with several: ``labelled``, all but those that are new or skipped; ``done``, ``this``
                or ``all``, as for ``labelled_images``.
            **options: of the format, such as ``polygons=True`` of COCO or ``pixel_size=0.5`` of a table.

        Raises:
            FormatError: the name does not say which format, the format cannot hold the objects, or the disk refuses.
            TypeError: the format has no such option.
        """
        from samwidget.formats import DataSet, write_labels

        chosen = LabelledImages(self._turning, images)
        chosen.check_not_empty()
        counted = with_bar(chosen, len(chosen), "export")
        return write_labels(DataSet(counted, self.classes), path, format, **options)

    def measure(self, *, pixel_size: float | None = None, unit: str = "um", images: str = "labelled") -> pd.DataFrame:
        """Returns a DataFrame of pandas with a row for each object: area, box, centroid, perimeter, colour and others.

        Args:
            pixel_size: side of a pixel, in ``unit``; None measures in pixels alone.
            unit: its name, for the names of columns.
            images: as for ``export``.

        Raises:
            FormatError: ``pixel_size`` is not above 0, or pandas is not installed.
        """
        from samwidget.formats import to_pandas

        return to_pandas(self.labelled_images(images), pixel_size=pixel_size, unit=unit)

    def load(
        self,
        labels: str | PathLike[str] | LabelledImage | DataSet,
        format: str | None = None,  # noqa: A002
        **options: Any,
    ) -> tuple[SegmentedObject, ...]:
        """Adds the objects of a file that another program or ``export`` wrote, and returns them, in one step.

        A mask becomes an object that is exact to the pixel, and a click refines it. Of a box the model makes a mask. An
        object without a class gets the active class. What cannot be taken is named in one SamWidgetWarning.

        A widget of one image takes of a file with several the one with its name. A widget of several images shows one
        after the other and adds to each what the file has of it, in one step on that image. Then it shows again what it
        had shown, and returns the objects of that one: those of a thousand would not fit into memory.

        Args:
            labels: path of the file or folder, or what ``samwidget.formats`` read of it.
            format: as for ``export``; None takes that of the name and of the content.
            **options: of the format, such as ``transform`` of GeoJSON.

        Raises:
            FormatError: it cannot be read, or it has no image of this name or of this size.
            ModelError: there are boxes, and there is no model, or it failed.
        """
        from samwidget.formats import DataSet, LabelledImage, read_labels

        turning, cut = self._turning, CutNames()
        if isinstance(labels, LabelledImage):
            data, name = DataSet((labels,)), labels.file_name
        elif isinstance(labels, DataSet):
            data, name = labels, "the data set"
        else:
            path = existing_path(turning.source(turning.index))
            data = read_labels(labels, format, size_hw=self._known_size(), image_path=path, **options)
            name = find_path(labels).name
        images = tuple(data.images)
        if len(turning) == 1 or isinstance(labels, LabelledImage):
            image = chosen_image(images, self.labelled_image(), name)
            if not image.objects:
                warn_user(f"{name} has no objects of this image")
            added = _add_labels(self._controller, image, cut)
        else:
            added = self._fill(matched_images(images, ImageNames(turning.table.names), name), name, cut)
        cut.warn(name)
        return added

    def _known_size(self) -> Size | Callable[[str], Size | None]:
        """The size of images that a file does not tell: of the only one, or of the one with a name."""
        turning = self._turning
        if len(turning) == 1:
            return self._image_hw
        index_of = ImageNames(turning.table.names)

        def size_of(file_name: str) -> Size | None:
            indices = index_of.indices(file_name)
            if len(indices) != 1:
                return None
            size = turning.size_hw(indices[0])
            return size or _size_of(turning.read(indices[0]))

        return size_of

    def _fill(
        self, matched: Sequence[tuple[int, LabelledImage]], name: str, cut: CutNames
    ) -> tuple[SegmentedObject, ...]:
        """Adds the objects of a file to several images, one after the other; one that refuses stays as it was.

        Returns:
            What was added to the image that is shown.
        """
        turning = self._turning
        added: tuple[SegmentedObject, ...] = ()
        refused: list[str] = []
        worker, before = turning.present.worker, turning.index
        try:
            for index, image in with_bar(matched, len(matched), "load"):
                try:
                    objects = self._fill_one(index, image, name, cut)
                    added = objects if index == before else added
                except (FormatError, ImageError, PromptError) as error:
                    refused.append(f"{image.file_name} ({error})")
        finally:
            worker.call(partial(_show, turning, before))
        if refused:
            warn_user(f"nothing was added to {listed(refused)}")
        return added

    def _fill_one(self, index: int, image: LabelledImage, name: str, cut: CutNames) -> tuple[SegmentedObject, ...]:
        """Shows an image and adds what a file has of it; only boxes wait until the image is encoded."""
        turning = self._turning

        def work() -> Callable[[], tuple[SegmentedObject, ...]]:
            controller = _show(turning, index)
            check_size(image, _size_of(controller.image.pixels), name)
            if any(item.run_lengths is None for item in image.objects):
                return lambda: _add_labels(controller, image, cut)
            added = _add_labels(controller, image, cut)
            return lambda: added

        return turning.present.worker.call(work)()


def _show(turning: Turning, index: int) -> Controller:
    """Shows an image; returns its controller, which refuses changes once somebody has turned the page."""
    turning.go_to(index)
    return turning.present


def _add_labels(controller: Controller, image: LabelledImage, cut: CutNames) -> tuple[SegmentedObject, ...]:
    """Adds the objects of a file in one step, in the order of the file."""
    items = [item for item in image.objects if item.run_lengths is None or item.run_lengths.area > 0]
    prompts = [
        make_prompt(None, None, item.box_xyxy) if item.run_lengths is None else item.run_lengths for item in items
    ]
    names = [cut.allowed(item.name) for item in items]
    class_names = [cut.allowed(item.class_name) for item in items]
    return controller.add_prompts(prompts, names, class_names) if items else ()


def _size_of(pixels: npt.NDArray[np.uint8]) -> Size:
    return (pixels.shape[0], pixels.shape[1])
