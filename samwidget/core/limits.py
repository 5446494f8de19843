"""Limits that more than one layer keeps."""

PIXELS_MAX = 178_956_970
"""Pixels of the largest image that is read. Pillow refuses the same number by default as a decompression bomb."""
