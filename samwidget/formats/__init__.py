"""File formats: pure functions between the values of ``core`` and bytes or JSON. No widget, no network."""

from samwidget.formats.coco import CATEGORIES, annotation_entry, decode_rle, encode_rle, image_entry
from samwidget.formats.labels import DataSet, LabelledImage, LabelledObject, labelled_object
from samwidget.formats.names import describe_unknown
from samwidget.formats.polygons import mask_polygons

__all__ = [
    "CATEGORIES",
    "DataSet",
    "LabelledImage",
    "LabelledObject",
    "annotation_entry",
    "decode_rle",
    "describe_unknown",
    "encode_rle",
    "image_entry",
    "labelled_object",
    "mask_polygons",
]
