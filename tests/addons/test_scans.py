"""ECR's scans: the command waits for them, and rejects critical findings that are not accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cali.core.errors import Misconfigured, Retryable
from cali_ops import scans
from cali_ops.images import ACCEPTED
from tests.addons.conftest import ADDONS


class Ecr:
    """An ECR that returns prepared answers in order, and repeats the last one."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self._answers = list(answers)

    def describe_image_scan_findings(self, **_params: Any) -> dict[str, Any]:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def answer(status: str, *findings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "imageScanStatus": {"status": status},
        "imageScanFindings": {"findings": list(findings)},
        **more,
    }


BAD = {"name": "CVE-1", "severity": "CRITICAL"}


def found(ecr: Ecr, *accepted: str) -> list[str]:
    slept: list[float] = []
    flaws = scans.flaws(["cali/consumer"], "abc", lambda _service: ecr, frozenset(accepted), slept.append)
    return [str(flaw) for flaw in flaws]


def test_a_scan_is_waited_for() -> None:
    assert found(Ecr(answer("IN_PROGRESS"), answer("PENDING"), answer("COMPLETE", BAD))) == [
        "cali/consumer: CVE-1"
    ]


def test_what_is_not_critical_or_was_accepted_passes() -> None:
    high = {"name": "CVE-2", "severity": "HIGH"}
    assert found(Ecr(answer("COMPLETE", high))) == []
    assert found(Ecr(answer("COMPLETE", BAD)), "CVE-1") == []


def test_all_pages_are_read_and_enhanced_findings_too() -> None:
    enhanced = {"severity": "CRITICAL", "packageVulnerabilityDetails": {"vulnerabilityId": "CVE-3"}}
    last = {"imageScanStatus": {"status": "ACTIVE"}, "imageScanFindings": {"enhancedFindings": [enhanced]}}
    assert found(Ecr(answer("ACTIVE", BAD, nextToken="more"), last)) == [
        "cali/consumer: CVE-1",
        "cali/consumer: CVE-3",
    ]


def test_a_scan_that_fails_or_never_ends_is_said() -> None:
    with pytest.raises(Misconfigured, match="cali/consumer:abc: ECR's scan ended as UNSUPPORTED_IMAGE"):
        found(Ecr(answer("UNSUPPORTED_IMAGE")))
    with pytest.raises(Retryable, match="has not scanned it"):
        found(Ecr(answer("IN_PROGRESS")))


def test_a_flaw_is_accepted_with_a_reason(tmp_path: Path) -> None:
    listed = tmp_path / "accepted.txt"
    listed.write_text("# why\n\nCVE-1  nothing runs it; until 2027\n")
    assert scans.accepted(listed) == {"CVE-1"}
    listed.write_text("CVE-1 because\nCVE-2 # later\n")
    with pytest.raises(Misconfigured, match=r"accepted.txt:2: CVE-2 is accepted without a reason"):
        scans.accepted(listed)


def test_the_kept_list_can_be_read() -> None:
    scans.accepted(ADDONS.parent / ACCEPTED)
