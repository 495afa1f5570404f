"""The page in a real browser: its own script runs, no other code does, and its controls work."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cali.report.html import as_html
from tests.unit.report.shop import SHOP

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None, reason="the package chromium is not installed: no page was opened in a browser"
    ),
]

# Drives the page, which lies in a frame, and leaves what it saw in its own text.
DRIVER = """<!doctype html><body><iframe src="shop.html#i1-2" width="390" height="800"></iframe><pre id="seen"></pre><script>
window.alert = () => { window.attacked = true; };
document.querySelector("iframe").onload = (event) => {
  const page = event.target.contentDocument;
  event.target.contentWindow.alert = window.alert;
  const seen = {};
  const visible = () => [...page.querySelectorAll(".card")].filter((card) => !card.hidden).map((card) => card.id);
  const search = page.getElementById("search");
  const type = (text) => { search.value = text; search.dispatchEvent(new Event("input")); };
  seen.controls = !page.getElementById("controls").hidden;
  seen.linked = page.getElementById("i1-2").open;
  seen.all = visible();
  type("hikari SESSIONS"); seen.found = visible(); seen.status = page.getElementById("shown").textContent;
  seen.rows = [...page.querySelectorAll("[data-card]")].filter((row) => !row.hidden).length;
  type("<script>"); seen.hostile = visible();
  type("nowhere to be found"); seen.none = visible();
  type("");
  const error = page.querySelector("[value=error]");
  const critical = page.querySelector("[value=critical]");
  error.click(); critical.click(); seen.warnings = visible(); error.click(); critical.click();
  page.getElementById("expand").click();
  seen.closed = page.querySelectorAll(".card:not([open]), .follower:not([open])").length;
  seen.copy = page.querySelectorAll(".command .copy").length;
  seen.images = page.images.length;
  seen.attacked = Boolean(window.attacked);
  seen.room = page.documentElement.clientWidth;
  seen.width = page.documentElement.scrollWidth;
  seen.styled = getComputedStyle(page.querySelector(".card")).borderLeftWidth;
  document.getElementById("seen").textContent = JSON.stringify(seen);
};
</script></body>"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    (tmp_path / "shop.html").write_text(as_html(SHOP), "utf-8")
    (tmp_path / "driver.html").write_text(DRIVER, "utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def opened(address: str, profile: Path) -> tuple[str, str]:
    """Return the page after its scripts have run, and the browser's messages."""
    assert BROWSER
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--enable-logging=stderr",
    ]
    done = subprocess.run(
        [BROWSER, *flags, f"--user-data-dir={profile}", "--virtual-time-budget=4000", "--dump-dom", address],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout, done.stderr


def test_search_filter_and_links_work_and_nothing_hostile_runs(folder: str, tmp_path: Path) -> None:
    page, said = opened(f"{folder}/driver.html", tmp_path / "profile")

    match = re.search(r'<pre id="seen">(.*?)</pre>', page, re.S)
    assert match, said
    seen = json.loads(unescape(match[1]))
    assert seen["controls"]
    assert seen["linked"]
    assert seen["all"] == ["i1", "i2", "i3", "i4", "i5"]
    assert seen["found"] == ["i1"]
    assert seen["status"] == "1 of 5 shown"
    assert seen["rows"] == 3
    assert seen["hostile"] == ["i5"]
    assert seen["none"] == []
    assert seen["warnings"] == ["i5"]
    assert seen["closed"] == 0
    assert seen["copy"] == 5
    assert (seen["attacked"], seen["images"]) == (False, 0)
    assert seen["width"] <= seen["room"], "the page scrolls sideways on a phone"
    assert seen["styled"] == "4px"
    assert "Content Security Policy" not in said


def test_it_opens_from_a_disk(tmp_path: Path) -> None:
    path = tmp_path / "shop.html"
    path.write_text(as_html(SHOP), "utf-8")

    page, said = opened(path.as_uri(), tmp_path / "profile")

    assert '<form id="controls" role="search">' in page  # the script has shown it
    assert "<img" not in page
    assert "Content Security Policy" not in said
