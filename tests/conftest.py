"""Settings of all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No deadline: the result must not depend on the machine's load.
settings.register_profile("cali", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cali")
