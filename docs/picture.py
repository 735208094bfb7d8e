"""Take the picture of README.md: the first screen of a finished demo's report.

    python docs/picture.py results/demo/report/report.html docs/report.png

Needs playwright and a Chromium (envs/tests.lock; apt install chromium).
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def main(report: str, out: str) -> None:
    """Write `out`, 1280 x 720 pixels in light colours."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme="light")
        page.goto(Path(report).resolve().as_uri())
        page.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
