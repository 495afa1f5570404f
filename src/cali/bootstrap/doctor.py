"""Composition of the context of `cali doctor`: settings, the declared stage, and adapters."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, ValidationError

from cali.adapters.aws import clients
from cali.adapters.slack.api import URL as SLACK_URL
from cali.core import settings as settings_
from cali.core.errors import Misconfigured
from cali.doctor.check import CheckResult, fail
from cali.doctor.context import DoctorContext

if TYPE_CHECKING:
    from cali.core.settings import Settings
    from cali.usecases.releases import Releases

CONFIG = Path(".chalice/config.json")


class FunctionSection(BaseModel):
    """The checked part of a function's section in .chalice/config.json."""

    environment_variables: dict[str, str] = Field(default_factory=dict, strict=True)


class StageSection(FunctionSection):
    """The checked part of a stage's section."""

    lambda_functions: dict[str, FunctionSection] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DoctorAdapters:
    """The adapters of the checks. Each is imported when a check needs it."""

    client: Callable[[str], Any]

    def aws_errors(self, what: str) -> AbstractContextManager[None]:
        return clients.mapped_errors(what)

    def get_json(self, server: str, url: str, key: str, timeout: float) -> tuple[int, Any]:
        from cali.adapters.http.client import request

        response = request(server, "GET", url, None, {"Authorization": f"Bearer {key}"}, timeout)
        return response.status, json.loads(response.body) if response.status < 300 else None

    def post_json(self, server: str, url: str, key: str, timeout: float) -> Any:
        from cali.adapters.http.client import accepted, post

        headers = {"Authorization": f"Bearer {key}"}
        return json.loads(accepted(server, post(server, url, b"", headers, timeout)).body)

    def milvus_collections(self, uri: str, token: str, timeout: float) -> Sequence[str]:
        from cali.adapters.milvus.index import connect, failures, is_server

        if not is_server(uri):
            raise Misconfigured(f"{uri}: not the address of a server, such as http://milvus:19530")
        with failures(uri):
            client = connect(uri, token, timeout)
            try:
                return [str(name) for name in client.list_collections() if str(name).startswith("cali_")]
            finally:
                client.close()

    def mapping_differences(self, stage: str, bucket: str, installation: str) -> Sequence[tuple[str, bool]]:
        from cali.adapters.aws.event_mappings import Mappings

        found = Mappings(self.client("lambda"), stage, bucket, installation).verify()
        return [(str(difference), difference.found == "missing") for difference in found]

    def releases(self, bucket: str) -> Releases:
        from cali.adapters.aws.s3 import S3Objects
        from cali.usecases.releases import Releases

        objects = S3Objects(self.client("s3"), bucket)
        return Releases(objects, objects)


def doctor_context(
    settings: Settings,
    client: Callable[[str], Any] = clients.client,
    now: Callable[[], float] = time.time,
    **more: Any,
) -> DoctorContext:
    """Build the context of the checks. `more` sets other fields of DoctorContext."""
    return DoctorContext(settings, DoctorAdapters(client), now, **{"slack_url": SLACK_URL, **more})


def configured_context(
    environ: Mapping[str, str], stage: str | None, config: Path, state: Path | None
) -> tuple[DoctorContext, list[CheckResult]]:
    """Build the context from the environment and the section of the stage in `config`. The environment has priority.

    Also return a failed result for each variable whose value is invalid; its default is used instead.
    """
    declared = _declared(config, stage)
    environ = {**(declared or {}).get("environment_variables", {}), **environ}
    chosen, faults = _settings(environ)
    deployed_stage = chosen.stage if chosen.logs_stream else None
    context = doctor_context(
        chosen,
        environ=environ,
        stage=stage or deployed_stage or "",
        declared=declared if stage else _declared(config, deployed_stage),
        state=state,
    )
    return context, faults


def _settings(environ: Mapping[str, str]) -> tuple[Settings, list[CheckResult]]:
    usable, faults = dict(environ), list[CheckResult]()
    while True:
        try:
            return settings_.read(usable), faults
        except Misconfigured as error:
            name = str(error).partition(":")[0]
            faults.append(
                fail("settings", str(error), "correct that variable; the other checks use its default")
            )
            if usable.pop(name, None) is None:
                return settings_.Settings(), faults


def _declared(config: Path, stage: str | None) -> Mapping[str, Any] | None:
    """Return the section of a stage, or None if there is none. Raise Misconfigured if a named file cannot be read."""
    if stage is None:
        return None
    try:
        stages = json.loads(config.read_text("utf-8")).get("stages", {})
        section = stages.get(stage)
    except FileNotFoundError:
        if config != CONFIG:
            raise Misconfigured(f"--config {config}: no such file") from None
        return None
    except (OSError, ValueError, AttributeError) as error:
        raise Misconfigured(f"--config {config}: cannot be read: {error}") from error
    return None if section is None else _checked(section, f"--config {config}: stage {stage}")


def _checked(section: Any, where: str) -> Mapping[str, Any]:
    """Return a section. Raise Misconfigured unless it has the types that Chalice expects."""
    try:
        StageSection.model_validate(section)
    except ValidationError as invalid:
        error = invalid.errors()[0]
        place = ": ".join(map(str, error["loc"]))
        raise Misconfigured(f"{where}: {place + ': ' if place else ''}{error['msg']}") from None
    checked: Mapping[str, Any] = section
    return checked
