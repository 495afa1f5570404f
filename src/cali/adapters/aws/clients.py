"""boto3 clients, and the mapping of their errors to CaliError.

boto3 takes half a second to import, so it is imported with the first client.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from cali.core.errors import CaliError, Conflict, Misconfigured, Retryable

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT, READ, ATTEMPTS = 2.0, 10.0, 4  # timeout of one attempt, well below the timeout of a function
_PASSING = {
    "InternalServerError", "InternalFailure", "InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout",
    "LimitExceededException", "KMSThrottlingException", "TransactionInProgressException", "OperationAborted",
    "TooManyRequestsException",
}  # fmt: skip
_FASTER = {"ConditionalCheckFailedException", "PreconditionFailed", "ConditionalRequestConflict"}


class Denied(Misconfigured):
    """Access denied by AWS."""


@cache
def client(service: str) -> Any:
    """Return the client of a service, created once per process and safe to share among threads.

    Raises Misconfigured without a region, or if the profile does not exist.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT,
        read_timeout=READ,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        max_pool_connections=16,
    )
    with mapped_errors(service):
        return boto3.client(service, config=config)


@contextmanager
def mapped_errors(where: str) -> Iterator[None]:
    """Map botocore errors to CaliError: Retryable if a later call may succeed, Conflict if another writer was faster,
    otherwise Misconfigured. The message is one line that begins with `where`."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
    from botocore.exceptions import ConnectionError as Unreachable

    try:
        yield
    except CaliError:
        raise
    except ClientError as error:
        raise _of_service(where, error) from error
    except (Unreachable, HTTPClientError, IncompleteReadError) as error:  # the last one: closed halfway
        raise Retryable(f"{where}: {_line(error)}") from error
    except BotoCoreError as error:  # no credentials, no region, a parameter of the wrong kind
        raise Misconfigured(f"{where}: {_line(error)}") from error


def _of_service(where: str, error: Any) -> CaliError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    line = f"{where}: {_line(error)}"
    if code in _FASTER:
        return Conflict(line)
    if code in _PASSING or "Throttl" in code or "Exceeded" in code or status >= 500 or status == 429:
        return Retryable(line)
    return Denied(line) if code.startswith("AccessDenied") else Misconfigured(line)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
