"""Every Python block of README and docs is executed, page by page; shell blocks name real commands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A block that needs a download is compiled and its names are checked, not run; the page says so to the reader too.
NEEDS_DOWNLOAD = "# needs a download"


def blocks(page, language):
    return [code for name, code in BLOCK.findall(page.read_text()) if name == language]


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_python_blocks_run(page, tmp_path, monkeypatch, photos):
    monkeypatch.chdir(photos)
    names = {}
    for code in blocks(page, "python"):
        compiled = compile(code, str(page), "exec")
        if NEEDS_DOWNLOAD not in code:
            exec(compiled, names)
    if "w" in names:
        names["w"].close()


def test_there_are_pages_with_code():
    assert sum(len(blocks(page, "python")) for page in PAGES) >= 8


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "bash")], ids=lambda p: p.name)
def test_shell_blocks_name_real_commands(page):
    from typer.main import get_command

    from samwidget.cli import app

    commands = set(get_command(app).commands)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in "\n".join(blocks(page, "bash")).replace("\\\n", " ").splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["samwidget"]:
            assert words[1] in commands, line
        elif words[:1] == ["make"]:
            assert words[1] in targets, line


def test_files_that_the_pages_name_exist():
    """`core/rle.py` and the like: from the top, from the package or from its front end."""
    homes = (ROOT, ROOT / "samwidget", ROOT / "samwidget/frontend", ROOT / "samwidget/frontend/src")
    missing = [
        f"{page.name}: {name}"
        for page in PAGES
        for name in [
            *re.findall(r"^([\w/]+/[\w/]+\.(?:py|ts))\b", "\n".join(blocks(page, "text")), re.MULTILINE),
            *re.findall(r"`([\w.-]+(?:/[\w.-]+)*/(?:[\w-]+\.(?:py|pyi|ts|json|yml))?)`", page.read_text()),
        ]
        if not name.startswith(("photos/", "/", "mask-generation"))
        and not any((home / name).exists() for home in homes)
    ]
    assert not missing, missing


def test_links_inside_the_project_lead_somewhere():
    dead = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if not target.startswith(("http", "mailto")) and not (page.parent / target).exists():
                dead.append(f"{page.name}: {target}")
    assert not dead, dead
