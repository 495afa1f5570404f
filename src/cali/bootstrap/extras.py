"""The packages that only some settings and commands need, and the extra of the distribution that installs each."""

from __future__ import annotations

from importlib.util import find_spec

from cali.core.errors import Misconfigured

EXTRAS = {
    "aws_lambda_powertools": "aws",
    "boto3": "aws",
    "botocore": "aws",
    "openai": "openai",
    "pymilvus": "milvus",
    "wordllama": "wordllama",
}


def require(package: str) -> None:
    """Raise Misconfigured if a package is not installed. It is not imported."""
    if find_spec(package) is None:
        raise Misconfigured(missing(package))


def missing(package: str) -> str:
    return f"{package} is not installed; run pip install 'cali-insight[{EXTRAS[package]}]'"
