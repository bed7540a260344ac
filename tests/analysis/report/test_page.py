"""The report, as a browser shows it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from quarry import text
from quarry.analysis.points.curves import learning_curves
from quarry.analysis.points.runs import run_table
from quarry.analysis.report.download import saved_columns
from quarry.analysis.report.page import LAWS, write_report
from quarry.analysis.report.source import read_source
from quarry.analysis.report.summary import summarise
from quarry.errors import FitError, RecordError
from quarry.text import UNBOUNDED, interval, plural
from quarry.train.record.files import drop_rows_after
from quarry.train.record.points_table import points_table
from quarry.train.record.run_directory import RunDirectory
from tests.analysis.synthetic_runs import GZIP, MANIFEST, XZ, Law, write_run

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = "<img src=x onerror=alert(1)>"
BREAKOUT = "</script><script>document.title='broken'</script>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        missing = "no chromium here to open the report: apt-get install chromium chromium-driver"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=Service(driver)) as chrome:
        yield chrome


@pytest.fixture(scope="module")
def report(ladder, tmp_path_factory) -> Path:
    return write_report(ladder, tmp_path_factory.mktemp("page") / "report.html", bootstrap=100)


def opened(browser: webdriver.Chrome, page: Path, width: int = 1200) -> webdriver.Chrome:
    """The page once each of its figures has been drawn, or has said why not."""
    browser.set_window_size(width, 900)
    browser.get_log("browser")  # of the page before
    browser.get(page.as_uri())
    ready = "return [...document.querySelectorAll('.chart')].every((chart) => chart.childNodes.length)"
    browser.execute_script("drawAll()")  # those far below the window too
    WebDriverWait(browser, 30).until(lambda b: b.execute_script(ready))
    forget = "addEventListener(kind, () => delete window.untouched, true)"
    browser.execute_script(
        f"window.untouched = arguments[0]; for (const kind of ['click', 'toggle']) {forget}", width
    )
    return browser


def as_opened(browser: webdriver.Chrome, page: Path) -> webdriver.Chrome:
    """The page as `opened` leaves it, loaded anew only where another is open or a test has acted on it."""
    same = browser.current_url == page.as_uri() and browser.execute_script("return window.untouched") == 1200
    return browser if same else opened(browser, page)


def marks(browser: webdriver.Chrome) -> dict[str, int]:
    """How many visible marks each figure shows, by the name of its specification."""
    return browser.execute_script(
        """return Object.fromEntries([...document.querySelectorAll(".chart")].map((chart) => [
            chart.dataset.spec,
            [...chart.querySelectorAll("svg .mark-symbol.role-mark path, svg .mark-line.role-mark path")]
              .filter((mark) => mark.getBoundingClientRect().width > 0).length]))"""
    )


def cells(browser: webdriver.Chrome, table: str) -> list[list[str]]:
    rows = browser.find_elements(By.CSS_SELECTOR, f"{table} tbody tr")
    return [[cell.text for cell in row.find_elements(By.CSS_SELECTOR, "th, td")] for row in rows]


def visible(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


@pytest.mark.slow
def test_every_figure_is_drawn_and_the_console_stays_silent(browser, report):
    drawn = marks(opened(browser, report))
    laws = [name for law in LAWS for name in (law, f"{law}-residuals")]
    others = ("learning-curves", "frontier", "bits-per-byte", "training-loss", "learning-rates", "parity")
    assert set(drawn) == {f"chart-{name}" for name in (*others, *laws)}
    assert min(drawn.values()) >= 6
    assert "fitted law: E never varies in these points" in visible(browser)
    legends = (
        "return [...document.querySelectorAll('.chart')].map((c) => Boolean(c.querySelector('.role-legend')))"
    )
    assert all(browser.execute_script(legends))
    assert browser.get_log("browser") == []


@pytest.mark.slow
def test_figures_far_below_the_window_are_drawn_once_they_are_near_and_for_print(browser, report):
    undrawn = "return [...document.querySelectorAll('.chart')].filter((c) => !c.childNodes.length).length"
    browser.set_window_size(1200, 900)
    browser.get(report.as_uri())
    first = "return document.querySelector('.chart').childNodes.length"
    WebDriverWait(browser, 30).until(lambda b: b.execute_script(first))
    waiting = browser.execute_script(undrawn)
    assert waiting >= 6
    browser.execute_script("document.querySelector('#training').scrollIntoView()")
    last = "return document.querySelector('[data-spec=chart-learning-rates]').childNodes.length"
    WebDriverWait(browser, 30).until(lambda b: b.execute_script(last))
    assert 0 < browser.execute_script(undrawn) < waiting
    browser.execute_cdp_cmd("Page.printToPDF", {})
    assert browser.execute_script(undrawn) == 0


@pytest.mark.slow
def test_the_buttons_draw_the_curves_again_on_other_axes(browser, report):
    chart = "[data-spec=chart-learning-curves]"
    says = "return document.querySelector(arguments[0]).textContent.includes(arguments[1])"
    as_opened(browser, report)
    for words in ("E, tokens processed", "nats per token", "1.8M"):
        assert browser.execute_script(says, chart, words)
    presses = {"C": "C = 6NE, FLOPs", "bits": "bits per token", "N": "N, parameters", "all": "1.83M"}
    for value, words in (presses | {"linear": "400k"}).items():
        button = browser.find_element(
            By.CSS_SELECTOR, f"#explore button[value={value}]:not([aria-pressed=true])"
        )
        button.click()
        WebDriverWait(browser, 10).until(lambda b, words=words: b.execute_script(says, chart, words))
        assert button.get_attribute("aria-pressed") == "true"
    assert marks(browser)["chart-learning-curves"] >= 6
    assert browser.get_log("browser") == []


@pytest.mark.slow
def test_a_heading_sorts_the_runs_and_their_data_are_at_hand(browser, ladder, report):
    opened(browser, report, 1300)
    heading = browser.find_element(By.CSS_SELECTOR, "#runs-table [data-column=loss]")
    recorded = run_table(ladder)
    rising = recorded.drop_nulls("loss").sort("loss")["run"].to_list()
    heading.click()
    assert [row[0] for row in cells(browser, "#runs-table")] == [
        *rising,
        "ladder/n70000-hot",
    ]  # no loss: last
    heading.click()
    assert [row[0] for row in cells(browser, "#runs-table")] == [*rising[::-1], "ladder/n70000-hot"]
    saved = pl.read_csv(browser.execute_script("return pointsCsv()").encode())
    assert saved.to_dict(as_series=False) == saved_columns(read_source(ladder))
    fits = "const at = document.querySelector('.wide'); return at.scrollWidth <= at.clientWidth"
    assert browser.execute_script(fits)


@pytest.fixture(scope="module")
def budgets(tmp_path_factory) -> Path:
    """The page on a table of another trainer: four sizes at each of three budgets."""
    law, rng = Law(A=24.0, B=1200.0, alpha=0.43, beta=0.6), np.random.default_rng(0)
    rows = [
        {"params": n, "flops": c, "val_loss": law(n, c / (6 * n)) * np.exp(0.002 * rng.standard_normal())}
        for c in (2e11, 6e11, 2e12)
        for n in np.array([0.2, 0.6, 1.5, 4.0]) * 0.045 * np.sqrt(c)
    ]
    points = tmp_path_factory.mktemp("table") / "theirs.csv"
    pl.DataFrame(rows).write_csv(points)
    return write_report(points, points.with_suffix(".html"), bootstrap=100)


@pytest.mark.slow
def test_a_table_of_budgets_has_its_isoflop_minima_and_the_exponents_of_each_way(browser, budgets):
    drawn = marks(opened(browser, budgets))
    assert (
        min(drawn[f"chart-{name}"] for name in ("isoflop", "optimal-n", "optimal-e", "loss-by-compute")) >= 3
    )
    exponents = {row[0]: (float(row[1]), row[2], float(row[3])) for row in cells(browser, "#optima")}
    a, ends, b = exponents["isoFLOP minima"]
    low, high = (float(end) for end in ends.split(" to "))
    assert low < 0.6 / 1.03 < high
    assert low < a < high
    assert a + b == pytest.approx(1, abs=0.002)
    assert "fitted law" in exponents
    assert "isoFLOP minima" in visible(browser)
    assert len(cells(browser, "#runs-table")) == 12
    assert browser.find_elements(By.CSS_SELECTOR, "a[href^='https://arxiv.org/abs/2203.15556']")
    assert browser.get_log("browser") == []


@pytest.mark.slow
def test_the_page_fetches_nothing(browser, report):
    as_opened(browser, report)
    assert (
        browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
        == []
    )


@pytest.mark.slow
def test_the_table_of_runs_says_what_the_runs_recorded(browser, ladder, report):
    shown = cells(as_opened(browser, report), "#runs-table")
    recorded = run_table(ladder).to_dicts()
    assert [row[0] for row in shown] == [run["run"] for run in recorded]
    for row, run in zip(shown, recorded, strict=True):
        assert row[1:4] == [run["status"], text.count(run["N"]), text.count(run["E"])]
        assert row[5:9] == [
            text.count(run["U"]),
            text.number(run["k"]),
            *map(text.count, (run["B"], run["S"])),
        ]
        if run["status"] == "diverged":
            assert [row[4], *row[10:12]] == ["–", "–", "–"]
        else:
            train = f"{run['train_loss']:.3f}"
            assert [row[4], *row[10:12]] == [f"{run['loss']:.4f} ± 0.005", f"{run['test_loss']:.4f}", train]
    names = [each.text for each in browser.find_elements(By.CSS_SELECTOR, "#runs-table thead th")]
    assert names[2:5] == ["N", "E", "loss ± s.e."]
    assert "peak rate" not in names  # no run has recorded one


@pytest.mark.slow
def test_the_models_are_set_against_gzip_and_xz(browser, ladder, report):
    scored = run_table(ladder).drop_nulls("bits_per_byte")
    shown = cells(as_opened(browser, report), "#bits-table")
    assert [row[2] for row in shown] == [f"{value:.3f}" for value in scored["bits_per_byte"]]
    assert {tuple(row[3:]) for row in shown} == {(str(GZIP), str(XZ))}


@pytest.mark.slow
def test_each_law_shows_its_formula_its_parameters_and_how_it_was_fitted(browser, report):
    as_opened(browser, report)
    for law in LAWS:
        section = browser.find_element(By.ID, f"law-{law}")
        assert section.find_element(By.TAG_NAME, "math").size["width"] > 50
        assert all(row[1] != "–" and row[2] for row in cells(browser, f"#law-{law} .parameters"))
        assert section.find_elements(By.CSS_SELECTOR, "details dl > div")


@pytest.mark.slow
def test_the_page_says_how_it_was_made(browser, report):
    as_opened(browser, report)
    browser.execute_script("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    shown = visible(browser)
    assert MANIFEST["splits"]["train"]["sha256"] in shown
    assert shown.count("quarry sweep ladder") == 1
    assert "--law kaplan-n --bootstrap 100 --seed 0" in shown
    assert "cpu (AMD EPYC)" in shown
    assert "quarry-scaling" in browser.find_element(By.CSS_SELECTOR, "#made details:last-of-type").text


@pytest.mark.slow
@pytest.mark.parametrize("width", [500, 1200])
def test_nothing_is_wider_than_the_window(browser, report, width):
    opened(browser, report, width)
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    beyond = """const right = (element) => element.getBoundingClientRect().right;
        return [...document.querySelectorAll("figure")].filter(
            (figure) => right(figure.querySelector("svg")) > right(figure)).length"""
    assert browser.execute_script(beyond) == 0
    rows = "return Math.max(...[...document.querySelectorAll('#runs-table tr')].map((r) => r.offsetHeight))"
    assert browser.execute_script(rows) < 80


@pytest.fixture
def phone(browser) -> Iterator[webdriver.Chrome]:
    """A browser of 390 pixels, less than a window can have."""
    view = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", view)
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.slow
def test_on_a_phone_legends_and_the_words_of_verdicts_stay_on_the_page(phone, report):
    opened(phone, report)
    wider = """const chart = document.querySelector("[data-spec=chart-learning-curves]");
        const spec = specOf(chart);
        spec.config.legend.columnPadding = 70;
        return draw(chart, spec)"""  # as labels of some words would be
    phone.execute_script(wider)
    beyond = """const right = (element) => element.getBoundingClientRect().right;
        return [...document.querySelectorAll(".chart .role-legend-label text")]
            .filter((label) => right(label) > right(label.closest("figure")))
            .map((label) => label.textContent)"""
    assert phone.execute_script(beyond) == []
    fits = """document.querySelector("#laws").insertAdjacentHTML("beforeend",
            `<div class="scroll"><table id="verdicts"><tbody>
             <tr><th>a claim</th><td>yes</td><td>${"by words ".repeat(99)}</td></tr></table>`);
        const [table] = document.querySelectorAll("#verdicts");
        return table.scrollWidth <= table.parentElement.clientWidth"""
    assert phone.execute_script(fits)
    shaded = """return [...document.querySelectorAll(".scroll")].map(
        (table) => getComputedStyle(table).backgroundAttachment)"""
    assert set(phone.execute_script(shaded)) == {"local, local, scroll, scroll"}


@pytest.mark.slow
def test_a_click_on_a_size_in_the_legend_fades_the_other_runs(browser, report):
    as_opened(browser, report)
    chart = "[data-spec=chart-learning-curves]"
    opacities = f"""return [...document.querySelectorAll("{chart} .mark-line.role-mark path")]
        .map((line) => Number(line.getAttribute("opacity")))"""
    assert set(browser.execute_script(opacities)) == {1}
    browser.find_element(By.CSS_SELECTOR, f"{chart} .role-legend-label text").click()
    WebDriverWait(browser, 10).until(lambda b: sorted(set(b.execute_script(opacities))) == [0.08, 1])


@pytest.mark.slow
def test_names_and_values_of_the_runs_stay_text(browser, tmp_path):
    study = tmp_path / "runs" / HOSTILE
    hostile = {"data": {"corpus": BREAKOUT}, "device": HOSTILE}
    write_run(study / BREAKOUT.replace("/", "\\"), n=9_000)
    for n in (30_000, 90_000):
        write_run(study / f"{HOSTILE}&amp;{n}", n=n).write_run(**hostile)
    opened(browser, write_report(tmp_path / "runs", tmp_path / "report.html", bootstrap=0))
    browser.execute_script("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    assert browser.find_element(By.TAG_NAME, "h1").text == HOSTILE
    assert [row[0] for row in cells(browser, "#runs-table")][2] == f"{HOSTILE}/{HOSTILE}&amp;90000"
    assert BREAKOUT in visible(browser)
    assert browser.execute_script("return [document.images.length, document.title]") == [
        0,
        f"{HOSTILE}: scaling report",
    ]
    assert browser.get_log("browser") == []
    assert marks(browser)["chart-learning-curves"] > 0


@pytest.mark.slow
def test_an_altered_script_does_not_run(browser, report, tmp_path):
    altered = tmp_path / "altered.html"
    before, after = report.read_text(encoding="utf-8").rsplit("</body>", 1)
    altered.write_text(f"{before}<script>document.title='broken'</script></body>{after}", encoding="utf-8")
    opened(browser, altered)
    assert browser.title == "ladder: scaling report"
    assert "Content Security Policy" in browser.get_log("browser")[0]["message"]


@pytest.mark.slow
def test_a_single_run_has_its_curve_and_the_reason_why_no_law_can_be_fitted(browser, tmp_path):
    write_run(tmp_path / "runs" / "alone" / "a", n=10_000, test=False)
    opened(browser, write_report(tmp_path / "runs", tmp_path / "report.html", bootstrap=100))
    drawn = ("learning-curves", "frontier", "training-loss", "learning-rates")
    assert set(marks(browser)) == {f"chart-{name}" for name in drawn}
    for law in LAWS:
        assert browser.find_element(By.CSS_SELECTOR, f"#law-{law} .notice").text
    assert "No run was scored on a test split" in visible(browser)
    assert browser.get_log("browser") == []


@pytest.mark.slow
def test_runs_that_all_diverged_are_still_reported(browser, tmp_path):
    for n in (10_000, 20_000):
        run = write_run(tmp_path / "runs" / "s" / f"n{n}", n=n, status="diverged")
        run.evals.write_bytes(b"")  # diverged before the first evaluation
        run.evals.with_suffix(".parquet").unlink()
        RunDirectory(run.path).finish("diverged")
    opened(browser, write_report(tmp_path / "runs", tmp_path / "report.html", bootstrap=100))
    assert "2 runs diverged" in visible(browser)
    assert "no curve to draw" in visible(browser)
    assert [row[1] for row in cells(browser, "#runs-table")] == ["diverged", "diverged"]
    assert browser.get_log("browser") == []


@pytest.mark.slow
def test_a_run_that_has_only_begun_is_a_row_and_a_run_cut_short_is_marked(browser, tmp_path):
    begun = RunDirectory(tmp_path / "runs" / "s" / "begun")
    begun.path.mkdir(parents=True)
    begun.write_run(status="running")
    cut = write_run(tmp_path / "runs" / "s" / "cut", n=10_000, status="preempted")
    drop_rows_after(cut.evals, 100)
    opened(browser, write_report(tmp_path / "runs", tmp_path / "report.html", bootstrap=100))
    rows = {row[0]: row for row in cells(browser, "#runs-table")}
    assert rows["s/begun"][1] == "running"
    assert set(rows["s/begun"][2:]) == {"–"}
    assert rows["s/cut"][1] == "preempted"
    assert rows["s/cut"][4].endswith(" ± 0.005*")
    assert "No run has reached the end of its schedule" in visible(browser)


@pytest.mark.slow
def test_the_same_runs_give_the_same_page(ladder, report):
    first = report.read_bytes()
    assert write_report(ladder, report, bootstrap=100).read_bytes() == first


@pytest.mark.slow
def test_a_report_that_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path_factory, tmp_path):
    runs = tmp_path_factory.mktemp("runs")
    write_run(runs / "n70000", n=70_000)
    with pytest.raises(FitError, match=r"^cannot write the report to .*/missing/report.html: No such file"):
        write_report(runs, tmp_path / "missing" / "report.html", bootstrap=0)
    folder = tmp_path / "folder.html"
    folder.mkdir()
    with pytest.raises(FitError, match="Is a directory"):
        write_report(runs, folder, bootstrap=0)
    assert list(tmp_path.iterdir()) == [folder]


def test_without_runs_the_old_report_stays(tmp_path):
    old = tmp_path / "report.html"
    old.write_text("old", encoding="utf-8")
    with pytest.raises(RecordError, match="no such directory"):
        write_report(tmp_path / "nothing", old)
    with pytest.raises(RecordError, match=r"^no such file: .*/nope\.csv$"):
        write_report(tmp_path / "nope.csv", old)
    assert old.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [old]


@pytest.mark.slow
def test_the_summary_counts_what_the_runs_did(ladder):
    runs = run_table(ladder)
    facts = " ".join(summarise(runs, learning_curves(points_table(ladder)), []))
    best = runs.filter(pl.col("annealed")).sort("loss").row(0, named=True)
    assert "7 runs of 6 model sizes" in facts
    assert "1 run diverged" in facts
    assert f"{best['loss']:.4f} ± 0.005" in facts
    assert best["run"] in facts
    assert f"gzip -9 needs {GZIP:.3f} and xz -9 {XZ:.3f}" in facts


@pytest.mark.slow
def test_an_interval_says_which_side_is_open():
    assert interval((0.05, 0.0912)) == "0.05 to 0.0912"
    assert interval((None, None)) == UNBOUNDED
    assert interval((None, 2.0)) == f"at most 2; below, {UNBOUNDED}"
    assert interval((2.0, None)) == f"at least 2; above, {UNBOUNDED}"
    assert plural(1, "run") == "1 run"
