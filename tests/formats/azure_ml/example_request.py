"""A request with one row, for tests that change one cell of it."""

import base64

from samwidget.formats.azure_ml.messages import COLUMNS

IMAGE = b"\x89PNG bytes of a file"
IMAGE_TEXT = base64.b64encode(IMAGE).decode()


def request_of(points="", boxes="", labels="", several=True, image=IMAGE_TEXT):
    return {"input_data": {"columns": list(COLUMNS), "index": [0], "data": [[image, points, boxes, labels, several]]}}
