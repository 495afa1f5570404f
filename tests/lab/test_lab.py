"""The lab without its servers: descriptions of faults, the recorder, and the recordings in this repository."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from lab.rig import LogLine, TooSlow
from lab.system import Fault, Healthy, Pair, System, nothing, systems

from cali.bench.baselines import messages
from cali.bench.judge import Card, is_right
from cali.bench.recording import InjectedFault, load
from cali.core.models import Record
from cali.stages.decode import Decoder
from lab import recorder

SYSTEMS = list(systems())
FAULTS = [(system, fault) for system in SYSTEMS for fault in system.faults]
RECORDINGS = Path(__file__).parents[2] / "lab" / "recordings"


def injected(fault: Fault) -> InjectedFault:
    return InjectedFault.model_validate({**recorder.described(fault), "injected": 0})


def test_names_are_unique():
    names = [f"{system.name}-{scene.name}" for system in SYSTEMS for scene in system.scenes()]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(("system", "fault"), FAULTS, ids=lambda value: getattr(value, "name", ""))
def test_a_fault_accepts_the_cause_that_its_truth_states(system: System, fault: Fault):
    assert is_right(Card("", fault.cause, ""), injected(fault))


def test_patterns_are_strict():
    """Another kind's cause is hardly ever accepted, and a bare symptom is not."""
    accepted = [
        (one.name, other.name)
        for _, one in FAULTS
        for _, other in FAULTS
        if one.kind != other.kind and is_right(Card("", other.cause, ""), injected(one))
    ]
    assert len(accepted) < 0.02 * len(FAULTS) ** 2
    for symptom in ("Connection refused.", "The request failed.", "An error occurred.", "Exit code 1."):
        assert [fault.name for _, fault in FAULTS if is_right(Card("", symptom, ""), injected(fault))] == []


def fault_of(kind: str) -> Fault:
    return Fault("f", kind, "w", "c", ("c",), "s", "t", ("t",), nothing)


def test_the_split_is_fixed_and_a_sealed_kind_seals_a_pair():
    redis, etcd = System("redis", (), "redis"), System("etcd", (), "etcd")
    opened, closed = fault_of("memory-limit"), fault_of("disk-full")
    assert recorder.split(redis, opened) == "dev"
    assert recorder.split(redis, closed) == recorder.split(etcd, opened) == "sealed"
    assert recorder.split(redis, Pair("p", "two-faults", (opened, closed))) == "sealed"
    assert recorder.split(redis, Healthy("load", "load", nothing)) == "dev"


LINE = LogLine(1_796_000_000.25, "redis", "stderr", b'say "hi" \xff')


@pytest.mark.parametrize("form", [recorder.cri, recorder.fluentbit])
def test_a_collected_line_is_decoded_again(form):
    record = Decoder("").decode(form(LINE), 1)
    assert isinstance(record, Record)
    assert record.message.startswith('say "hi"')


def test_a_private_key_is_never_written():
    with pytest.raises(TooSlow, match="private key"):
        recorder.scrubbed([LINE._replace(text=b"-----BEGIN EC PRIVATE KEY-----")])


def test_the_machine_is_scrubbed(monkeypatch):
    monkeypatch.setenv("LAB_HOST", "build-77")
    checkout = str(Path(recorder.__file__).parents[1])
    [line] = recorder.scrubbed([LINE._replace(text=f"on build-77 in {checkout}/x, not build-778".encode())])
    assert line.text == b"on node-1 in /opt/lab/x, not build-778"


def test_a_recording_is_written_and_renewed(tmp_path):
    system, fault = System("redis", ("tzdata",), "redis"), fault_of("memory-limit")
    truth = {"format": 1, **recorder.named(system, fault), "form": "plain", "recorded": "2026", "seconds": 1.0, "services": ["redis"], "packages": {},
             "faults": [{**recorder.described(fault), "injected": 0.5, "undone": None}]}  # fmt: skip
    recorder.write(tmp_path / "dev", truth, [LINE])
    system.faults.append(Fault("f", "disk-full", "w", "new cause", ("new",), "s", "t", ("t",), nothing))
    assert recorder.renew(system, system.faults[0], tmp_path)
    [recording] = load(tmp_path)
    assert (recording.split, recording.truth.faults[0].cause) == ("sealed", "new cause")
    assert recording.truth.faults[0].injected == 0.5
    assert gzip.decompress(recording.log.read_bytes()) == b'say "hi" \xff\n'


def test_a_fault_that_does_not_show_is_no_recording():
    with pytest.raises(TooSlow, match="no line that matches"):
        recorder.check(fault_of("disk-full"), [LINE._replace(service="x", text=b"y")])


def test_recordings_show_their_faults_and_name_no_secret():
    for recording in load(RECORDINGS):
        raw = gzip.decompress(recording.log.read_bytes()).decode(errors="replace")
        text = "\n".join([raw, *messages(recording.log)])
        assert "PRIVATE KEY-----" not in text.replace("UNPROTECTED PRIVATE KEY FILE", "")
        for fault in recording.truth.faults:
            assert re.search(fault.signal, text, re.IGNORECASE), f"{recording.name}: {fault.name}"


def test_recordings_fit_their_descriptions():
    """`python -m lab renew` writes changed descriptions into the recordings."""
    scenes = {
        f"{system.name}-{scene.name}": (system, scene) for system in SYSTEMS for scene in system.scenes()
    }
    for recording in load(RECORDINGS):
        system, scene = scenes[recording.name]
        assert recording.split == recorder.split(system, scene)
        wanted = json.loads(json.dumps([recorder.described(fault) for fault in recorder.faults_of(scene)]))
        assert [
            fault.model_dump(mode="json", exclude={"injected", "undone"}) for fault in recording.truth.faults
        ] == wanted


def test_there_are_enough_recordings_and_they_stay_small():
    recordings = load(RECORDINGS)
    faults = [fault for recording in recordings for fault in recording.truth.faults]
    assert len(faults) >= 120
    assert len({fault.kind for fault in faults}) >= 60
    assert len({recording.truth.system for recording in recordings}) >= 20
    assert sum(not recording.truth.faults for recording in recordings) >= 30
    assert sum(path.stat().st_size for path in RECORDINGS.rglob("*") if path.is_file()) < 15e6
