"""The report in Chromium: every figure is shown with its caption, and no label is cut.

`make browser` runs these tests, `make test` does not. They open the report that REPORT names, or
that of a tiny run made here; screenshots go into the folder that SCREENSHOTS names.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from leakage import captions
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from snake import REPOSITORY, snakemake

pytestmark = pytest.mark.browser

CATEGORIES = {
    *("Beyond the paper", "Calibration", "Figures of the paper", "This run"),
    "Verdict and checks",
}
# Seconds; a busy machine takes its time over megabytes of JavaScript.
PATIENCE = 90
PAGES = {"Summary", "Configuration", "Software", "Run times"}
# Texts that are cut: what they hold is wider than they are, or they stand out of the window or of
# the panel on the left, which then scrolls sideways.
CUT = """
const panel = document.querySelector("nav.h-screen");
const scrolls = panel.scrollWidth > panel.clientWidth + 1 ? ["the panel: " + panel.innerText] : [];
const texts = document.querySelectorAll("nav span, nav td, nav th, nav li, nav p, h1 span");
return scrolls.concat([...texts]
    .filter(each => each.innerText.trim())
    .filter(each => {
        const box = each.getBoundingClientRect();
        const wide = each.clientWidth > 0 && each.scrollWidth > each.clientWidth + 1;
        return wide || box.left < 0 || box.right > window.innerWidth + 1;
    })
    .map(each => each.innerText))
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report to open."""
    if given := os.environ.get("REPORT"):
        path = (REPOSITORY / given).resolve()
        assert path.is_file(), f"REPORT: {path}: no such file"
        return path
    folder = tmp_path_factory.mktemp("report") / "results"
    run = snakemake(folder, targets=("report",))
    assert run.status == 0, run.output
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """Chromium without a screen, which notes what it asks the network for."""
    subprocess.run([REPOSITORY / "tests" / "chromium.sh"], check=True)
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    options.add_argument("--headless=new")
    options.add_argument("--window-size=1400,900")
    options.add_argument("--disable-dev-shm-usage")
    # Chromium refuses to be root's with a sandbox; what it opens here is our own.
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def opened(browser: webdriver.Chrome, report: Path) -> "Reader":
    """A reader who has gone through the whole report."""
    reader = Reader(browser)
    reader.go_through(report)
    return reader


class Reader:
    """Goes through a report as a person does, by clicking, and notes what is seen.

    Attributes:
        shown: what is seen of each result, by (category, its labels).
        cut: the texts that are cut, by where.
        tables: the heads of each category's table.
    """

    def __init__(self, browser: webdriver.Chrome):
        self.browser = browser
        self.shown: dict[tuple[str, ...], dict[str, Any]] = {}
        self.cut: dict[str, list[str]] = {}
        self.tables: dict[str, list[str]] = {}
        self.shots = Path(os.environ["SCREENSHOTS"]) if "SCREENSHOTS" in os.environ else None

    def go_through(self, report: Path) -> None:
        """Open every result of every category."""
        self.browser.get(report.as_uri())
        self.until(lambda: self.find("#rulegraph svg, #rulegraph canvas"))
        self.look("front")
        for category in self.categories():
            self.show(category)
            self.tables[category] = [each.text for each in self.find("nav th") if each.text]
            self.look(category)
            for index in range(len(self.rows())):
                self.open(category, index)
                self.show(category)

    def categories(self) -> list[str]:
        """Return the categories of the menu, whose first three items are Snakemake's."""
        self.home()
        return [each.text for each in self.find("nav ul li a")][3:]

    def home(self) -> None:
        self.find("nav nav ol a")[0].click()
        self.until(lambda: len(self.find("nav ul li a")) > 3)

    def show(self, category: str) -> None:
        self.home()
        (item,) = [each for each in self.find("nav ul li a") if each.text == category]
        item.click()
        self.until(lambda: self.rows())

    def open(self, category: str, index: int) -> None:
        """Look at one result: its picture or page, then its caption beside it."""
        row = self.rows()[index]
        labels = tuple(cell.text for cell in row.find_elements(By.TAG_NAME, "td") if cell.text)
        eye, about = row.find_elements(By.TAG_NAME, "a")
        self.browser.execute_script("arguments[0].scrollIntoView()", eye)
        eye.click()
        seen = self.page() if category == "This run" else self.picture()
        self.look("-".join((category, labels[0], "alone")))
        about.click()
        self.until(lambda: "SNAKEMAKE RULE" in self.text("nav").upper())
        seen["caption"] = self.text("nav .prose")
        self.look("-".join((category, labels[0])))
        self.shown[category, *labels] = seen

    def picture(self) -> dict[str, Any]:
        """Return the size of the picture in the page and in its file, and whether it is in view."""
        self.until(lambda: self.browser.execute_script(f"return {PICTURE}?.naturalWidth > 0"))
        return self.browser.execute_script(
            f"const image = {PICTURE}, box = image.getBoundingClientRect(), pane ="
            " image.closest('.overflow-auto');"
            "return {natural: [image.naturalWidth, image.naturalHeight],"
            "  size: [box.width, box.height], left: box.left, right: box.right,"
            "  top: box.top + pane.scrollTop, in_view: box.top < innerHeight && box.bottom > 0,"
            "  complete: image.complete, window: [innerWidth, innerHeight]}"
        )

    def page(self) -> dict[str, Any]:
        """Return the text of the page in the frame, and what of it is cut."""
        (frame,) = self.until(lambda: self.find("iframe"))
        self.browser.switch_to.frame(frame)
        try:
            self.until(lambda: self.find("h1"))
            wide = "return document.documentElement.scrollWidth - innerWidth"
            return {"text": self.text("body"), "beyond": self.browser.execute_script(wide)}
        finally:
            self.browser.switch_to.default_content()

    def look(self, name: str) -> None:
        """Note what is cut on the screen, and keep a picture of it if asked to."""
        self.cut[name] = self.browser.execute_script(CUT)
        if self.shots:
            self.shots.mkdir(parents=True, exist_ok=True)
            file = re.sub(r"[^\w-]+", "_", name)
            self.browser.save_screenshot(str(self.shots / f"{file}.png"))

    def rows(self) -> list[WebElement]:
        return self.find("nav tbody tr")

    def find(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return "\n".join(each.text for each in self.find(selector))

    def until(self, condition: Any) -> Any:
        return WebDriverWait(self.browser, PATIENCE).until(lambda _: condition())


PICTURE = "document.querySelector('#app .overflow-auto > .p-3 > img')"


def test_the_report_has_its_categories_and_pages(opened: Reader) -> None:
    categories = {category for category, *_ in opened.shown}
    assert categories <= CATEGORIES and categories >= CATEGORIES - {"Calibration"}
    assert {label for category, label, *_ in opened.shown if category == "This run"} == PAGES


def test_every_figure_of_the_run_is_in_the_report(opened: Reader, report: Path) -> None:
    drawn = {path.stem for path in (report.parent / "figures").rglob("*.png")}
    listed = {labels[0] for category, *labels in opened.shown if category != "This run"}
    assert listed - {"calibration"} == drawn


def test_every_figure_is_shown_whole_and_large_enough_to_read(opened: Reader) -> None:
    for labels, seen in opened.shown.items():
        if labels[0] == "This run":
            continue
        width, height = seen["size"]
        assert seen["complete"] and min(seen["natural"]) > 100 and seen["in_view"], labels
        assert width > 300 and height > 100, labels
        # As wide as the window allows, and not distorted; its top can be scrolled to.
        assert seen["left"] >= 0 and seen["right"] <= seen["window"][0] + 1, labels
        assert seen["top"] >= 0, labels
        assert width / height == pytest.approx(seen["natural"][0] / seen["natural"][1], rel=0.02)


def test_every_figure_has_a_caption_with_this_run_s_numbers(opened: Reader, report: Path) -> None:
    pictures = list(report.parent.rglob("*.png"))
    for labels, seen in opened.shown.items():
        if labels[0] == "This run":
            continue
        caption = seen["caption"]
        # Figures of several schemes have the same names.
        inside = [captions.inside(path) for path in pictures if path.stem == labels[1]]
        assert caption.split() in [text.split() for text in inside], labels
        assert len(caption.split(". ")) >= 2 and re.search(r"\d", caption), labels
        assert not re.search(r"[{}\\]|\bnan\b|\bNone\b|Unknown|problematic", caption), labels


def test_the_pages_of_the_run_can_be_read(opened: Reader) -> None:
    texts = {labels[1]: seen for labels, seen in opened.shown.items() if labels[0] == "This run"}
    assert "msb_xor" in texts["Summary"]["text"] and "Warnings" in texts["Summary"]["text"]
    assert "encryption:" in texts["Configuration"]["text"]
    assert "snakemake" in texts["Software"]["text"]
    assert "estimates/mine" in texts["Run times"]["text"]
    for name, seen in texts.items():
        assert seen["beyond"] <= 0, name


def test_no_label_is_cut(opened: Reader) -> None:
    assert [(where, text) for where, texts in opened.cut.items() for text in texts] == []


def test_the_menu_on_the_dark_panel_is_light(opened: Reader) -> None:
    opened.home()
    items = opened.find("nav ul li a")
    colours = [re.findall(r"[\d.]+", each.value_of_css_property("color"))[:3] for each in items]
    assert len(colours) > 3 and min(float(part) for colour in colours for part in colour) > 200


def test_the_heads_of_the_tables_say_what_stands_below(opened: Reader) -> None:
    for category, heads in opened.tables.items():
        expected = ["PAGE"] if category == "This run" else ["FIGURE", "SHOWS"]
        assert [head.upper() for head in heads][: len(expected)] == expected


def test_the_front_page_leads_to_the_summary(opened: Reader) -> None:
    opened.home()
    (link,) = [each for each in opened.find("a") if each.text == "the summary"]
    link.click()
    assert "Run summary" in opened.page()["text"]


def test_the_browser_found_no_error_and_asked_no_other_host(opened: Reader) -> None:
    log = opened.browser.get_log("browser")
    assert [each for each in log if each["level"] == "SEVERE"] == []
    events = [
        json.loads(each["message"])["message"] for each in opened.browser.get_log("performance")
    ]
    asked = [
        each["params"]["request"]["url"]
        for each in events
        if each["method"] == "Network.requestWillBeSent"
    ]
    assert asked and [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
