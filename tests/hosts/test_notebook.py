"""Notebook 7: as JupyterLab, in a page with one notebook."""

from tests.hosts.conftest import click_the_cup
from tests.hosts.notebooks import CELLS, notebook_text


def test_notebook(open_host):
    command = [
        "notebook",
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        "--JupyterNotebookApp.expose_app_in_browser=True",
    ]
    host = open_host(command, {"app.ipynb": notebook_text(*CELLS)}, "/notebooks/app.ipynb")
    host.page.wait_for_function(
        "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    )
    host.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    click_the_cup(host)
    assert host.outside == []
