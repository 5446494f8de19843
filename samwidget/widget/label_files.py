"""Label files: the methods of ``SamWidget`` that write its objects to files of other programs, and read them back.

Owns which image of a file is that of the widget, and how a label becomes an object. The formats are in ``formats``,
which is imported when it is needed: most widgets never need it.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from samwidget.core import SegmentedObject
from samwidget.errors import FormatError, PromptError, warn_user
from samwidget.images import find_path, is_address
from samwidget.widget.labelling import Labelling
from samwidget.widget.protocol.fields import NAME_CHARACTERS_MAX, checked_name

if TYPE_CHECKING:
    import pandas as pd

    from samwidget.formats import DataSet, LabelledImage


class LabelFiles(Labelling):
    """What goes into files and comes out of them. docs/formats.md has the formats."""

    _source: Any  # as the user passed the image in
    _image: npt.NDArray[np.uint8]

    def labelled_image(self) -> LabelledImage:
        """Returns the image and its objects as ``samwidget.formats`` has them."""
        from samwidget.formats import LabelledImage, labelled_object

        path = _path_of(self._source)
        name = path.name if path is not None else _name_of_address(self._source)
        objects = tuple(labelled_object(item) for item in self.objects)
        return LabelledImage(name, self._image_hw, objects, path, lambda: self._image)

    def export(self, path: str | PathLike[str], format: str | None = None, **options: Any) -> Path:  # noqa: A002
        """Writes all objects to a file or folder that other programs read, and returns its path.

        What was there stays where the writing fails. A SamWidgetWarning tells what the format cannot hold.

        Args:
            path: of the file: ``.json`` is COCO, ``.geojson``, ``.csv`` and ``.parquet`` a table of measurements,
                ``.png`` and ``.tif`` a label map. With ``format`` also a folder.
            format: ``coco``, ``yolo``, ``labelme``, ``voc``, ``geojson``, ``label_map``, ``table`` or ``cutouts``;
                None takes that of the name.
            **options: of the format, such as ``polygons=True`` of COCO or ``pixel_size=0.5`` of a table.

        Raises:
            FormatError: the name does not say which format, the format cannot hold the objects, or the disk refuses.
            TypeError: the format has no such option.
        """
        from samwidget.formats import DataSet, write_labels

        return write_labels(DataSet((self.labelled_image(),), self.classes), path, format, **options)

    def measure(self, *, pixel_size: float | None = None, unit: str = "um") -> pd.DataFrame:
        """Returns a DataFrame of pandas with a row for each object: area, box, centroid, perimeter, colour and others.

        Args:
            pixel_size: side of a pixel, in ``unit``; None measures in pixels alone.
            unit: its name, for the names of columns.

        Raises:
            FormatError: ``pixel_size`` is not above 0, or pandas is not installed.
        """
        from samwidget.formats import DataSet, to_pandas

        return to_pandas(DataSet((self.labelled_image(),)), pixel_size=pixel_size, unit=unit)

    def load(
        self,
        labels: str | PathLike[str] | LabelledImage | DataSet,
        format: str | None = None,  # noqa: A002
        **options: Any,
    ) -> tuple[SegmentedObject, ...]:
        """Adds the objects of a file that another program or ``export`` wrote, and returns them.

        A mask becomes an object that is exact to the pixel, and a click refines it. Of a box the model makes a mask:
        such objects come first, in a step of their own. An object without a class gets the active class. Of a file
        with several images it takes the one with the name of this image. What cannot be taken is named in one
        SamWidgetWarning.

        Args:
            labels: path of the file or folder, or what ``samwidget.formats`` read of it.
            format: as for ``export``; None takes that of the name and of the content.
            **options: of the format, such as ``transform`` of GeoJSON.

        Raises:
            FormatError: it cannot be read, or it has no image of this name or of this size.
            ModelError: there are boxes, and there is no model, or it failed.
        """
        from samwidget.formats import DataSet, LabelledImage, read_labels

        path = _path_of(self._source)
        if isinstance(labels, LabelledImage):
            data, name = DataSet((labels,)), labels.file_name
        elif isinstance(labels, DataSet):
            data, name = labels, "the data set"
        else:
            data = read_labels(labels, format, size_hw=self._image_hw, image_path=path, **options)
            name = find_path(labels).name
        image = self._chosen(tuple(data.images), name)
        if not image.objects:
            warn_user(f"{name} has no objects of this image")
        boxes = [item for item in image.objects if item.box is not None]
        masks = [item for item in image.objects if item.run_lengths is not None and item.run_lengths.area > 0]
        added: tuple[SegmentedObject, ...] = ()
        if boxes:
            added = self.add_boxes(
                [item.box_xyxy for item in boxes],
                [_allowed_name(item.name) for item in boxes],
                [_allowed_name(item.class_name) for item in boxes],
            )
        if masks:
            run_lengths = [item.run_lengths for item in masks if item.run_lengths is not None]
            names = [_allowed_name(item.name) for item in masks]
            classes = [_allowed_name(item.class_name) for item in masks]
            added += self._objects_of(lambda commands: commands.add_masks(run_lengths, names, classes, "keep"))
        return added

    def _chosen(self, images: tuple[LabelledImage, ...], name: str) -> LabelledImage:
        """The image of a file that is this one; raises FormatError where there is none, or it has another size."""
        own = self.labelled_image().file_name
        if len(images) == 1:
            image = images[0]
        else:
            same = [item for item in images if _stem(item.file_name) == _stem(own)]
            exact = [item for item in same if PurePosixPath(item.file_name).name == own]
            if len(exact or same) != 1:
                file_names = ", ".join(item.file_name for item in images[:5])
                count = "several images" if same else "no image"
                raise FormatError(
                    f"{name} has {count} called {own}",
                    hint=f"its {len(images)} images are {file_names}" if images else "",
                )
            image = (exact or same)[0]
        if image.size_hw != self._image_hw:
            sizes = [f"{width} x {height}" for height, width in (image.size_hw, self._image_hw)]
            raise FormatError(
                f"{image.file_name} in {name} has {sizes[0]} pixels, and this image has {sizes[1]}",
                hint="open the image that the labels were made on",
            )
        return image


def _path_of(source: object) -> Path | None:
    """The file that an image was read from; None where it was none on this machine."""
    if not isinstance(source, (str, PathLike)) or (isinstance(source, str) and is_address(source)):
        return None
    try:
        path = find_path(source)
        return path if path.is_file() else None
    except (OSError, ValueError):  # a data URL is too long for a file's name
        return None


def _name_of_address(source: object) -> str:
    if isinstance(source, str) and is_address(source):
        return PurePosixPath(source.partition("?")[0]).name or "image.png"
    return "image.png"


def _stem(file_name: str) -> str:
    return PurePosixPath(file_name).stem.casefold()


def _allowed_name(name: str | None) -> str | None:
    """A name of a file as one of the widget: without line breaks, and not longer than is allowed."""
    if name is None:
        return None
    try:
        return checked_name(" ".join(name.split())[:NAME_CHARACTERS_MAX])
    except PromptError:  # half a character, which no view can show
        return None
