"""Objects and Pointers in a bucket. A pointer is swapped by a conditional put on its ETag and read by a conditional get.

Who may list only below some prefixes is told 403, not 404, of an object that is not there. So a 403 is looked into: the
list below the object's own name says whether it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cali.adapters.aws.clients import Denied, said
from cali.core.ports import Tagged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ABSENT = {"NoSuchKey", "404"}
_DENIED = "AccessDenied"
_SAME = {"304", "NotModified"}


class S3Objects:
    """Both ports on one bucket. Raises Retryable when it does not answer, Misconfigured when it refuses."""

    def __init__(self, client: Any, name: str, denied: Callable[[str], None] | None = None) -> None:
        """With `denied`, a pointer of which nobody may even say whether it is there is taken for one that is not, and
        `denied` is told so once."""
        self._client = client
        self.name = name
        self._denied = denied
        self._told = False

    def get(self, key: str) -> bytes | None:
        return self._read(key, {})[0]

    def put(self, key: str, body: bytes, kind: str = "application/json") -> None:
        with said(self._where(key)):
            self._client.put_object(Bucket=self.name, Key=key, Body=body, ContentType=kind)

    def keys(self, prefix: str = "") -> Iterator[str]:
        with said(self._where(prefix)):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            for page in pages:
                for item in page.get("Contents", ()):
                    yield item["Key"]

    def drop(self, key: str) -> None:
        with said(self._where(key)):
            self._client.delete_object(Bucket=self.name, Key=key)

    def read(self, key: str, unless: str = "") -> Tagged | None:
        try:
            body, tag = self._read(key, {"IfNoneMatch": unless} if unless else {})
        except Denied as error:
            if unless or self._denied is None:  # it was read before, so it is there
                raise
            if not self._told:
                self._denied(f"{error}; taken for one that is not there")
                self._told = True
            return Tagged(b"", "")
        if body is None:
            return None if tag else Tagged(b"", "")
        return Tagged(body, tag)

    def swap(self, key: str, body: bytes, tag: str) -> str:
        condition = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
        with said(self._where(key)):
            answer = self._client.put_object(
                Bucket=self.name, Key=key, Body=body, ContentType="application/json", **condition
            )
        return str(answer["ETag"])

    def _read(self, key: str, condition: dict[str, str]) -> tuple[bytes | None, str]:
        """The bytes and their tag; no bytes and the tag asked with when they are the same, neither when there are none."""
        from botocore.exceptions import ClientError

        with said(self._where(key)):
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
        """Whether a list that may be read says that an object is not there."""
        from botocore.exceptions import ClientError

        try:
            answer = self._client.list_objects_v2(Bucket=self.name, Prefix=key, MaxKeys=1)
        except ClientError:
            return False
        return all(item["Key"] != key for item in answer.get("Contents", ()))

    def _where(self, key: str) -> str:
        return f"s3://{self.name}/{key}"
