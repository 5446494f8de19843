"""marimo: a cell that reads the value of the widget runs again after each click."""

from tests.hosts.conftest import click_the_cup

APP = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    from samwidget import SamWidget

    w = mo.ui.anywidget(SamWidget("coffee.jpg", opacity=1.0))
    w
    return mo, w


@app.cell
def _(mo, w):
    objects = w.value["document"]["objects"]
    mo.md(f"Python has {len(objects)} objects" + "".join(f" {item['colour']} {item['area']}" for item in objects))
    return


@app.cell
def _(mo, w):
    mo.md(f"masks {w.masks.shape}")
    return
"""
COMMAND = ["marimo", "-q", "run", "--headless", "--no-token", "--host", "127.0.0.1", "--port", "{port}", "app.py"]


def test_marimo(open_host):
    host = open_host(COMMAND, {"app.py": APP})
    click_the_cup(host)
    host.page.get_by_text("masks (1, 400, 600)").wait_for()
    host.widget().press("Control+z")
    assert host.python_says(0) == []
    assert host.outside == []


def test_dark_marimo(open_host):
    host = open_host(COMMAND, {"app.py": APP, "pyproject.toml": '[tool.marimo.display]\ntheme = "dark"\n'})
    click_the_cup(host)
    assert host.widget().root.get_attribute("data-theme") == "dark"
