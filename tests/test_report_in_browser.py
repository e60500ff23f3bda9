"""The report in Chromium: wide screen and phone, light and dark, and in print.

`make browser` runs these tests, `make test` does not. They open the report that REPORT names, or
else that of the tiny run. SCREENSHOTS names a folder for screenshots.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from snake import REPOSITORY

pytestmark = pytest.mark.browser

LOOKS = {
    f"{screen}{'-dark' * (scheme == 'dark')}": (size, scheme)
    for screen, size in (("desk", (1400, 900)), ("phone", (390, 844)))
    for scheme in ("light", "dark")
}
PATIENCE = 30  # seconds
CONTRAST = 4.5  # the least of WCAG 2, level AA
# Texts that are wider than their element or outside the window, except in parts that scroll.
CUT = """
const outside = each => {
    const box = each.getBoundingClientRect();
    if (!box.width || each.closest(".scroll, .card, nav ol")) return false;
    return box.left < -1 || box.right > innerWidth + 1;
};
const wide = each => each.clientWidth > 0 && each.scrollWidth > each.clientWidth + 1;
return [...document.querySelectorAll("h1, h2, h3, p, dt, dd, li, summary, th, td, pre, a, span")]
    .filter(each => each.innerText.trim() && (outside(each) || wide(each)))
    .map(each => `${each.tagName}: ${each.innerText}`);
"""
# The cells of a column from top to bottom, as they are sorted.
VALUES = """
return [...arguments[0].tBodies[0].rows].map(row => row.cells[arguments[1]])
    .map(cell => cell.dataset.value ?? cell.innerText);
"""
# Texts whose contrast with their background, as WCAG 2 defines it, is too small.
FAINT = """
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const parts = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
};
const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(each => each / 255)
        .map(each => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const ground = each => {
    for (; each; each = each.parentElement) {
        const colour = parts(getComputedStyle(each).backgroundColor);
        if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
};
const owns = each => [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim());
return [...document.body.querySelectorAll("*:not(script)")].filter(owns).map(each => {
    const [a, b] = [parts(getComputedStyle(each).color), ground(each)].map(light);
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), each.innerText.slice(0, 60)];
}).filter(([contrast]) => contrast < arguments[0]);
"""


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest) -> Path:
    """The report to open."""
    if given := os.environ.get("REPORT"):
        path = (REPOSITORY / given).resolve()
        assert path.is_file(), f"REPORT: {path}: no such file"
        return path
    return request.getfixturevalue("tiny_run").results / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """Headless Chromium, which logs its network requests."""
    subprocess.run([REPOSITORY / "tests" / "chromium.sh"], check=True)
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    options.add_argument("--headless=new")
    options.add_argument("--disable-dev-shm-usage")
    # Chromium refuses to run as root with a sandbox. It opens only our own file here.
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


class Reader:
    """A reader with the report open in a browser."""

    def __init__(self, browser: webdriver.Chrome, report: Path):
        self.browser = browser
        self.report = report

    def open(self, look: str = "desk") -> "Reader":
        """Open the report in a window of a size, light or dark."""
        size, scheme = LOOKS[look]
        self.emulate(size, "", scheme)
        self.browser.get(self.report.as_uri())
        self.until(lambda: self.run("return document.readyState === 'complete'"))
        return self

    def emulate(self, size: tuple[int, int], media: str, scheme: str) -> None:
        screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1}
        screen["mobile"] = size[0] < 500
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setDeviceMetricsOverride", **screen)
        self.command("Emulation.setEmulatedMedia", media=media, features=features)

    def look(self, name: str) -> None:
        """Keep pictures of the page, screen by screen, if SCREENSHOTS names a folder."""
        if "SCREENSHOTS" not in os.environ:
            return
        folder = Path(os.environ["SCREENSHOTS"])
        folder.mkdir(parents=True, exist_ok=True)
        for screen in range(self.run("return Math.ceil(document.body.scrollHeight / innerHeight)")):
            self.run(f"scrollTo({{top: {screen} * innerHeight, behavior: 'instant'}})")
            time.sleep(0.1)
            self.browser.save_screenshot(str(folder / f"{name}-{screen:02d}.png"))

    def command(self, name: str, **arguments: Any) -> Any:
        return self.browser.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def click(self, element: WebElement) -> None:
        """Click an element, also where another is above it or the window does not show it."""
        self.run("arguments[0].click()", element)

    def find(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def until(self, condition: Any) -> Any:
        return WebDriverWait(self.browser, PATIENCE).until(lambda _: condition())

    def is_at_top(self, anchor: str) -> bool:
        """Return whether a section is at the top, or the page cannot scroll further."""
        return self.run(
            "const box = document.getElementById(arguments[0]).getBoundingClientRect();"
            "const end = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;"
            "return box.top > -2 && (box.top < 60 || end && box.top < innerHeight)",
            anchor,
        )


@pytest.fixture(scope="module")
def reader(browser: webdriver.Chrome, report: Path) -> Reader:
    return Reader(browser, report)


@pytest.fixture(params=LOOKS)
def opened(reader: Reader, request: pytest.FixtureRequest) -> Reader:
    """The report in each look, light or dark, with everything in it unfolded."""
    reader.open(request.param)
    ground = reader.find("body")[0].value_of_css_property("background-color")
    brightness = sum(map(int, re.findall(r"\d+", ground)[:3]))
    assert brightness < 150 if "dark" in request.param else brightness > 700
    reader.look(request.param)
    reader.run("for (const each of document.querySelectorAll('main details')) each.open = true")
    return reader


def test_no_text_is_cut_or_faint_and_the_answer_is_on_the_first_screen(opened: Reader) -> None:
    assert opened.run("return document.documentElement.scrollWidth - innerWidth") <= 0
    assert opened.run(CUT) == [] and opened.run(FAINT, CONTRAST) == []
    opened.run("scrollTo({top: 0, behavior: 'instant'})")
    last = opened.find(".answers > div")[-1]
    assert opened.run("return arguments[0].getBoundingClientRect().bottom < innerHeight", last)


def test_every_picture_is_loaded_undistorted_and_on_white(opened: Reader) -> None:
    pictures = opened.run(
        "return [...document.images].map(each => ({alt: each.alt, complete: each.complete,"
        " natural: each.naturalWidth / each.naturalHeight, box: each.clientWidth /"
        " each.clientHeight, width: each.clientWidth, figure: !!each.closest('.card'), ground:"
        " getComputedStyle(each.closest('.card') ?? document.body).backgroundColor}))"
    )
    assert len(pictures) > 8
    for each in pictures:
        assert each["alt"] and each["complete"], each
        assert each["box"] == pytest.approx(each["natural"], rel=0.03), each
        if each["figure"]:
            assert each["width"] > 300 and each["ground"] == "rgb(255, 255, 255)", each


def test_on_a_phone_the_contents_are_closed_and_close_again_after_a_choice(reader: Reader) -> None:
    reader.open("phone")
    (contents,) = reader.find("#contents")
    assert contents.get_attribute("open") is None
    reader.find("#contents summary")[0].click()
    reader.click(reader.find("#contents a[href='#calibration']")[0])
    assert contents.get_attribute("open") is None
    reader.until(lambda: reader.is_at_top("calibration"))


def test_on_a_wide_screen_the_contents_stay_open_and_lead_to_every_section(reader: Reader) -> None:
    reader.open("desk")
    reader.run("document.documentElement.style.scrollBehavior = 'auto'")
    links = reader.find("#contents a")
    assert len(links) > 8
    for link in links:
        anchor = reader.run("return arguments[0].hash.slice(1)", link)
        reader.click(link)
        reader.until(lambda anchor=anchor: reader.is_at_top(anchor))
        assert reader.run("return document.getElementById('contents').open")
    reader.until(lambda: reader.find("#contents a[aria-current]"))


def test_tables_sort_numbers_as_numbers_by_click_and_by_key(reader: Reader) -> None:
    reader.open("desk")
    reader.run("for (const each of document.querySelectorAll('details')) each.open = true")
    sorted_columns = 0
    for table in reader.find("table.sorts"):
        heads = table.find_elements(By.CSS_SELECTOR, "th")
        for column, head in enumerate(heads):
            (button,) = head.find_elements(By.TAG_NAME, "button")
            reader.run("arguments[0].focus()", button)
            button.send_keys(Keys.ENTER)
            assert head.get_attribute("aria-sort") == "ascending"
            up = reader.run(VALUES, table, column)
            reader.click(button)
            assert head.get_attribute("aria-sort") == "descending"
            down = reader.run(VALUES, table, column)
            if head.get_attribute("class") == "number":
                # Empty cells come last.
                known = [list(map(float, filter(None, found))) for found in (up, down)]
                assert up[len(known[0]) :] == down[len(known[1]) :] == [""] * up.count("")
                assert known[0] == sorted(known[0]) and known[1] == known[0][::-1]
                sorted_columns += 1
            others = [each.get_attribute("aria-sort") for each in heads if each != head]
            assert set(others) <= {"none"}
    assert sorted_columns > 3


def test_every_figure_s_files_can_be_saved(reader: Reader, tmp_path: Path) -> None:
    reader.open("desk")
    reader.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    for link in reader.find("figure")[0].find_elements(By.CSS_SELECTOR, ".links a"):
        reader.click(link)
        name = link.get_attribute("download")
        reader.until(lambda name=name: (tmp_path / name).is_file())
    starts = {path.suffix: path.read_bytes()[:4] for path in tmp_path.iterdir()}
    assert set(starts) == {".png", ".pdf", ".csv"}
    assert starts[".png"] == b"\x89PNG" and starts[".pdf"] == b"%PDF"


def test_in_print_everything_is_open_and_no_figure_is_wider_than_the_paper(reader: Reader) -> None:
    reader.open("desk-dark")
    reader.emulate((720, 1000), "print", "dark")
    reader.run("dispatchEvent(new Event('beforeprint'))")
    assert reader.find("details:not([open])") == []
    assert not reader.find("nav")[0].is_displayed()
    assert "255, 255, 255" in reader.find("body")[0].value_of_css_property("background-color")
    wide = "return [...document.querySelectorAll('img, table, p, pre')].filter(each =>"
    wide += " each.getBoundingClientRect().right > innerWidth + 1).map(each => each.outerHTML)"
    assert [each[:200] for each in reader.run(wide)] == []
    assert reader.run(FAINT, CONTRAST) == []
    reader.look("print")
    reader.run("dispatchEvent(new Event('afterprint'))")
    assert reader.find("main details[open]") == []
    printed = reader.command("Page.printToPDF", printBackground=True)["data"]
    assert base64.b64decode(printed).startswith(b"%PDF")


def test_the_page_has_no_errors_requests_nothing_and_can_be_mailed(reader: Reader) -> None:
    reader.open("desk")
    assert reader.browser.get_log("browser") == []
    log = reader.browser.get_log("performance")
    events = [json.loads(each["message"])["message"] for each in log]
    asked = {
        each["params"]["request"]["url"].partition(",")[0]
        for each in events
        if each["method"] == "Network.requestWillBeSent"
    }
    assert asked and [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert reader.report.stat().st_size < 10_000_000
