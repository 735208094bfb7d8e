"""The page in a real browser: it opens from disk, loads nothing else, sorts, filters, and fits."""

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

from seqfuse.registry.figures import FIGURES

# Debian's and Ubuntu's own builds; playwright would else look for one that it downloaded.
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
@pytest.mark.parametrize("width", [375, 1280])
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


def test_a_table_shows_the_rows_with_the_words_asked_for(open_page):
    page = open_page()
    folded = page.locator("#comparisons details").last
    folded.locator("summary").click()
    field = folded.locator("input[type=search]")
    shown = (
        "d => [...d.querySelectorAll('tbody tr')].filter((r) => !r.hidden).map((r) => r.innerText)"
    )
    everything = folded.evaluate(shown)
    field.fill("seqclip question")
    left = folded.evaluate(shown)
    assert 0 < len(left) < len(everything)
    wanted = [r for r in everything if "seqclip" in r.lower() and "question" in r.lower()]
    assert left == wanted
    field.fill("")
    assert folded.evaluate(shown) == everything


def test_links_lead_somewhere_and_tables_are_downloaded(open_page):
    page = open_page()
    page.locator("#scores figure.grid .sources a").first.click()
    target = page.evaluate("location.hash")
    assert page.locator(target.replace("#", "[id='") + "']").is_visible()
    with page.expect_download() as started:
        page.locator("#scores figure.grid a[download]").first.click()
    text = started.value.path().read_text(encoding="utf-8")
    assert text.startswith("Method or control,Kind,")


def test_the_page_is_whole_without_scripts(browser, report):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 375, "height": 900})
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("#scores table").first.is_visible()
    assert page.locator("article.verdict").count() == 4
    assert page.locator("input").count() == 0
    context.close()


def test_on_paper_the_verdicts_are_unfolded(open_page):
    page = open_page()
    folded = page.locator(".verdict details ul").first
    assert not folded.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded.is_visible()
    assert not page.locator("#comparisons details figure").first.is_visible()


def test_it_prints(browser, report):
    context = browser.new_context()
    page = context.new_page()
    page.goto(report.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
    context.close()
