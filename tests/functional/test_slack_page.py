"""The messages in a browser, on a desktop and on a phone: nothing overflows, and hostile text is never markup."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.functional.slack_page import page
from tests.scenarios.alert_town import Town

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None, reason="the package chromium is not installed: no message was opened in a browser"
    ),
]
TRACE = (
    "org.springframework.dao.DataAccessResourceFailureException: Unable to acquire JDBC Connection\n"
    + "\n".join(
        f"\tat com.shop.orders.layer{n}.OrderService.place(OrderService.java:{n})" for n in range(120)
    )
    + "\nCaused by: java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available"
)
HOSTILE = (
    "</pre><script>alert(1)</script> <!channel> <@U1> ``` *bold* <https://evil.example|click> \u202egnp.exe"
    + "A" * 500
)
RULES = {
    "routes": [{"send": [{"sink": "slack_bot", "channel": "C0LOCAL0001", "mention": "@here"}]}],
    "links": {
        "Logs": "https://grafana.example/explore?fp={fingerprint}",
        "Dashboard": "https://grafana.example/d/x",
    },
    "storm": {"incidents": 4},
}


def messages(language: str) -> list[dict[str, object]]:
    """Return the messages of a channel after an outage."""
    town = Town(RULES, language)
    town.do_see(
        "db", title="FATAL: sorry, too many clients already", severity="critical", count=412, message=TRACE
    )
    cause = "PostgreSQL has reached `max_connections`: more sessions are open than the server allows."
    fix = [
        "See who holds them: `kubectl -n shop exec deploy/postgres -- psql -c 'SELECT 1 < 2'`",
        "Lower the pool.",
    ]
    town.do_diagnose(
        "db", cause, fix=fix, evidence="2026-11-20 02:31:07 FATAL: sorry, too many clients already"
    )
    for name in ("orders", "carts"):
        town.do_see(name, title=f"{name} cannot connect: connection refused", follows="db")
    town.do_see("evil", title=HOSTILE, message=HOSTILE + "\n" + "x" * 9_000)
    town.do_at(70)
    town.do_see("db", count=900)
    town.do_see("w", title="disk is filling up", severity="warning")
    town.do_resolve("w", "Anna <b>")
    town.do_many(9, title="a storm of errors")
    town.do_at(300)
    town.check()
    shown = [one.content for one in town.slack.messages]
    town.close()
    return shown


def measured(path: Path, profile: Path, width: int) -> str:
    assert BROWSER
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--window-size={width},2400",
    ]
    done = subprocess.run(
        [
            BROWSER,
            *flags,
            f"--user-data-dir={profile}",
            "--virtual-time-budget=2000",
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("language", ["en", "ko"])
def test_messages_fit_a_desk_and_a_phone(tmp_path: Path, language: str) -> None:
    inner = page(messages(language))
    (tmp_path / "outer.html").write_text(
        '<body><iframe id="f" width="390" height="3000"></iframe><pre id="seen"></pre><script>'
        f"const f = document.getElementById('f'); f.srcdoc = {as_script(inner)};"
        "f.onload = () => { const d = f.contentDocument.documentElement;"
        "document.getElementById('seen').textContent = d.scrollWidth + ' ' + d.clientWidth + ' '"
        " + f.contentDocument.querySelectorAll('.body script, .body b b, .body img').length; };</script></body>",
        "utf-8",
    )

    found = re.search(
        r'id="seen">(\d+) (\d+) (\d+)<', measured(tmp_path / "outer.html", tmp_path / "profile", 800)
    )

    assert found
    width, room, hostile = map(int, found.groups())
    assert width <= room, "a message runs out of a phone's screen"
    assert hostile == 0


def as_script(text: str) -> str:
    return json.dumps(text).replace("</", "<\\/")
