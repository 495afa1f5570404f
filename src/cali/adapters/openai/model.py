"""Model over OpenAI's chat completions, or any server with a compatible API (`base_url`).

It requests structured output by JSON schema, without tools, at temperature 0. If a server rejects a parameter by name,
later requests omit it. The schema falls back to JSON mode, then to plain text; the prompt always states the format. The
package `openai` is imported with the first call.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from functools import cached_property
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any

from cali.core.errors import Misconfigured, Poison, Retryable
from cali.core.ports import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import openai
    from openai import OpenAI

    from cali.core.ports import Request

FORMS = ("json_schema", "json_object", "")
LONGEST = 200  # maximum characters of a server's error message


class OpenAIModel:
    """Model of one request per question, without retries. `api_key` returns the current key. Raises Retryable if a
    later call may succeed, Misconfigured for a rejected key, model or quota, and Poison for an invalid response."""

    def __init__(
        self,
        api_key: str | Callable[[], str],
        name: str,
        base_url: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._api_key = api_key
        self._name = name
        self._base_url = base_url
        self._timeout = timeout
        self._form = 0
        self._limit = "max_tokens" if base_url else "max_completion_tokens"
        self._cool = True  # the server takes a temperature

    @property
    def name(self) -> str:
        return self._name

    def explain(self, request: Request) -> Answer:
        import openai

        for _ in range(len(FORMS) + 2):  # each optional parameter is dropped at most once
            sent = self._asked(request)
            try:
                return _answer(self._client.chat.completions.create(**sent))
            except openai.BadRequestError as error:
                if not self._gave_up(sent, str(error).lower()):
                    raise Misconfigured(self._said(error)) from error
            except openai.OpenAIError as error:
                raise self._failure(error) from error
            except (JSONDecodeError, UnicodeDecodeError) as error:
                raise Poison(f"{self._name}: the server's reply is not JSON") from error
        raise Misconfigured(f"{self._name}: the server rejects every form of the request")

    def close(self) -> None:
        """Close the connections."""
        if "_client" in self.__dict__:
            self._client.close()
            del self.__dict__["_client"]

    @cached_property
    def _client(self) -> OpenAI:
        from openai import OpenAI

        return OpenAI(api_key=self._api_key, base_url=self._base_url, timeout=self._timeout, max_retries=0)

    def _asked(self, request: Request) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": self._name,
            "messages": [
                {"role": "system", "content": request.system},
                {"role": "user", "content": request.user},
            ],
            self._limit: request.max_tokens,
        }
        if self._cool:
            asked["temperature"] = 0
        form = FORMS[self._form]
        if form == "json_schema":
            schema = {"name": "explanation", "strict": True, "schema": dict(request.schema)}
            asked["response_format"] = {"type": form, "json_schema": schema}
        elif form:
            asked["response_format"] = {"type": form}
        return asked

    def _gave_up(self, sent: Mapping[str, Any], complaint: str) -> bool:
        """Omit the parameter that the server rejects. Return False if it rejects something else.

        Another thread may have omitted it already.
        """
        if "response_format" in sent and any(
            word in complaint for word in ("response_format", "json_schema", "json_object", "schema")
        ):
            refused = FORMS.index(sent["response_format"]["type"])
            self._form = max(self._form, refused + 1)
            return True
        if "temperature" in complaint and "temperature" in sent:
            self._cool = False
            return True
        if "max_tokens" in complaint or "max_completion_tokens" in complaint:
            other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
            used = "max_tokens" if "max_tokens" in sent else "max_completion_tokens"
            self._limit = other[used]
            return True
        return False

    def _failure(self, error: openai.OpenAIError) -> Exception:
        import openai

        said = self._said(error)
        if isinstance(error, openai.APITimeoutError):
            return Retryable(f"{self._name}: no answer in {self._timeout:g} s")
        if isinstance(error, openai.APIConnectionError):
            return Retryable(f"{self._name}: the server cannot be reached")
        if isinstance(error, openai.APIResponseValidationError):
            return Poison(f"{self._name}: the server's reply is no completion")
        if isinstance(error, openai.APIStatusError):
            if error.code == "insufficient_quota":
                return Misconfigured(said)
            if error.status_code in {408, 409, 425, 429} or error.status_code >= 500:
                return Retryable(said, after=_after(error.response.headers))
        return Misconfigured(said)

    def _said(self, error: Exception) -> str:
        """Return the server's message on one line, without the key, which some servers repeat."""
        text, key = " ".join(str(error).split()), self._client.api_key  # the current key
        text = text.replace(key, "<openai-key>") if key else text
        return f"{self._name}: {text[:LONGEST]}"


def _answer(completion: Any) -> Answer:
    """Parse a completion. Raise Poison for any other response, which incompatible servers send."""
    try:
        choice = completion.choices[0]
        text, finish = choice.message.content, choice.finish_reason
        usage = completion.usage
        spent = (int(usage.prompt_tokens or 0), int(usage.completion_tokens or 0)) if usage else (0, 0)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise Poison("the server's reply is no completion") from error
    if not isinstance(text, str):
        text = ""  # a refusal or a content filter counts as an empty answer
    return Answer(text, *spent, finished=finish != "length")


def _after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait from the headers: milliseconds, seconds, or a date against the server's clock."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) / unit)
        except (KeyError, ValueError):
            continue
    try:
        wait = parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())
