"""What the tests in browser/ and hosts/ share: one Chromium."""

import shutil
from pathlib import Path

import pytest

IN_BROWSER = [Path(__file__).parent / name for name in ("browser", "hosts")]


def pytest_collection_modifyitems(items):
    for item in items:
        if any(folder in item.path.parents for folder in IN_BROWSER):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    """Chromium without a window; one for all, since Playwright starts only once in a process."""
    from playwright.sync_api import sync_playwright

    from tests.browser.lab import CHROMIUM_FLAGS

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "Chromium is missing: install it (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()
