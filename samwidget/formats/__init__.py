"""File formats: pure functions between the values of ``core`` and bytes or JSON. No widget, no network."""

from samwidget.formats.coco import CATEGORIES, annotation_entry, decode_rle, encode_rle, image_entry
from samwidget.formats.cutouts import cut_out
from samwidget.formats.detections import from_detections, to_detections
from samwidget.formats.file_formats import FORMATS, FileFormat, read_labels, write_labels
from samwidget.formats.geotiff import geo_reference
from samwidget.formats.label_map import masks_of
from samwidget.formats.labels import DataSet, LabelledImage, LabelledObject, labelled_object
from samwidget.formats.measurements import measure, to_pandas
from samwidget.formats.names import describe_unknown
from samwidget.formats.polygons import mask_polygons

__all__ = [
    "CATEGORIES",
    "FORMATS",
    "DataSet",
    "FileFormat",
    "LabelledImage",
    "LabelledObject",
    "annotation_entry",
    "cut_out",
    "decode_rle",
    "describe_unknown",
    "encode_rle",
    "from_detections",
    "geo_reference",
    "image_entry",
    "labelled_object",
    "mask_polygons",
    "masks_of",
    "measure",
    "read_labels",
    "to_detections",
    "to_pandas",
    "write_labels",
]
