"""The functions and their triggers, as Chalice declares them. The work is in `cali.usecases`."""

from typing import Any

from chalice import Chalice, Response
from chalice.app import CloudWatchEvent, KinesisEvent
from chalicelib import installation, shell

from cali.core.event_sources import SOURCES

installation.refuse_unready()
NAME = installation.name()

app = Chalice(app_name=NAME)


def stream_function(function: str) -> Any:
    """Declare a function that a stream invokes, with the settings of its event source."""
    source = SOURCES[function]
    return app.on_kinesis_record(
        stream=source.stream_of(NAME),
        name=function,
        batch_size=source.batch_size,
        starting_position=source.position,
        maximum_batching_window_in_seconds=source.window,
    )


@stream_function("analyze")
def analyze(event: KinesisEvent) -> dict[str, Any]:
    with shell.observed("analyze", event.context) as metrics:
        return shell.analyze(event.to_dict(), metrics)


@stream_function("diagnose")
def diagnose(event: KinesisEvent) -> dict[str, Any]:
    with shell.observed("diagnose", event.context) as metrics:
        return shell.diagnose(event.to_dict(), metrics)


@stream_function("alert")
def alert(event: KinesisEvent) -> dict[str, Any]:
    with shell.observed("alert", event.context) as metrics:
        return shell.alert(event.to_dict(), metrics)


@app.lambda_function(name="enrich")
def enrich(event: dict[str, Any], context: Any) -> dict[str, Any]:
    with shell.observed("enrich", context) as metrics:
        return shell.enrich(event, metrics)


@app.schedule("rate(1 minute)", name="sweep")
def sweep(event: CloudWatchEvent) -> dict[str, int]:
    with shell.observed("sweep", event.context) as metrics:
        return shell.sweep(metrics)


@app.route("/health", methods=["GET"])
def health() -> dict[str, str]:
    return shell.health()


@app.route("/slack/actions", methods=["POST"], content_types=["application/x-www-form-urlencoded"])
def slack_actions() -> Response:
    request = app.current_request
    return Response(body="", status_code=shell.slack_action(request.headers, request.raw_body))
