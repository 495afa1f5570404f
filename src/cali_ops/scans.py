"""Findings of ECR's image scans. It waits for the scans, and rejects an image with a critical finding that is not
accepted.

pushed image -> scan -> critical findings, without those in eks_addons/images/accepted.txt -> none, or an error
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cali.core.errors import Misconfigured, Retryable
from cali_ops.calls import Call, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from cali_ops.calls import Clients

PATIENCE = 900.0  # seconds until a scan counts as failed; the image of Airflow takes minutes
PAUSE = 10.0
DONE = frozenset({"COMPLETE", "ACTIVE"})  # ACTIVE: enhanced scanning continues as long as the image exists
WAITING = frozenset({"", "IN_PROGRESS", "PENDING"})  # an empty status: the scan has not begun


@dataclass(frozen=True, slots=True)
class Flaw:
    """A critical finding in an image."""

    image: str
    name: str

    def __str__(self) -> str:
        return f"{self.image}: {self.name}"


def accepted(path: Path) -> frozenset[str]:
    """Return the accepted findings: the first word of each line. Raise Misconfigured if a line gives no reason."""
    names = set()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        said = line.partition("#")[0].split(maxsplit=1)
        if not said:
            continue
        if len(said) < 2:
            raise Misconfigured(f"{path}:{number}: {said[0]} is accepted without a reason")
        names.add(said[0])
    return frozenset(names)


def flaws(
    images: Iterable[str],
    tag: str,
    clients: Clients,
    accepted: frozenset[str] = frozenset(),
    sleep: Callable[[float], None] = time.sleep,
) -> list[Flaw]:
    """Return the critical findings in the images of a tag, after their scans. `images` are names of repositories.
    Raise Retryable if a scan does not end, Misconfigured if ECR cannot scan an image."""
    return [
        Flaw(image, name)
        for image in images
        for name in critical(_scanned(image, tag, clients, sleep))
        if name not in accepted
    ]


def critical(pages: Iterable[dict[str, Any]]) -> list[str]:
    """Return the unique names of the critical findings of basic and enhanced scanning."""
    names = set()
    for page in pages:
        for one in page.get("findings", []):
            if one.get("severity") == "CRITICAL":
                names.add(str(one.get("name", "a finding without a name")))
        for one in page.get("enhancedFindings", []):
            if one.get("severity") == "CRITICAL":
                details = one.get("packageVulnerabilityDetails", {})
                names.add(str(details.get("vulnerabilityId") or one.get("title", "a finding without a name")))
    return sorted(names)


def _scanned(image: str, tag: str, clients: Clients, sleep: Callable[[float], None]) -> list[dict[str, Any]]:
    waited = 0.0
    while True:
        answer = _page(image, tag, clients, "")
        status = str(answer.get("imageScanStatus", {}).get("status", ""))
        if status in DONE:
            break
        if status not in WAITING:
            said = answer["imageScanStatus"].get("description", "no reason given")
            raise Misconfigured(f"{image}:{tag}: ECR's scan ended as {status}: {said}")
        if waited >= PATIENCE:
            raise Retryable(f"{image}:{tag}: ECR has not scanned it in {PATIENCE:.0f} s; run it again")
        sleep(PAUSE)
        waited += PAUSE
    pages = [answer]
    while pages[-1].get("nextToken"):
        pages.append(_page(image, tag, clients, pages[-1]["nextToken"]))
    return [page.get("imageScanFindings", {}) for page in pages]


def _page(image: str, tag: str, clients: Clients, token: str) -> dict[str, Any]:
    params: dict[str, Any] = {"repositoryName": image, "imageId": {"imageTag": tag}, "maxResults": 1000}
    if token:
        params["nextToken"] = token
    found: dict[str, Any] | None = ask(Call("ecr", "describe_image_scan_findings", params), clients)
    return found or {}  # no scan has begun yet
