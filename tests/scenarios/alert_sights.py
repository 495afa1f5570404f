"""The visible results of a town. `is_<name>` returns a value, `see_<name>` the part of the expected values that is
there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from cali.core.life import StoredIncident
from cali.stages.notify.state import loads
from cali.testing.slack import Slack, SlackMessage
from tests.cloud.observe import is_pending
from tests.scenarios.alert_servers import Mailbox, marked
from tests.scenarios.alert_shells import Shell

_MARKS = re.compile(r"<(?!!date\^)[!@#][^>]*>")


class Sights:
    """The view of people and programs."""

    shell: Shell
    slack: Slack
    pagerduty: Mailbox
    hook: Mailbox
    names: dict[str, str]
    results: list[str]

    def do_expect(self, wanted: Mapping[str, Any]) -> None:
        for key, value in wanted.items():
            found = (
                getattr(self, f"see_{key}")(value)
                if hasattr(self, f"see_{key}")
                else getattr(self, f"is_{key}")()
            )
            assert found == value, f"{key}: expected {value!r}, found {found!r}"

    def is_messages(self) -> int:
        return len(self.slack.shown())

    def is_replies(self) -> int:
        return len(self.slack.shown(thread=None))

    def is_broadcasts(self) -> int:
        return sum(bool(one.content.get("reply_broadcast")) for one in self.slack.shown(thread=None))

    def is_edits(self) -> int:
        return sum(len(one.edits) for one in self.slack.messages)

    def is_pending(self) -> list[str]:
        """Incidents of which a message is still to be sent, by what is stored of them."""
        notes = {name: self.shell.alerts_store.get(f"incident/{key}") for name, key in self.names.items()}
        states = {name: loads(note.body) for name, note in notes.items() if note and note.body}
        return sorted(name for name, state in states.items() if is_pending(state))

    def is_pages(self) -> list[str]:
        return [body["event_action"] for _, body in self.pagerduty.got]

    def is_hooks(self) -> list[str]:
        return [body["kind"] for _, body in self.hook.got]

    def is_results(self) -> list[str]:
        return self.results

    def is_accepted(self) -> int:
        """Return the number of accepted answers."""
        return sum(result in ("200", "exit 0") for result in self.results)

    def is_windows(self) -> int:
        return len(self.slack.views)

    def is_suppressed(self) -> list[str]:
        return sorted(name for name, key in self.names.items() if key in self.shell.feedback.suppressed())

    def is_verdicts(self) -> list[str]:
        return [one.verdict.value for one in reversed(self.shell.feedback.find(100))]

    def is_causes(self) -> list[str]:
        return [one.cause for one in reversed(self.shell.feedback.find(100)) if one.cause]

    def is_warned(self) -> bool:
        return bool(self.shell.warnings)

    def see_channels(self, wanted: Mapping[str, int]) -> dict[str, int]:
        return {name: len(self.slack.shown(name)) for name in wanted}

    def see_statuses(self, wanted: Mapping[str, str]) -> dict[str, str]:
        return {name: self.stored(name).incident.status.value for name in wanted}

    def see_shows(self, wanted: Mapping[str, list[str]]) -> dict[str, list[str]]:
        return {
            name: [text for text in texts if text in self.message(name).text]
            for name, texts in wanted.items()
        }

    def see_hides(self, wanted: Mapping[str, list[str]]) -> dict[str, list[str]]:
        return {
            name: [text for text in texts if text not in self.message(name).text]
            for name, texts in wanted.items()
        }

    def see_said(self, wanted: list[str]) -> list[str]:
        """Return the texts in replies, in order."""
        said = [one.text for one in self.slack.shown(thread=None)]
        if len(said) < len(wanted):
            return said
        return [text for text, reply in zip(wanted, said, strict=False) if text in reply]

    def see_digest(self, wanted: list[str]) -> list[str]:
        """Return the texts of the last digest."""
        digests = [one for one in self.slack.shown() if "incidents" in str(one.content.get("text"))]
        return [text for text in wanted if digests and text in digests[-1].text]

    def message(self, name: str) -> SlackMessage:
        """Return the message of an incident in Slack."""
        key = f'"key": "{self.names.get(name, name)}/message'
        found = [one for one in self.slack.shown() if key in json.dumps(one.content.get("metadata"))]
        assert found, f"no message of {name}: {[one.content['text'] for one in self.slack.shown()]}"
        return found[-1]

    def stored(self, name: str) -> StoredIncident:
        stored = self.shell.store.get(self.names[name])
        assert stored
        return stored

    def check(self) -> None:
        """Check the conditions that hold after every scenario."""
        assert self.slack.violations == []
        said = [one for one in self.slack.messages if not one.deleted and "metadata" in one.content]
        keys = [(one.channel, str(one.content["metadata"])) for one in said]
        assert len(keys) == len(set(keys)), "something was said twice"
        for one in self.slack.messages:
            assert all(later - before >= 59.9 for before, later in pairwise(one.edits)), (
                "changed within a minute"
            )
        for one in self.slack.messages:
            marks = set(_MARKS.findall("\n".join(marked(one.content))))
            assert marks <= {"<!here>"}, f"a log mentions somebody: {marks}"
        for name in self.names.values():
            note = self.shell.alerts_store.get(f"incident/{name}")
            assert note is None or len(note.body) < 40_000
