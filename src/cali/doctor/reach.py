"""Checks of the servers: model, Milvus, Slack. Each gets one free request that changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cali.core.errors import CaliError, Misconfigured
from cali.doctor.account import secret
from cali.doctor.check import CheckResult, fail, ok, warn

if TYPE_CHECKING:
    from cali.doctor.context import DoctorContext

OPENAI = "https://api.openai.com/v1"


def model(context: DoctorContext) -> Iterator[CheckResult]:
    """Request the list of models from the model's server, which is free."""
    wanted = context.settings
    if not (wanted.openai_api_key or wanted.openai_base_url or wanted.openai_secret):
        yield ok("model", "none is configured; errors without a knowledge entry stay unexplained")
        return
    if not (wanted.model or wanted.openai_api_key or wanted.openai_secret):
        yield warn(
            "model",
            "CALI_OPENAI_BASE_URL is set without CALI_MODEL, so no model is called",
            "set CALI_MODEL to a model of that server",
        )
        return
    key, fault = _key(context)
    if fault is not None:
        yield fault
        return
    url = f"{(wanted.openai_base_url or OPENAI).rstrip('/')}/models"
    if not url.startswith(("http://", "https://")):
        yield fail(
            "model",
            f"{wanted.openai_base_url}: not a URL",
            "correct CALI_OPENAI_BASE_URL: http://HOST:PORT/v1",
        )
        return
    try:
        status, answer = context.outside.get_json("model", url, key, context.timeout)
        if status >= 300:
            yield _refused(url, status)
            return
        names = _models(answer)
    except (CaliError, ValueError) as error:
        yield fail("model", f"{url}: {error}", "check that the server is up and reachable from here")
        return
    name = wanted.model
    if name and names and name not in names:
        near = ", ".join(sorted(names)[:5])
        yield fail("model", f"{url}: has no model {name}; it has {near}", "set CALI_MODEL to one that it has")
        return
    yield ok("model", f"{url}: answers{f', and has {name}' if name and names else ''}")


def milvus(context: DoctorContext) -> Iterator[CheckResult]:
    """Check that the Milvus server answers. Without one, the command line searches in memory."""
    uri = context.settings.milvus_uri
    if not uri:
        yield ok(
            "milvus",
            "no server is configured; this machine searches in memory, functions match signatures only",
        )
        return
    token = context.settings.milvus_token
    if context.settings.milvus_secret:
        held, fault = secret(context, context.settings.milvus_secret)
        if fault is not None:
            yield fault
            return
        token = held.get("token", "")
    try:
        names = context.outside.milvus_collections(uri, token, context.timeout)
    except Misconfigured as error:
        yield fail("milvus", str(error), "set CALI_MILVUS_URI to http://HOST:19530")
        return
    except CaliError as error:
        then = "check that it is up, that this machine can reach it (on AWS only the VPC can), and that the token is right"
        yield fail("milvus", str(error), then)
        return
    yield ok("milvus", f"{uri}: answers, {len(names)} collections of ours")


def slack(context: DoctorContext) -> Iterator[CheckResult]:
    """Check that Slack accepts the bot's token. A webhook cannot be tried without a message."""
    name = context.settings.slack_secret
    if not name:
        yield ok("slack", "not configured; alerts go to the log")
        return
    held, fault = secret(context, name)
    if fault is not None:
        yield fault
        return
    token, hook = held.get("bot_token", ""), held.get("webhook_url", "")
    if not token and not hook:
        yield fail("slack", f"secret {name}: holds neither bot_token nor webhook_url", "put one of them in")
        return
    if not token:
        if not hook.startswith(("http://", "https://")):
            yield fail(
                "slack", f"secret {name}: webhook_url is no URL", "copy it from Slack's page of the app"
            )
            return
        yield ok("slack", "a webhook is set; it cannot be tried without sending a message")
        return
    yield from _bot(context, token, held)


def _bot(context: DoctorContext, token: str, held: dict[str, str]) -> Iterator[CheckResult]:
    try:
        answer = context.outside.post_json("Slack", f"{context.slack_url}/auth.test", token, context.timeout)
    except (CaliError, ValueError) as error:
        yield fail("slack", f"{context.slack_url}: {error}", "check that slack.com can be reached from here")
        return
    if not isinstance(answer, dict):
        yield fail(
            "slack",
            f"{context.slack_url}: the response is not from Slack",
            "check the proxy or firewall between here and Slack",
        )
        return
    if not answer.get("ok"):
        then = (
            "make a new token on the app's page (OAuth & Permissions) and put it into the secret as bot_token"
        )
        yield fail("slack", f"auth.test: {answer.get('error', 'no reason')}", then)
        return
    yield ok("slack", f"the token is that of {answer.get('user', 'a bot')} in {answer.get('team', 'a team')}")
    if not held.get("signing_secret"):
        yield warn(
            "slack",
            "the secret holds no signing_secret, so button presses are rejected",
            "add the app's signing secret",
        )
    if not (context.settings.slack_channel or context.settings.alert_rules):
        yield warn(
            "slack", "no rules, and no channel for the bot", "set CALI_SLACK_CHANNEL or CALI_ALERT_RULES"
        )


def _key(context: DoctorContext) -> tuple[str, CheckResult | None]:
    if context.settings.openai_api_key:
        return context.settings.openai_api_key, None
    if not context.settings.openai_secret:
        return "none", None
    held, fault = secret(context, context.settings.openai_secret)
    if fault is None and not held.get("api_key"):
        return "", fail(
            "model", f"secret {context.settings.openai_secret}: holds no api_key", "put the key in"
        )
    return held.get("api_key", ""), fault


def _models(answer: Any) -> set[str]:
    rows = answer.get("data", []) if isinstance(answer, dict) else []
    return {str(row.get("id")) for row in rows if isinstance(row, dict)}


def _refused(url: str, code: int) -> CheckResult:
    if code in (401, 403):
        return fail(
            "model",
            f"{url}: rejects the key ({code})",
            "create a new key, and set CALI_OPENAI_API_KEY or the secret",
        )
    if code in (404, 405):
        return warn(
            "model",
            f"{url}: answers {code}; it does not list its models",
            "check that the URL has the path of the API, such as /v1",
        )
    return fail("model", f"{url}: answers {code}", "look at the server, or try again later")


CHECKS = (model, milvus, slack)
