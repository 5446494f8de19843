"""Makes the pictures of docs/gallery.md that Python code makes: ``python -m docs.make_gallery``.

A picture is what the last line of the code block below it returns. Those without a block are of ``make_pictures``.
"""

from __future__ import annotations

import ast
import io
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/gallery.md"
FIGURE = re.compile(r"^!\[[^\]]*\]\((pictures/\w+\.webp)\)\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WIDTH_MAX = 1000


def picture_of(code: str, names: dict[str, Any]) -> Image.Image:
    """Runs a block and returns the value of its last line, a PIL image or a figure of matplotlib, as a picture."""
    *body, last = ast.parse(code).body
    if not isinstance(last, ast.Expr):
        raise ValueError(f"the last line is no expression: {code}")
    exec(compile(ast.Module(body, []), str(PAGE), "exec"), names)
    value = eval(compile(ast.Expression(last.value), str(PAGE), "eval"), names)
    if isinstance(value, Image.Image):
        return value
    file = io.BytesIO()
    value.savefig(file, dpi=150)
    return Image.open(file).convert("RGB")


def main() -> None:
    """Runs the page in a folder with the photos of the notebooks, and writes each picture."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "notebooks/photos", Path(folder) / "photos")
        shutil.copytree(ROOT / "notebooks/photos", folder, dirs_exist_ok=True)
        os.chdir(folder)
        names: dict[str, Any] = {}
        for name, code in FIGURE.findall(PAGE.read_text(encoding="utf-8")):
            picture = picture_of(code, names)
            picture.thumbnail((WIDTH_MAX, WIDTH_MAX))
            picture.save(PAGE.parent / name, quality=82, method=6)
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
