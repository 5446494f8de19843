"""Shiny, with shinywidgets: messages leave on the loop of the session, and what they change is reactive there."""

from playwright.sync_api import expect

from tests.hosts.conftest import click_the_cup

APP = """
from samwidget import SamWidget
from shiny import App, reactive, render, ui
from shinywidgets import output_widget, reactive_read, render_widget

page = ui.page_fluid(output_widget("photo"), ui.output_text("summary"), ui.output_text("heard"))


def server(input, output, session):
    changes = reactive.value(0)

    @render_widget
    def photo():
        w = SamWidget("coffee.jpg", opacity=1.0)
        w.on_change(lambda w: changes.set(changes() + len(w.objects)))
        return w

    @render.text
    def summary():
        objects = reactive_read(photo.widget, "document")["objects"]
        return f"Python has {len(objects)} objects" + "".join(f" {item['colour']} {item['area']}" for item in objects)

    @render.text
    def heard():
        return f"on_change was called with {changes()}"


app = App(page, server)
"""


def test_shiny(open_host):
    host = open_host(["shiny", "run", "--host", "127.0.0.1", "--port", "{port}", "app.py"], {"app.py": APP})
    click_the_cup(host)
    host.page.get_by_text("on_change was called with 1").wait_for()
    widget = host.widget()
    assert widget.part("tray").bounding_box()["height"] > 40  # nothing is cut off at the bottom
    host.page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    expect(widget.root).to_have_attribute("data-theme", "dark")
    widget.press("Control+z")
    assert host.python_says(0) == []
    assert host.outside == []
