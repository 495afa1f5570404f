"""Objects and Pointers in a bucket. A pointer is swapped by a conditional put on its ETag and read by a conditional get.

With a permission to list only some prefixes, S3 answers 403 instead of 404 for a missing object. So after a 403, a list
with the object's own name as prefix tells whether it exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cali.adapters.aws.clients import Denied, mapped_errors
from cali.core.ports import Tagged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ABSENT = {"NoSuchKey", "404"}
_DENIED = "AccessDenied"
_SAME = {"304", "NotModified"}


class S3Objects:
    """Both ports on one bucket. Raises Retryable if S3 does not answer, Misconfigured if it refuses."""

    def __init__(self, client: Any, name: str, denied: Callable[[str], None] | None = None) -> None:
        """With `denied`, a pointer that S3 refuses to read counts as missing; `denied` is called once with the error."""
        self._client = client
        self.name = name
        self._denied = denied
        self._told = False

    def get(self, key: str) -> bytes | None:
        return self._read(key, {})[0]

    def put(self, key: str, body: bytes, kind: str = "application/json") -> None:
        with mapped_errors(self._where(key)):
            self._client.put_object(Bucket=self.name, Key=key, Body=body, ContentType=kind)

    def keys(self, prefix: str = "") -> Iterator[str]:
        with mapped_errors(self._where(prefix)):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            for page in pages:
                for item in page.get("Contents", ()):
                    yield item["Key"]

    def drop(self, key: str) -> None:
        with mapped_errors(self._where(key)):
            self._client.delete_object(Bucket=self.name, Key=key)

    def read(self, key: str, unless: str = "") -> Tagged | None:
        try:
            body, tag = self._read(key, {"IfNoneMatch": unless} if unless else {})
        except Denied as error:
            if unless or self._denied is None:  # it was read before, so it exists
                raise
            if not self._told:
                self._denied(f"{error}; treated as missing")
                self._told = True
            return Tagged(b"", "")
        if body is None:
            return None if tag else Tagged(b"", "")
        return Tagged(body, tag)

    def swap(self, key: str, body: bytes, tag: str) -> str:
        condition = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
        with mapped_errors(self._where(key)):
            answer = self._client.put_object(
                Bucket=self.name, Key=key, Body=body, ContentType="application/json", **condition
            )
        return str(answer["ETag"])

    def _read(self, key: str, condition: dict[str, str]) -> tuple[bytes | None, str]:
        """Return the bytes and their tag. For unchanged bytes return None and the tag of the condition. For a missing
        object both are None."""
        from botocore.exceptions import ClientError

        with mapped_errors(self._where(key)):
            try:
                answer = self._client.get_object(Bucket=self.name, Key=key, **condition)
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code", ""))
                if code in _ABSENT or (code == _DENIED and self._is_missing(key)):
                    return None, ""
                if code in _SAME:
                    return None, condition["IfNoneMatch"]
                raise
            return bytes(answer["Body"].read()), str(answer["ETag"])

    def _is_missing(self, key: str) -> bool:
        """Return whether a permitted list shows that an object does not exist."""
        from botocore.exceptions import ClientError

        try:
            answer = self._client.list_objects_v2(Bucket=self.name, Prefix=key, MaxKeys=1)
        except ClientError:
            return False
        return all(item["Key"] != key for item in answer.get("Contents", ()))

    def _where(self, key: str) -> str:
        return f"s3://{self.name}/{key}"
