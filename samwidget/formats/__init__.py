"""File formats: pure functions between the values of ``core`` and bytes or JSON. No widget, no network."""

from samwidget.formats.coco import CATEGORIES, annotation_entry, decode_rle, encode_rle, image_entry

__all__ = ["CATEGORIES", "annotation_entry", "decode_rle", "encode_rle", "image_entry"]
