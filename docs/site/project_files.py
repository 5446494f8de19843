"""Gives MkDocs the project's own files: its pages, its notebooks, and the sources and folders that pages link to.

The tree of the site is the tree of the project, so a relative link leads to the same file here and where a person reads
the repository. A notebook shows the results that `make outputs` wrote to build/notebooks, where its code is the same.
"""

from __future__ import annotations

import html
import json
import re
import sys
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

from samwidget.page import write_shared
from samwidget.predict import SamPredictor

sys.path.insert(0, str(Path(__file__).parents[2]))  # MkDocs loads this file by its path

from docs.site import live_lessons

ROOT = Path(__file__).parents[2]
EXECUTED = ROOT / "build/notebooks"
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs/**/*.md", "samwidget/models/nano/bundled/CARD.md")
PICTURES = ("docs/pictures/*",)
NOTEBOOKS = ("notebooks/*.ipynb", "notebooks/lessons/*.ipynb")
WIDE = ("docs/index.md", "docs/gallery.md")
FRONT = "docs/index.md"
FRONT_NOTE = (
    "This is the widget itself, not a picture: the model runs in your browser. Click on something in the photo."
)
COMMAND_LINE = "docs/reference/command_line.md"
LIVE = "docs/lessons/"
LINK = re.compile(r"\]\(([^)#\s]+)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".ts": "typescript"}
UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"


class ProjectPage(File):
    """A file of the project that becomes a page, whatever its suffix."""

    def __init__(self, uri: str, config: MkDocsConfig) -> None:
        super().__init__(uri, str(ROOT), config.site_dir, use_directory_urls=False, dest_uri=address_of(uri))

    def is_documentation_page(self) -> bool:
        """Returns True, where MkDocs looks at the suffix."""
        return True

    @property
    def path(self) -> Path:
        """The file in the project."""
        return ROOT / self.src_uri


class SourcePage(ProjectPage):
    """A file of code or text, shown as it is."""

    @property
    def content_string(self) -> str:
        """The code in a block, with the path as the title."""
        language = LANGUAGES.get(self.path.suffix, "text")
        text = self.path.read_text(encoding="utf-8").rstrip()
        return f"{UNSEARCHED}# `{self.src_uri}`\n\n``````{language}\n{text}\n``````\n"


class FolderPage(ProjectPage):
    """A folder: a list of links to its files."""

    @property
    def content_string(self) -> str:
        """The list."""
        links = [f"- [`{name}`]({self.path.name}/{name})" for name in names_in(self.path)]
        return "\n".join([f"{UNSEARCHED}# `{self.src_uri}`", "", *links, ""])


class NotebookPage(ProjectPage):
    """A notebook: its text, its code, and its results where they are known."""

    @cached_property
    def cells(self) -> list[dict[str, Any]]:
        """The cells, with the outputs of the executed copy if its code is this code."""
        executed = EXECUTED / self.path.relative_to(ROOT / "notebooks")
        cells = _cells(self.path)
        copies = _cells(executed) if executed.exists() else []
        return copies if _sources(copies) == _sources(cells) else cells

    @property
    def content_string(self) -> str:
        """Markdown with a mark in the place of each output; ``on_page_content`` puts the outputs there."""
        parts = []
        for number, cell in enumerate(self.cells):
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                parts.append(source)
            elif cell["cell_type"] == "code" and source.strip():
                parts.append(f"``````python\n{source}\n``````")
                if cell.get("outputs"):
                    parts.append(f"output-of-cell-{number}.")
        title, *rest = parts
        download = f"[Download this notebook](files/{self.path.name}){{ .sw-download download }}"
        return "\n\n".join([title, download, *self._live_link(), *rest]) + "\n"

    def _live_link(self) -> list[str]:
        """A link to the same lesson as a live page, where there is one."""
        stem = self.path.stem
        if stem not in live_lessons.PAGES:
            return []
        return [f"[Do this lesson here, in the browser](../../{LIVE}{stem}.md){{ .sw-live-link }}"]

    def outputs_html(self, number: int) -> str:
        """Returns the outputs of a cell as HTML."""
        parts = [part for output in self.cells[number]["outputs"] for part in _html_of(output)]
        return f'<div class="sw-output">{"".join(parts)}</div>' if parts else ""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the project's files to those of the site, and writes the patterns of the navigation out."""
    pages = [File(uri, str(ROOT), config.site_dir, False, dest_uri=address_of(uri)) for uri in matching(PAGES)]
    notebooks = [NotebookPage(uri, config) for uri in matching(NOTEBOOKS)]
    for file in [*pages, *notebooks]:
        files.append(file)
    predictor = SamPredictor.from_pretrained()
    for stem in live_lessons.PAGES:
        text = live_lessons.page_of(stem, predictor)
        uri = f"{LIVE}{stem}.md"
        lesson = File.generated(config, uri, content=text)
        lesson.use_directory_urls, lesson.dest_uri = False, address_of(uri)
        files.append(lesson)
    for uri in matching(PICTURES):
        files.append(File(uri, str(ROOT), config.site_dir, False, dest_uri=address_of(uri)))
    for notebook in notebooks:
        uri = f"{PurePosixPath(notebook.src_uri).parent}/files/{notebook.path.name}"
        files.append(File.generated(config, uri, abs_src_path=str(notebook.path)))
    for file in [*pages, *notebooks]:
        for uri in linked_from(file):
            _add_source(uri, files, config)
    config.nav = written_out(config.nav, files)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Gives wide pages the whole width, and the page of the command line the help of each command."""
    if page.file.src_uri in WIDE:
        page.meta["hide"] = ["navigation", "toc"]
    if page.file.src_uri == FRONT:
        page.meta["live"] = True
        markdown = markdown.replace("\n![", f'\n<p class="sw-stage-note" hidden>{FRONT_NOTE}</p>\n\n![', 1)
    if page.file.src_uri.startswith(LIVE):
        page.meta.update(live=True, hide=["toc"])
    return f"{markdown}\n{help_of_commands()}" if page.file.src_uri == COMMAND_LINE else markdown


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Puts the outputs of a notebook in their places, and the dark picture beside the light one."""
    if isinstance(page.file, NotebookPage):
        notebook = page.file
        content = re.sub(r"<p>output-of-cell-(\d+)\.</p>", lambda match: notebook.outputs_html(int(match[1])), content)
    return re.sub(r"<img [^>]*?pictures/(\w+)\.png[^>]*>", lambda match: _in_both_schemes(match, files), content)


def on_post_build(config: MkDocsConfig) -> None:
    """Writes the files that the live widgets of the site share."""
    photos = {f"{name}.jpg": (live_lessons.photo(name), masks) for name, masks in live_lessons.truths().items()}
    write_shared(photos, ROOT / "build/live", Path(config.site_dir) / "live")


def address_of(uri: str) -> str:
    """Returns where a file of the project is on the site: pages of docs at the top, in lower case."""
    names = {"CHANGELOG.md": "changes.html", "CONTRIBUTING.md": "contributing.html", "SECURITY.md": "security.html"}
    path = PurePosixPath(uri.removeprefix("docs/"))
    if path.suffix == ".md":
        return names.get(uri, str(path.with_name("index.html" if path.stem == "README" else f"{path.stem}.html")))
    if path.suffix == ".ipynb":
        return str(path.with_suffix(".html"))
    return str(path) if uri.startswith("docs/pictures/") else f"source/{uri}.html"


def matching(patterns: tuple[str, ...]) -> list[str]:
    """Returns the paths of the files that the patterns match, in order, from the top of the project."""
    found = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def names_in(folder: Path) -> list[str]:
    """Returns the names of a folder's files."""
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def linked_from(file: File) -> list[str]:
    """Returns the files and folders of the project that a page links to."""
    targets = LINK.findall(FENCE.sub("", file.content_string))
    places = [(ROOT / file.src_uri).parent / target for target in targets if ":" not in target]
    return [
        place.resolve().relative_to(ROOT).as_posix()
        for place in places
        if place.exists() and place.resolve().is_relative_to(ROOT)
    ]


def help_of_commands() -> str:
    """Returns a heading and the help for each command of ``samwidget``."""
    from typer.testing import CliRunner

    from samwidget.cli import app

    runner, parts = CliRunner(), []
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        text = runner.invoke(app, [str(name), "--help"], prog_name="samwidget", terminal_width=100).output
        parts.append(f"## samwidget {name}\n\n```text\n{text.strip()}\n```\n")
    return "\n".join(parts)


def written_out(nav: Any, files: Files) -> Any:
    """Returns the navigation with each pattern replaced by the pages that no other entry names."""
    named = set(_entries(nav))
    rest = [file.src_uri for file in files.documentation_pages() if file.src_uri not in named]

    def expanded(item: Any) -> Any:
        if isinstance(item, dict):
            return {name: expanded(value) for name, value in item.items()}
        if isinstance(item, list):
            return [entry for value in item for entry in (expanded(value) if _is_pattern(value) else [expanded(value)])]
        return _pages_of(item, rest) if _is_pattern(item) else item

    return expanded(nav)


def _is_pattern(item: Any) -> bool:
    return isinstance(item, str) and "*" in item


def _pages_of(pattern: str, uris: list[str]) -> list[str]:
    expression = re.compile(re.escape(pattern).replace(r"\*", "[^/]+"))
    return [uri for uri in uris if expression.fullmatch(uri)]


def _entries(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    values = nav.values() if isinstance(nav, dict) else nav
    return [entry for value in values for entry in _entries(value)]


def _add_source(uri: str, files: Files, config: MkDocsConfig) -> None:
    if files.get_file_from_path(uri) is not None:
        return
    path = ROOT / uri
    if path.suffix == ".md":
        page = File(uri, str(ROOT), config.site_dir, False, dest_uri=address_of(uri))
    else:
        page = (FolderPage if path.is_dir() else SourcePage)(uri, config)
    page.inclusion = InclusionLevel.NOT_IN_NAV
    files.append(page)
    if path.is_dir():
        for name in names_in(path):
            _add_source(f"{uri}/{name}", files, config)


def _cells(path: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return cells


def _sources(cells: list[dict[str, Any]]) -> list[str]:
    return ["".join(cell["source"]) for cell in cells]


def _html_of(output: dict[str, Any]) -> list[str]:
    if output["output_type"] == "stream":
        return [f"<pre>{html.escape(''.join(output['text']))}</pre>"]
    data = {
        kind: "".join(value) if isinstance(value, list) else value for kind, value in output.get("data", {}).items()
    }
    if "text/html" in data:
        return [data["text/html"]]
    if "image/png" in data:
        size = "".join(f' {side}="{value}"' for side, value in output.get("metadata", {}).get("image/png", {}).items())
        return [f'<img alt="Output of the cell" src="data:image/png;base64,{data["image/png"].strip()}"{size}>']
    return [f"<pre>{html.escape(data['text/plain'])}</pre>"] if "text/plain" in data else []


def _in_both_schemes(match: re.Match[str], files: Files) -> str:
    name = match[1]
    if files.get_file_from_path(f"docs/pictures/{name}_dark.png") is None:
        return match[0]
    light = match[0].replace(f"{name}.png", f"{name}.png#only-light")
    return light + match[0].replace(f"{name}.png", f"{name}_dark.png#only-dark")
