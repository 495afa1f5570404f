"""PagerDuty, signed webhooks, e-mail and the console: their messages, and the meaning of their errors."""

from __future__ import annotations

import hashlib
import hmac
import json
import socketserver
import sys
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from cali.adapters.aws import clients
from cali.adapters.sinks.console import Console
from cali.adapters.sinks.email import sink as email_sink
from cali.adapters.sinks.pagerduty import PagerDuty, event
from cali.adapters.sinks.registry import SinkEnvironment, Sinks, kinds
from cali.adapters.sinks.webhook import SignedWebhook
from cali.core.errors import Misconfigured, Poison, Retryable
from cali.stages.notify.content import Link, Standing
from cali.stages.notify.rules_file import parse
from cali.stages.notify.sink import Style
from tests.functional.shell import inside
from tests.functional.test_slack_api import HUGE, told
from tests.scenarios.alert_servers import Mailbox
from tests.scenarios.alert_town import Town

ENVIRONMENT = SinkEnvironment({"smtp_password": "pw"}.__getitem__, lambda: 1_795_176_000.0, lambda _: None)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.close()


class Post:
    """A local mail server. `refuse` is its response to a recipient, if set."""

    def __init__(self) -> None:
        self.letters: list[bytes] = []
        self.refuse = b""
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 local\r\n")
                for line in self.rfile:
                    word = line[:4].upper()
                    if word == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        outer.letters.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                    if word == b"RCPT" and outer.refuse:
                        self.wfile.write(outer.refuse)
                        continue
                    self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                    if word == b"QUIT":
                        return

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"smtp://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()


@pytest.fixture
def mail() -> Iterator[Post]:
    made = Post()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.parametrize(
    ("standing", "action"),
    [(Standing.OPEN, "trigger"), (Standing.MUTED, "acknowledge"), (Standing.OVER, "resolve")],
)
def test_an_alarm_is_one_for_an_incident(box: Mailbox, standing: Standing, action: str):
    PagerDuty(lambda: "R0", box.url).post(told(standing=standing), "")

    ((_, body),) = box.got
    assert (body["event_action"], body["dedup_key"], body["routing_key"]) == (action, "i", "R0")


def test_an_alarm_keeps_to_the_limits():
    made = event(
        told(title=HUGE, error=HUGE, cause=HUGE, fix=(HUGE,) * 40, links=(Link("a", "https://x"),) * 9)
    )

    assert len(made["payload"]["summary"]) <= 1_024
    assert made["payload"]["severity"] == "error"
    assert len(json.dumps(made, ensure_ascii=False).encode()) < 512_000


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Poison),
        (401, Misconfigured),
        (404, Misconfigured),
        (429, Retryable),
        (500, Retryable),
        (302, Misconfigured),
    ],
)
def test_what_a_server_refuses_is_said(box: Mailbox, status: int, error: type[Exception]):
    box.status = status

    with pytest.raises(error, match=f"PagerDuty: {status}"):
        PagerDuty(lambda: "R0", box.url).post(told(), "")


def test_a_webhook_is_signed_over_time_and_body(box: Mailbox):
    SignedWebhook(lambda: box.url, lambda: "key", lambda: 1_795_176_000.4).post(told(key="i/3"), "team")

    ((headers, body),) = box.got
    wanted = hmac.new(b"key", b"1795176000." + box.raw[0], hashlib.sha256).hexdigest()
    assert headers["x-cali-signature"] == f"v1={wanted}"
    assert headers["x-cali-timestamp"] == "1795176000"
    assert headers["idempotency-key"] == "i/3"
    assert (body["incident"], body["kind"], body["channel"], body["severity"]) == (
        "i",
        "opened",
        "team",
        "error",
    )


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x", "not a url", ""])
def test_an_address_that_is_no_web_address(url: str):
    with pytest.raises(Misconfigured, match="https://"):
        SignedWebhook(lambda: url, lambda: "key", lambda: 0.0).post(told(), "")


def test_a_letter_can_be_read_and_holds_no_header_of_others(mail: Post):
    made = email_sink({"from": "cali@example.com", "server": mail.url}, ENVIRONMENT)
    made.post(
        told(title="boom\r\nBcc: evil@example.com\r\n\r\nhidden", status="새 오류"),
        "ops@example.com, b@example.com",
    )

    letter = message_from_bytes(mail.letters[0], policy=policy.default)
    assert letter["Bcc"] is None
    assert str(letter["Subject"]) == "[Error] 새 오류: boom Bcc: evil@example.com hidden"
    assert letter["To"] == "ops@example.com, b@example.com"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert "ERROR boom" in letter.get_content()


def test_the_same_letter_has_the_same_name(mail: Post):
    made = email_sink({"from": "cali@example.com", "to": "ops@example.com", "server": mail.url}, ENVIRONMENT)
    for key in ("k1", "k1", "k2"):
        made.post(told(key=key), "")

    names = [message_from_bytes(letter, policy=policy.default)["Message-ID"] for letter in mail.letters]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    ("said", "error"), [(b"550 no such user\r\n", Misconfigured), (b"451 later\r\n", Retryable)]
)
def test_a_recipient_that_is_refused(mail: Post, said: bytes, error: type[Exception]):
    mail.refuse = said

    with pytest.raises(error, match="recipients were refused"):
        email_sink({"from": "cali@example.com", "server": mail.url}, ENVIRONMENT).post(
            told(), "ops@example.com"
        )


def test_a_mail_server_that_is_not_there():
    made = email_sink({"from": "cali@example.com", "server": "smtp://127.0.0.1:9"}, ENVIRONMENT)

    with pytest.raises(Retryable, match=r"127\.0\.0\.1"):
        made.post(told(), "ops@example.com")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "from: missing"),
        ({"from": "nobody"}, "no address"),
        ({"from": "a@example.com", "server": "http://x"}, "neither ses nor smtp"),
    ],
)
def test_options_of_e_mail_that_cannot_be_used(options: dict[str, str], said: str):
    with pytest.raises(Misconfigured, match=said):
        email_sink(options, ENVIRONMENT)


def test_ses_gets_the_whole_letter():
    class Ses:
        asked: dict[str, object]

        def send_email(self, **asked: object) -> None:
            self.asked = asked

    ses = Ses()
    environment = replace(ENVIRONMENT, aws={"sesv2": ses}.__getitem__)
    email_sink({"from": "cali@example.com"}, environment).post(told(), "ops@example.com")

    assert ses.asked["Destination"] == {"ToAddresses": ["ops@example.com"]}
    assert b"ERROR boom" in ses.asked["Content"]["Raw"]["Data"]  # type: ignore[index]


def test_ses_is_called_with_the_timeouts_of_all_aws_clients(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    clients.client.cache_clear()

    config = ENVIRONMENT.aws("sesv2").meta.config

    clients.client.cache_clear()
    assert (config.connect_timeout, config.read_timeout) == (clients.CONNECT, clients.READ)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (ClientError({"Error": {"Code": "TooManyRequestsException"}}, "SendEmail"), Retryable),
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "SendEmail"), Retryable),
        (ClientError({"Error": {"Code": "MessageRejected"}}, "SendEmail"), Misconfigured),
        (ReadTimeoutError(endpoint_url="https://email.eu-west-1.amazonaws.com"), Retryable),
    ],
)
def test_a_refusal_of_ses_is_mapped(error: Exception, meaning: type[Exception]):
    class Ses:
        def send_email(self, **_: object) -> None:
            raise error

    environment = replace(ENVIRONMENT, aws=lambda _: Ses())
    with pytest.raises(meaning, match="e-mail: SES"):
        email_sink({"from": "cali@example.com"}, environment).post(told(), "ops@example.com")


def test_the_console_shows_no_control_characters(capsys: pytest.CaptureFixture[str]):
    Console().post(told(error="\x1b[31mred\x07 \u202e"), "")

    shown = capsys.readouterr().out
    assert "red" in shown
    assert shown.replace("\n", "").isprintable()


def test_the_built_in_sinks():
    assert set(kinds()) == {"console", "email", "pagerduty", "slack_bot", "slack_webhook", "webhook"}


@pytest.fixture
def ntfy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the sink in docs/alerts.md as an installed package with its entry point, and a folder for rules."""
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text("utf-8")
    shown = page.partition("### A new sink")[2]
    site = tmp_path / "site"
    (site / "ntfy-1.0.dist-info").mkdir(parents=True)
    (site / "ntfy.py").write_text(shown.partition("```python\n")[2].partition("```")[0], "utf-8")
    entry = shown.partition("```toml\n")[2].partition("```")[0]
    group = tomllib.loads(entry)["project"]["entry-points"]["cali.sinks"]
    points = "".join(f"{name} = {module}\n" for name, module in group.items())
    (site / "ntfy-1.0.dist-info" / "entry_points.txt").write_text(f"[cali.sinks]\n{points}")
    (site / "ntfy-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: ntfy\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(site))
    kinds.cache_clear()
    yield tmp_path
    sys.modules.pop("ntfy", None)
    kinds.cache_clear()


def test_a_new_sink_is_a_package(ntfy: Path):
    class Phones(Mailbox):
        def read(self, body: bytes) -> dict[str, str]:
            return {"text": body.decode()}

    phones = Phones()
    rules = {
        "sinks": {"phone": {"kind": "ntfy", "url": phones.url}},
        "routes": [{"send": [{"sink": "phone", "channel": "team"}]}],
    }
    town = Town(rules)
    town.secrets["ntfy_token"] = "t0"
    town.do_see("a", title="boom")
    town.do_diagnose("a")
    town.do_see("a", severity="critical")

    first, second = phones.got
    assert first[0]["authorization"] == "Bearer t0"
    assert "New: boom" in first[1]["text"]
    assert "The pool is full." in second[1]["text"]
    assert len({headers["x-message-id"] for headers, _ in phones.got}) == 2
    town.close()
    phones.close()


def test_a_new_sink_can_be_tried_before_it_is_used(ntfy: Path):
    (ntfy / "rules.yaml").write_text("sinks: {p: {kind: ntfy, url: https://x}}\nroutes: [{send: [p]}]")
    row = {
        "id": "i",
        "scope": "prod",
        "fingerprint": "f",
        "template": "boom",
        "severity": "error",
        "title": "boom",
    }
    (ntfy / "incident.json").write_text(json.dumps(row))

    ran = inside("alerts", "test", ntfy / "rules.yaml", ntfy / "incident.json", "--show")
    assert "| New: boom" in ran.text, ran.err
    (ntfy / "rules.yaml").write_text("sinks: {p: {kind: ntfy}}\nroutes: [{send: [p]}]")
    ran = inside("alerts", "test", ntfy / "rules.yaml", ntfy / "incident.json")
    assert (ran.code, ran.err) == (2, f"cali: {ntfy}/rules.yaml: sink 'p': ntfy: url: missing\n")


@pytest.mark.parametrize(
    ("sinks", "said"),
    [
        ("x: {kind: pigeon}", "no kind 'pigeon'; there are console, email, pagerduty"),
        ("x: {kind: milvus}", "no kind 'milvus'"),
        ("x: {kind: pagerduty, colour: red}", "has no option 'colour'; it has secret, url"),
    ],
)
def test_a_sink_that_is_not_there_is_said_at_once(sinks: str, said: str):
    rules = parse(f"sinks: {{{sinks}}}\nroutes: [{{send: [x]}}]", "rules.yaml")

    with pytest.raises(Misconfigured, match=said):
        Sinks(rules, ENVIRONMENT)


def test_a_sink_is_made_once_and_asks_for_no_secret_before_it_is_used():
    sinks = Sinks(parse("routes: [{send: [slack_bot, pagerduty]}]", "rules.yaml"), ENVIRONMENT)

    assert sinks("slack_bot") is sinks("slack_bot")
    assert sinks("pagerduty").style is Style.SIGNAL
