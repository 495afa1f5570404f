"""Every file and note that CALI loads, as targets. An invalid one must raise a CaliError and nothing else."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import orjson
import yaml

from cali.adapters.files import objects as folder_objects
from cali.core.errors import CaliError, Misconfigured
from cali.core.life import Change, ChangeKind, Span
from cali.core.models import Block, Record, Scope, Severity
from cali.core.ports import Answer
from cali.core.settings import Settings, read
from cali.simulator import load_scenario
from cali.stages.detect import incident_json as record
from cali.stages.notify import digest, rules_file, state
from cali.stages.reason import model_answer as explanation
from cali.stages.reason.question import Excerpt
from cali.stages.refine import book, masks
from cali.stages.refine.redact import Redactor
from cali.stages.refine.redact.rules import parse_table
from cali.stages.retrieve import schema
from cali.stages.retrieve.knowledge import load, shipped
from cali.usecases import checkpoint
from cali.usecases import publish_changes as lives
from cali.usecases.releases import EntryStanding, LearntKnowledge, Releases
from cali.usecases.releases import documents as forms
from tests.fuzz.loop import Run, Target

DATA = resources.files("cali")
RULES = b"""\
sinks:
  team: {kind: slack_bot, channel: C0LOCAL0001}
  pager: {kind: pagerduty}
quiet_hours: [{from: "22:00", to: "07:00", zone: Asia/Seoul, below: critical}]
maintenance: [{from: 2026-11-20T22:00:00+09:00, to: 2026-11-20T23:00:00+09:00, match: {namespace: shop}}]
storm: {incidents: 20, seconds: 60}
routes:
  - {match: {severity: critical, namespace: "pay*"}, send: [team, pager]}
  - {send: [slack_webhook]}
"""
REDACTION = b"""\
version: redaction-1
rules:
  - {name: email, placeholder: <email>, needs: ["@"], pattern: '[a-z0-9._]+@[a-z0-9.]+', within: true}
"""
ANSWER = {
    "understood": True, "cause": "The disk is full.", "fix": ["Free some."], "evidence": ["L1"], "category": "disk",
    "could_be_known": True,
}  # fmt: skip


def told(load: Callable[[bytes], object]) -> Run:
    """Return the outcome of a loader: the beginning of its error, or that it succeeded."""

    def run(data: bytes) -> str:
        try:
            load(data)
        except CaliError as error:
            said = str(error)
            assert said, "an error that says nothing"
            return "".join(" " if char.isdigit() else char for char in said)[:60]
        return "fine"

    return run


@cache
def scratch() -> Path:
    """Return a folder for loaders of files, which is deleted with the process."""
    held = tempfile.TemporaryDirectory(prefix="cali-fuzz-")
    scratch.held = held  # type: ignore[attr-defined]
    return Path(held.name)


def filed(name: str, load: Callable[[Path], object]) -> Run:
    """Return a target for a loader of a file with that name."""

    def loaded(data: bytes) -> object:
        path = scratch() / name
        path.write_bytes(data)
        return load(path)

    return told(loaded)


def text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _knowledge(path: Path) -> None:
    found = schema.read(path)
    if found.faults:
        raise Misconfigured(str(found.faults[0]).replace(str(scratch()), ""))


def _knowledge_seeds() -> list[bytes]:
    """Return one entry per file: a whole area takes a tenth of a second."""
    found = []
    for path in sorted(shipped().glob("*.yaml"))[:12]:
        whole = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
        found.append(yaml.safe_dump({**whole, "entries": whole["entries"][:1]}).encode())
    return found


def _masks(data: bytes) -> None:
    """Load a table as `masks.load` does."""
    masks.read(data, "the table")


def _redaction(data: bytes) -> None:
    Redactor(parse_table(text(data), "the table").rules).text(
        "user kim@example.com from 10.0.0.1 failed 17 times"
    )


def _release(data: bytes) -> None:
    learnt, compiled = forms.loads(data, "v", "the release")
    del learnt, compiled


def _resealed(data: bytes) -> None:
    """Return the content with a valid checksum, so that the code behind the check is reached."""
    try:
        held = orjson.loads(data)
        held.pop("seal", None)
        body = {**held, "version": "v", "format": forms.FORMAT}
        data = orjson.dumps({"seal": forms._seal(body), **body})
    except (ValueError, TypeError, AttributeError):
        pass
    learnt, compiled = forms.loads(data, "v", "the release")
    if learnt.entries:
        forms.knowledge_over(_shipped(), learnt, compiled)


@cache
def _shipped() -> Any:
    return load(cache=scratch())


def _learnt() -> list[bytes]:
    entries = dict(list(_shipped().entries.items())[:2])
    learnt = LearntKnowledge(entries, {next(iter(entries)): EntryStanding(2, 1)}, {"gone": "wrong"})
    return [
        forms.dumps(learnt, "v", "why", "at", _shipped()),
        forms.dumps(LearntKnowledge(), "v", "why", "at"),
    ]


def _pointer(data: bytes) -> None:
    path = scratch() / "pointers" / "releases" / "current.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    objects = folder_objects.FolderObjects(scratch() / "pointers")
    current = Releases(objects, objects).current()
    Releases(objects, objects).book(current.versions.book, masks.load().version)


def _settings(data: bytes) -> Settings:
    pairs = (line.partition("=") for line in text(data).split("\n"))
    return read({name.strip(): value for name, _, value in pairs})


def _settings_seeds() -> list[bytes]:
    from cali.core.settings import variables

    names = list(variables())
    return [f"{name}={value}".encode() for name in names for value in ("1", "x")] + ["\n".join(f"{n}=1" for n in names).encode()]  # fmt: skip


def _book_seeds() -> list[bytes]:
    made = book.learn(masks.load().version, [f"user {word} <*> is in" for word in "abcdefghij"])
    return [book.dumps(made), book.dumps(book.learn(masks.load().version, []))]


def _checkpoints() -> list[bytes]:
    blocks = (Record(1, "E it broke", 1.0, Severity.ERROR, Scope("c", "n", "w", "x"), "s"),)
    held = checkpoint.PendingBlock(Block(blocks), 5.0)
    return [checkpoint.dumps(checkpoint.Checkpoint((Span(1, 5), Span(9, 12)), (held,), 3))]


def _checkpoint_inner(data: bytes) -> None:
    """Return the uncompressed JSON: random changes of compressed bytes reach nothing."""
    import zlib

    checkpoint.loads(data, 1)
    checkpoint.loads(zlib.compress(data), 1)


def _checkpoint_seeds() -> list[bytes]:
    import zlib

    return [*_checkpoints(), *(zlib.decompress(one) for one in _checkpoints())]


def _stored() -> list[bytes]:
    from cali.core.life import StoredIncident
    from cali.core.models import Event, Incident, Template

    scope, template = Scope("c", "n", "w", "x"), Template("0" * 16, "it <*> broke")
    event = Event((1,), "it 1 broke", 5.0, Severity.ERROR, scope, template)
    incident = Incident(
        "00aa11bb22cc33dd", scope, template, "it broke", Severity.ERROR, 3, 1, 9, 1.0, 2.0, (event,)
    )
    return [record.dumps(StoredIncident(incident, heard_at=5.0)).encode()]


def _alert_states() -> list[bytes]:
    sent = state.SentState(
        ref="1.2", posts=1, explained=True, waiting=(state.ThreadLine("k", "quiet"),), failures=2
    )
    whole = state.AlertState(floor=3, above=(5,), sent={"slack": sent}, points=((1.0, 2),), busy=3.0)
    return [state.dumps(whole).encode(), state.dumps(state.AlertState()).encode()]


def _changes() -> list[bytes]:
    change = Change("00aa11bb22cc33dd", 1, ChangeKind.OPENED, 5.0, Severity.ERROR, 3)
    return [lives.dumps(change), lives.dumps(lives.DiagnosisRequest("00aa11bb22cc33dd"))]


def _shipped_file(folder: str, start: str) -> list[bytes]:
    return [one.read_bytes() for one in (DATA / "data" / folder).iterdir() if one.name.startswith(start)]


def _scenarios() -> list[bytes]:
    return [
        one.read_bytes() for one in (DATA / "simulator" / "scenarios").iterdir() if one.name.endswith(".yaml")
    ]


FILES: dict[str, Target] = {
    "knowledge": Target(lambda: filed("team.yaml", _knowledge), _knowledge_seeds),
    "masks": Target(lambda: told(_masks), lambda: _shipped_file("masks", "template")),
    "redaction": Target(lambda: told(_redaction), lambda: [REDACTION, *_shipped_file("masks", "redaction")]),
    "book": Target(lambda: told(lambda data: book.loads(data, masks.load().version, "the book")), _book_seeds),
    "alert-rules": Target(lambda: told(lambda data: rules_file.parse(text(data), "rules.yaml")), lambda: [RULES]),
    "release": Target(lambda: told(_release), _learnt),
    "release-inner": Target(lambda: told(_resealed), _learnt),
    "pointer": Target(
        lambda: told(_pointer),
        lambda: [b'{"knowledge":"","book":"a","previous":{"knowledge":"","book":""},"at":"","why":""}'],
    ),
    "settings": Target(lambda: told(_settings), _settings_seeds),
    "scenario": Target(lambda: filed("scenario.yaml", load_scenario), _scenarios),
    "checkpoint": Target(lambda: told(_checkpoint_inner), _checkpoint_seeds),
    "incident": Target(lambda: told(lambda data: record.loads(text(data), 1)), _stored),
    "alert-state": Target(lambda: told(lambda data: state.loads(text(data))), _alert_states),
    "digest": Target(lambda: told(lambda data: digest.loads(text(data))), lambda: [digest.dumps(digest.DigestState("storm", "team", members=())).encode()]),
    "change": Target(lambda: told(lives.loads), _changes),
    "answer": Target(
        lambda: told(lambda data: explanation.read(Answer(text(data), 1, 1), Excerpt((), 0))),
        lambda: [json.dumps(ANSWER).encode(), b"```json\n" + json.dumps(ANSWER).encode() + b"\n```"],
    ),
}  # fmt: skip
