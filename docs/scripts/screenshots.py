"""The pictures of docs/tour.md: python docs/scripts/screenshots.py RUNS, those of `make demo`.

Needs chromium and chromedriver, as the tests of the report do, and what `make notebooks docs` builds.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from rich.console import Console
from rich.text import Text
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

DOCS = Path(__file__).resolve().parents[1]
FOLDER = DOCS / "tour"
POINTS = "experiments/results/quickstart/points.parquet"
COMMAND = ("fit", POINTS, "--law", "power-offset")
BUILT = DOCS.parent / "build"
NOTEBOOK = "01_first_ladder.html"
COLUMNS = 110
COLORS = 240
"""Of a picture's palette: figures have few."""


class View(NamedTuple):
    """What a picture shows: the element at its top, its size in CSS pixels, the theme and the page."""

    top: str
    width: int
    height: int
    dark: bool = False
    page: Path | None = None
    """The report of the runs if there is none."""


VIEWS = {
    "report": View("header", 1180, 1180),
    "optimum": View("#optimum", 1180, 1000),
    "law": View("#laws", 1180, 1000, dark=True),
    "phone": View("#curves", 390, 900),
    "site": View("body", 1400, 1000, page=BUILT / "site" / "index.html"),
    "notebook": View("#What-a-learning-curve-shows", 1180, 1100, page=BUILT / "notebooks" / NOTEBOOK),
}


def open_browser(profile: str) -> webdriver.Chrome:
    """Chromium without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={profile}"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def photograph(browser: webdriver.Chrome, page: Path, view: View) -> Image.Image:
    """A part of a page, once its figures are drawn."""
    metrics = {"width": view.width, "height": view.height, "deviceScaleFactor": 1.5, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if view.dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.get(page.as_uri())
    ready = "return [...document.querySelectorAll('.chart')].every((chart) => chart.childNodes.length)"
    browser.execute_script("globalThis.drawAll?.()")  # a report draws what is near the window
    WebDriverWait(browser, 60).until(lambda b: b.execute_script(ready))
    browser.execute_script("document.querySelector(arguments[0]).scrollIntoView()", view.top)
    shown = Image.open(BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    return shown.quantize(COLORS, kmeans=4, dither=Image.Dither.NONE)


def terminal(command: tuple[str, ...]) -> str:
    """What a command prints in a terminal, as SVG without a font from the network."""
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    quarry = Path(sys.executable).with_name("quarry")
    done = subprocess.run(
        [quarry, *command], cwd=DOCS.parent, env=environment, capture_output=True, text=True, check=True
    )
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere)
        console.print(Text("$ quarry " + " ".join(command), style="bold"))
        console.print(Text.from_ansi(done.stdout))
    svg = console.export_svg(title="quarry")
    while "@font-face" in svg:
        start = svg.index("@font-face")
        svg = svg[:start] + svg[svg.index("}", start) + 1 :]
    return svg


def main() -> None:
    """Write the report of the runs into a temporary folder, and the pictures into docs/tour."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        quarry = Path(sys.executable).with_name("quarry")
        subprocess.run([quarry, "report", sys.argv[1], "-o", page], check=True)
        with open_browser(folder) as browser:
            for name, view in VIEWS.items():
                photograph(browser, view.page or page, view).save(FOLDER / f"{name}.png", optimize=True)
    (FOLDER / "terminal.svg").write_text(terminal(COMMAND))


if __name__ == "__main__":
    main()
