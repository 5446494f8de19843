"""Notebook 7: as JupyterLab, in a page with one notebook."""

from tests.browser.lab import KERNEL
from tests.hosts.conftest import click_the_cup
from tests.hosts.examples import example, notebook

COMMAND = [
    "notebook",
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port={port}",
    "--ServerApp.port_retries=0",
    "--IdentityProvider.token=",
    "--JupyterNotebookApp.expose_app_in_browser=True",
]


def test_notebook(open_host):
    text = notebook(example("JupyterLab, Notebook 7 and Voila"))
    host = open_host(COMMAND, {"app.ipynb": text}, "/notebooks/app.ipynb")
    host.page.wait_for_function(f"{KERNEL}?.status === 'idle'")
    host.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    click_the_cup(host)
    assert host.outside == []
