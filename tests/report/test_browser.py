"""The page in a real browser: it opens from disk, loads nothing else, sorts, filters, and fits."""

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

from seqfuse.registry.figures import FIGURES

pytestmark = pytest.mark.browser
# Debian's and Ubuntu's own builds; playwright would otherwise look for one of its own.
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None and not os.environ.get("CI"):
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        # Without a path playwright names what is missing, which in CI is a failure.
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser, report):
    """Open the report in a window of a width; every complaint of the browser is an error."""
    contexts, complaints = [], []

    def load(width: int = 1280, scheme: str = "light"):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(report.as_uri())
        beyond = [url for url in asked if not url.startswith("data:")]
        assert beyond == [report.as_uri()]
        return page

    yield load
    assert complaints == []
    for context in contexts:
        context.close()


def test_every_picture_loads(open_page):
    page = open_page()
    sizes = page.evaluate(
        "[...document.images].map((i) => [i.complete, i.naturalWidth, i.clientWidth])"
    )
    assert len(sizes) == len(FIGURES)
    for complete, natural, shown in sizes:
        assert complete and natural > 0 and shown > 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window(open_page, width, scheme):
    page = open_page(width, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    wide = page.evaluate(
        """[...document.querySelectorAll("body *")].filter((e) =>
        e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, pre, .skip"))
        .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert wide == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")


def test_a_table_sorts_by_a_column_both_ways(open_page):
    page = open_page()
    table = page.locator("#scores table").first
    values = "table => [...table.tBodies[0].rows].map((r) => Number(r.cells[2].dataset.value))"
    button = table.locator("th button").nth(2)
    button.click()
    rising = table.evaluate(values)
    assert len(rising) == 12 and rising == sorted(rising)
    assert table.locator("th").nth(2).get_attribute("aria-sort") == "ascending"
    # A keyboard sorts too.
    button.press("Enter")
    assert table.evaluate(values) == rising[::-1]
    table.locator("th button").nth(0).click()
    names = table.evaluate("t => [...t.tBodies[0].rows].map((r) => r.cells[0].textContent)")
    assert names == sorted(names, key=str.lower)
    assert table.locator("th[aria-sort]").count() == 1


ROWS = "d => [...d.querySelectorAll('tbody tr')].map((r) => r.innerText)"


def test_a_folded_table_is_drawn_when_it_is_opened_and_says_how_many_rows_are_left(open_page):
    page = open_page()
    folded = page.locator("#comparisons details").last
    assert folded.locator("tr").count() == 0
    folded.locator("summary").click()
    field = folded.locator("input[type=search]")
    field.wait_for()
    everything = folded.evaluate(ROWS)
    number = int(folded.locator("output").inner_text().split()[0])
    assert len(everything) == min(number, 200)
    field.fill("seqclip question")
    left = folded.evaluate(ROWS)
    assert 0 < len(left) < number
    assert all("seqclip" in r.lower() and "question" in r.lower() for r in left)
    assert folded.locator("output").inner_text() == f"{len(left)} of {number} rows"
    # By the name that files and settings have.
    field.fill("sequence_decides")
    assert 0 < len(folded.evaluate(ROWS)) < number
    field.fill("")
    assert folded.evaluate(ROWS) == everything


def test_a_long_table_is_drawn_in_parts(open_page):
    page = open_page()
    page.evaluate(
        """() => {
        const rows = Array.from({length: 450}, (_, i) => ({kind: "", cells: [{t: `${i}`, v: i}]}));
        const region = make("div", {className: "scroll"});
        const table = make("table", {}, make("thead", {}, make("tr", {}, make("th", {}, "n"))),
          make("tbody"));
        region.append(table); document.querySelector("main").append(region);
        serve(table, rows); }"""
    )
    table = page.locator("main > .scroll table")
    assert table.locator("tbody tr").count() == 200
    more = page.locator("main > button.more")
    assert more.inner_text() == "The next of 250 more rows"
    more.click()
    more.click()
    assert table.locator("tbody tr").count() == 450 and not more.is_visible()


def _saved(page, button) -> bytes:
    with page.expect_download() as started:
        button.click()
    return started.value.path().read_bytes()


def test_links_lead_somewhere_and_tables_are_downloaded(open_page, results):
    page = open_page()
    page.locator("#scores figure.grid .sources a").first.click()
    target = page.evaluate("location.hash")
    assert page.locator(target.replace("#", "[id='") + "']").is_visible()
    text = _saved(page, page.locator("#scores figure.grid a[download]").first).decode()
    assert text.startswith("Method or control,Matthews correlation,") and ",Kind," in text
    figure = page.locator("#figure-verdict")
    figure.locator("details summary").click()
    csv = _saved(page, figure.locator("button.csv"))
    assert csv == (results / "figures" / "verdict.csv").read_bytes()
    assert _saved(page, figure.locator("button.png")).startswith(b"\x89PNG")
    folded = page.locator("#comparisons details").first
    folded.locator("summary").click()
    head = _saved(page, folded.locator("button.csv")).decode().splitlines()[0]
    assert "Difference,Difference low,Difference high,p," in head
    numbers = page.locator("#scores details").first
    numbers.locator("summary").click()
    assert "seeds 0." in numbers.locator("tbody td.number small").first.inner_text()
    head, first = _saved(page, numbers.locator("button.csv")).decode().splitlines()[:2]
    assert ",Value,Value training 1,Value training 2,Low,High," in head
    assert len(first.split(",")) == len(head.split(","))


def test_the_contents_stay_in_view_and_fold_on_a_phone(open_page):
    page = open_page()
    page.locator("nav a[href='#cost']").click()
    assert page.locator("nav").bounding_box()["y"] == 0
    assert page.locator("#cost h2").bounding_box()["y"] < 100
    phone = open_page(390)
    assert not phone.locator("nav a").first.is_visible()
    phone.locator("nav summary").click()
    phone.locator("nav a[href='#figure-cost']").click()
    assert not phone.locator("nav a").first.is_visible()
    assert phone.evaluate("location.hash") == "#figure-cost"
    assert phone.locator("#figure-cost h3").bounding_box()["y"] < 200
    # A permalink is the address of what it stands beside.
    phone.locator("#figure-cost .permalink").click()
    assert phone.url.endswith("#figure-cost")


def test_a_picture_is_enlarged_and_put_away(open_page):
    page = open_page(390)
    page.locator("#figure-verdict button.enlarge").click()
    large = page.locator("dialog img")
    fitted = large.bounding_box()["width"]
    large.click()
    assert large.bounding_box()["width"] > 1.5 * fitted
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_button_turns_light_into_dark_and_back(open_page, scheme):
    page = open_page(1280, scheme)
    background = "getComputedStyle(document.body).backgroundColor"
    first = page.evaluate(background)
    page.locator("button.theme").click()
    assert (page.evaluate(background) == "rgb(255, 255, 255)") == (scheme == "dark")
    page.locator("button.theme").click()
    assert page.evaluate(background) == first


def test_the_page_is_whole_without_scripts(browser, report):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 900})
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("#scores table").first.is_visible()
    assert page.locator("article.verdict").count() == 4
    assert page.locator("input").count() == 0
    assert page.locator(".looks").first.is_visible()
    context.close()


def test_on_paper_the_verdicts_are_unfolded(open_page):
    page = open_page()
    folded = page.locator(".verdict details table").first
    assert not folded.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded.is_visible()
    assert page.locator("#comparisons details table").count() == 0


def test_it_prints(browser, report):
    context = browser.new_context()
    page = context.new_page()
    page.goto(report.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
    context.close()
