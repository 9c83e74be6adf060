"""The page in the system's Chromium: with the mouse, by keyboard alone, without JavaScript; what axe-core finds."""

import hashlib
import shutil
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import uvicorn
from playwright.sync_api import sync_playwright

from pipeline import predict
from pipeline.base import params
from pipeline.web import app
from tests.conftest import draw_picture

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")]

AXE = Path(__file__).with_name("axe.min.js")
WIDTHS = (1280, 390)
NOTICE = Path(__file__).parents[3] / "NOTICE"


@pytest.fixture(scope="module")
def served(asked):
    """The address of the page over the trained project, on a free port."""
    config = uvicorn.Config(app.make(asked), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def chromium():
    """The system's browser. No sandbox: it may run as root in a container, and sees this page alone."""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium, served):
    """`tab(width, **options)`: a tab that fails the test for what it asks of other hosts and says on its console."""
    complaints, contexts = [], []

    def new(width=1280, **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((served, "data:", "blob:")) else complaints.append(r.url))
        page.goto(served)
        return page

    yield new
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def drafts(tmp_path):
    """A table of two drafts with a picture each."""
    rows = [
        {"title": "A quiet cake", "text": "the cake we saw", "category": "food", "image": "0.jpg"},
        {"title": "A wild street", "text": "שלום", "category": "city", "image": "1.png"},
    ]
    for i, row in enumerate(rows):
        draw_picture(tmp_path / row["image"], 0.4 + 0.4 * i, seed=i, size=(90, 70))
    about = {"user_id": "u1", "followers": 900, "user_photos": 9, "is_pro": 1, "posted_at": "2021-03-01T18:00Z"}
    file = tmp_path / "drafts.csv"
    pd.DataFrame(rows).assign(**about, subcategory=None, concept=None).to_csv(file, index=False)
    return file


def expected(paths, file):
    """What the command line predicts, the most popular first."""
    table = predict.predict(paths, params.load(paths.params), "trees", file)
    return sorted(table["likes_log2p1"], reverse=True)


def numbers(page):
    """The predictions that a page shows."""
    return [float(element.get_attribute("value")) for element in page.locator("data.scale").all()]


def complaints_of_axe(page):
    """What axe-core finds wrong; it runs past the page's policy, as a developer's tool does."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def fill(page, file):
    """Fill in the drafts of a table with the mouse."""
    page.select_option("#system", "trees")
    page.click("text=Show its fields")
    table = pd.read_csv(file)
    page.fill("#f-user_id", "u1")
    page.click("summary:has-text('About the user')")
    page.fill("#f-followers", "900")
    page.fill("#f-user_photos", "9")
    page.select_option("#f-is_pro", "1")
    for i, row in enumerate(table.to_dict("records")):
        if i:
            page.click("summary:has-text('Compare')")
        page.set_input_files(f"#f-{i}-image", file.parent / row["image"])
        for column in ("title", "text", "category"):
            page.fill(f"#f-{i}-{column}", row[column])
        page.fill(f"#f-{i}-posted_at", "2021-03-01T18:00")


def test_two_drafts_are_compared_with_the_mouse(asked, tab, drafts):
    page = tab()
    fill(page, drafts)
    page.locator(".drop img").first.wait_for()
    page.click("button:has-text('Predict')")
    page.locator("section.reply").wait_for()
    assert numbers(page) == expected(asked, drafts)
    assert page.locator(".answer .picture img").count() == 2


def test_one_draft_is_asked_by_keyboard_alone(asked, tab, drafts):
    page = tab()
    page.goto(f"{page.url}?system=trees")
    row = pd.read_csv(drafts).iloc[0]
    typed = {"f-user_id": "u1", "f-0-title": row["title"], "f-0-text": row["text"], "f-0-category": row["category"]}
    names, focus = [], "document.activeElement.id || document.activeElement.textContent"
    for _ in range(80):
        page.keyboard.press("Tab")
        names.append(page.evaluate(focus).strip())
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", names[-1]
        if names[-1] in typed:
            page.keyboard.type(typed.pop(names[-1]))
        elif names[-1] == "f-0-posted_at":
            page.keyboard.type("03012021")
            page.keyboard.press("Tab")
            page.keyboard.type("0600PM")
        elif names[-1] == "Predict":
            break
    assert typed == {}
    assert names[0] == "To the content"
    page.keyboard.press("Enter")
    page.locator("section.reply").wait_for()
    about = {"followers": 200, "user_photos": 51, "image": None}  # as in the user's latest post, and no picture
    one = drafts.with_name("one.csv")
    pd.read_csv(drafts).head(1).assign(**about).to_csv(one, index=False)
    assert numbers(page) == expected(asked, one)


def test_everything_works_without_javascript(asked, tab, drafts):
    page = tab(java_script_enabled=False)
    fill(page, drafts)
    page.click("button:has-text('Predict')")
    page.locator("section.reply").wait_for()
    assert numbers(page) == expected(asked, drafts)


def test_a_picture_is_taken_when_dropped_or_pasted(tab, drafts):
    page = tab()
    hand_over = """([zone, kind]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(["x"], "a.png", {type: "image/png"}));
        const event = new Event(kind, {bubbles: true, cancelable: true});
        event[kind === "drop" ? "dataTransfer" : "clipboardData"] = transfer;
        document.querySelector(zone).dispatchEvent(event);
    }"""
    page.evaluate(hand_over, [".drop", "drop"])
    assert page.evaluate("document.querySelector('#f-0-image').files[0].name") == "a.png"
    page.click("summary:has-text('Compare')")
    page.focus("#f-1-title")
    page.evaluate(hand_over, ["#f-1-title", "paste"])
    assert page.evaluate("document.querySelector('#f-1-image').files.length") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window_and_axe_finds_nothing(served, tab, drafts, scheme):
    for width in WIDTHS:
        page = tab(width, color_scheme=scheme)
        fill(page, drafts)
        page.click("button:has-text('Predict')")
        page.locator("section.reply").wait_for()
        assert complaints_of_axe(page) == []
        for path in ("/", "/results", "/data", "/card"):
            page.goto(served + path)
            assert complaints_of_axe(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_scripts_in_tags_do_not_run(chromium, served):
    page = chromium.new_page()
    page.goto(served)
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.caught = 1\">')")
    assert page.evaluate("window.caught") is None
    page.close()


def test_axe_is_the_file_that_notice_names():
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() in NOTICE.read_text(encoding="utf-8")
