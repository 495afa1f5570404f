"""Builds what follows the releases of the logs bucket; the folder of one machine has the same form."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cali.core.settings import Settings
    from cali.stages.retrieve.knowledge import Knowledge
    from cali.usecases.releases import Releases, ReleaseWatch


def followed(
    settings: Settings,
    kept: Callable[[], Path],
    now: Callable[[], float],
    warn: Callable[[str], None],
) -> ReleaseWatch:
    """What a function has loaded. Without a logs bucket all stays as it was shipped. `kept` is the folder that holds the
    shipped knowledge in its checked form."""
    from cali.stages.refine import masks
    from cali.stages.retrieve.knowledge import load
    from cali.usecases.releases import ReleaseWatch

    @cache
    def shipped() -> Knowledge:
        return load(cache=kept())

    releases = cache(lambda: in_bucket(settings, warn)) if settings.logs_bucket else None
    return ReleaseWatch(releases, shipped, masks.load().version, now, warn)


def in_bucket(settings: Settings, warn: Callable[[str], None] | None = None) -> Releases:
    """The releases of the logs bucket. Misconfigured when AWS cannot be asked at all, such as without a region. With `warn`,
    a pointer that is refused is taken for no release, for so S3 answers before the first one; it is told once."""
    from cali.adapters.aws import clients as aws
    from cali.adapters.aws.s3 import S3Objects
    from cali.usecases.releases import Releases

    objects = S3Objects(aws.client("s3"), settings.logs_bucket, warn)
    return Releases(objects, objects)
