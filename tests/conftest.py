"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A busy machine must not decide what passes.
settings.register_profile("cali", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cali")
