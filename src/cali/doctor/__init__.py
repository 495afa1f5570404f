"""Checks of the configuration, the servers and the deployment, for `cali doctor`.

    DoctorContext --diagnose_system--> results: ok | warn | fail, what was checked, what was found, what to do

A check is a function that gets the DoctorContext and yields results. It reads, and changes nothing. `embedded.py` checks
this machine, `reach.py` servers, `account.py` resources on AWS, `deployed.py` the functions against what was declared,
`health.py` their delay and the limits of the account.
"""

from __future__ import annotations

from collections.abc import Iterator

from cali.doctor.check import Check, CheckResult, State, examine, ok
from cali.doctor.context import DoctorContext, Outside

__all__ = ["CheckResult", "DoctorContext", "Outside", "State", "diagnose_system", "examine"]


def diagnose_system(context: DoctorContext, *, offline: bool) -> Iterator[CheckResult]:
    """Run all checks that fit the settings: this machine, then AWS and servers unless `offline`."""
    from cali.doctor import embedded

    yield from examine(embedded.CHECKS, context)
    if offline:
        yield ok("network", "not looked at: --offline")
        return
    on_aws = context.on_aws or bool(context.stage)
    if on_aws:
        yield from _aws(context)
    if not (on_aws or context.has_servers):
        yield ok("network", "nothing else is configured: no model, no server, nothing on AWS")
        return
    from cali.doctor import reach

    yield from examine(reach.CHECKS, context)
    if not on_aws:
        yield ok("aws", "nothing on AWS is configured; check a deployed stage with --stage NAME")


def _aws(context: DoctorContext) -> Iterator[CheckResult]:
    from cali.doctor import account, deployed, health

    results = list(examine([account.credentials], context))
    if any(result.state is not State.OK for result in results):
        then = "set AWS_PROFILE or the keys and AWS_DEFAULT_REGION, see docs/access.md; nothing else on AWS was looked at"
        yield from (result._replace(then=then) for result in results)
        return
    yield from results
    checks: list[Check] = [*account.CHECKS, *deployed.CHECKS, *health.CHECKS]
    yield from examine(checks, context)
