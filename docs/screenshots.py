"""The pictures of docs/tour.md: python docs/screenshots.py RUNS, where `make demo` has trained RUNS.

Needs chromium and chromedriver, as the tests of the report do. `--check` lists the pictures and takes none.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

DOCS = Path(__file__).resolve().parent
SAMPLE = DOCS.parent / "experiments" / "results" / "quickstart" / "points.parquet"
COLUMNS = 110
COLORS = 128
"""Of a picture's palette: figures have few."""


def open_browser(profile: str) -> webdriver.Chrome:
    """Chromium without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={profile}"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def photograph(browser: webdriver.Chrome, page: Path, size: tuple[int, int], dark: bool) -> Image.Image:
    """The top of a page at a size in CSS pixels, once its figures are drawn."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1.5, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.get(page.as_uri())
    ready = "return [...document.querySelectorAll('.chart')].every((chart) => chart.childNodes.length)"
    WebDriverWait(browser, 60).until(lambda b: b.execute_script(ready))
    return Image.open(BytesIO(browser.get_screenshot_as_png())).convert("RGB")


def terminal(*command: str) -> str:
    """What a command prints in a terminal, as SVG."""
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    quarry = Path(sys.executable).with_name("quarry")
    made = subprocess.run([quarry, *command], env=environment, capture_output=True, text=True, check=True)
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"))
    console.print(Text("$ quarry " + " ".join(command), style="bold"))
    console.print(Text.from_ansi(made.stdout))
    return console.export_svg(title="quarry")
