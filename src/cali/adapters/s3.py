"""A bucket to keep objects in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cali.adapters.aws import said
from cali.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator


class S3Bucket:
    """Objects by key. Keys are chosen so that the same content comes under the same key: putting twice is as once."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    def put(self, key: str, body: bytes, kind: str = "application/json") -> None:
        """Keeps an object, over an older one of the same key."""
        with said(f"s3://{self.name}/{key}"):
            self._client.put_object(Bucket=self.name, Key=key, Body=body, ContentType=kind)

    def add(self, key: str, body: bytes, kind: str = "application/json") -> bool:
        """Keeps an object if there is none of this key yet; false if there is."""
        try:
            with said(f"s3://{self.name}/{key}"):
                self._client.put_object(
                    Bucket=self.name, Key=key, Body=body, ContentType=kind, IfNoneMatch="*"
                )
        except Conflict:
            return False
        return True

    def get(self, key: str) -> bytes:
        with said(f"s3://{self.name}/{key}"):
            body: bytes = self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin with a prefix, in order."""
        with said(f"s3://{self.name}/{prefix}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=prefix
            ):
                for item in page.get("Contents", ()):
                    yield item["Key"]
