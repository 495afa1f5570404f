"""Secrets Manager through the cache of Powertools: a rotated secret is used within a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cali.adapters.aws.clients import mapped_errors
from cali.core.errors import Misconfigured, Retryable

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = 60  # seconds


class Secrets:
    """Secrets that hold a JSON object. No error message contains a value. If Secrets Manager does not answer, the
    last values stay in use."""

    def __init__(self, client: Callable[[], Any], kept: int = KEPT) -> None:
        """`client` builds the boto3 client with the first secret; values are cached for `kept` seconds."""
        self._make = client
        self._kept = kept
        self._last: dict[str, dict[str, Any]] = {}
        self._provider: Any = None

    def value(self, secret: str, key: str, default: str | None = None) -> str:
        """Return one value of a secret. Raises Misconfigured without such a secret or key, unless there is a default."""
        try:
            kept = self._last[secret] = self._object(secret)
        except Retryable:
            if secret not in self._last:
                raise
            kept = self._last[secret]
        value = kept.get(key, default)
        if not isinstance(value, str) or (not value and default is None):
            raise Misconfigured(f"secret {secret}: has no string under the key {key!r}")
        return value

    def _object(self, secret: str) -> dict[str, Any]:
        from aws_lambda_powertools.utilities.parameters import SecretsProvider
        from aws_lambda_powertools.utilities.parameters.exceptions import (
            GetParameterError,
            TransformParameterError,
        )

        if self._provider is None:
            self._provider = SecretsProvider(boto3_client=self._make())
        try:
            kept = self._provider.get(secret, max_age=self._kept, transform="json")
        except TransformParameterError:
            raise Misconfigured(f"secret {secret}: is not a JSON object") from None  # its cause has the value
        except GetParameterError as error:
            cause = error.__cause__ or error.__context__
            with mapped_errors(f"secret {secret}"):
                raise (
                    cause if isinstance(cause, Exception) else Retryable(f"secret {secret}: {error}")
                ) from None
        if not isinstance(kept, dict):
            raise Misconfigured(f"secret {secret}: is not a JSON object")
        return kept
