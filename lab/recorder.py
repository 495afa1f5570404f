"""Runs one fault or healthy run in the namespace, and writes it as a recording.

The form of the log and the split follow from fixed hashes, so a recording made again lands in the same place.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import GeneratorType
from typing import Any

from lab.namespace import ADDRESSES, HOST
from lab.rig import LogLine, Rig, TooSlow
from lab.system import Fault, Pair, Scene, System

RECORDINGS = Path(__file__).parent / "recordings"
MOST_LINES = 4_000
_SECRETS = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
SEALED_SHARE = 0.2


def share(text: str) -> float:
    """Return a fixed number between 0 and 1 for a text."""
    return int(sha256(text.encode()).hexdigest()[:8], 16) / 0x1_0000_0000


def split(system: System, scene: Scene) -> str:
    """Return the split. A fifth of the systems and a fifth of the kinds are sealed as a whole."""
    kinds = [fault.kind for fault in faults_of(scene)] or [scene.kind]
    words = [f"system {system.name}", *(f"kind {kind}" for kind in kinds)]
    return "sealed" if any(share(word) < SEALED_SHARE for word in words) else "dev"


def form(name: str, services: Iterable[str]) -> str:
    """Return the form of the log. Several services need their names, so two of three are Fluent Bit's records."""
    dice = share(f"form {name}")
    if len(set(services)) > 1:
        return "fluentbit" if dice < 0.65 else "plain"
    return "plain" if dice < 0.6 else "cri" if dice < 0.8 else "fluentbit"


def play(system: System, scene: Scene, rig: Rig) -> tuple[float, float | None]:
    """Run a fault or a healthy run. Return when it was injected and undone, in seconds since the start."""
    if not scene.cold:
        system.start(rig)
        system.load(rig)
    injected, undone = rig.seconds(), None
    acting = scene.act(rig)
    if isinstance(acting, GeneratorType):
        next(acting)
        undone = rig.seconds()
        for _ in acting:
            raise TooSlow(f"{scene.name}: yields twice")
        if not scene.cold:
            system.load(rig)
    rig.close()
    return injected, undone


def record(system: System, scene: Scene, folder: Path) -> Path:
    """Run it in this namespace and write the recording. Raise TooSlow if the fault did not show."""
    rig = Rig()
    injected, undone = play(system, scene, rig)
    lines = scrubbed(rig.lines)
    check(scene, lines)
    services = tuple(sorted({line.service for line in lines}))
    truth = {
        "format": 1,
        **named(system, scene),
        "form": form(f"{system.name}-{scene.name}", services),
        "recorded": datetime.fromtimestamp(rig.began, UTC).isoformat(timespec="seconds"),
        "seconds": round(rig.seconds(), 1),
        "services": services,
        "packages": versions(system.packages),
        "faults": [
            {
                **described(fault),
                "injected": round(injected, 2),
                "undone": round(undone, 2) if undone is not None else None,
            }
            for fault in faults_of(scene)
        ],
    }
    return write(folder / split(system, scene), truth, lines)


def faults_of(scene: Scene) -> tuple[Fault, ...]:
    """Return the faults that a scene injects."""
    return scene.faults if isinstance(scene, Pair) else (scene,) if isinstance(scene, Fault) else ()


def named(system: System, scene: Scene) -> dict[str, Any]:
    """Return the names of the truth."""
    return {"name": f"{system.name}-{scene.name}", "system": system.name, "kind": scene.kind}


def described(fault: Fault) -> dict[str, Any]:
    """Return what the truth says about a fault, whenever it was injected."""
    names = ("name", "kind", "target", "what", "cause", "accept", "signal", "affected")
    return {name: getattr(fault, name) for name in names}


def check(scene: Scene, lines: Iterable[LogLine]) -> None:
    """Raise TooSlow if no line shows a fault."""
    texts = [f"{line.service}: {line.text.decode(errors='replace')}" for line in lines]
    for fault in faults_of(scene):
        if not any(re.search(fault.signal, text, re.IGNORECASE) for text in texts):
            tail = "\n".join(text[:300] for text in texts[-25:])
            raise TooSlow(
                f"{fault.name}: the log has no line that matches {fault.signal!r}; it ends with:\n{tail}"
            )


def renew(system: System, scene: Scene, folder: Path) -> bool:
    """Write the description of the faults into an existing truth, and move it to its split. Return False if there is none."""
    name = f"{system.name}-{scene.name}"
    found = list(folder.glob(f"*/{name}.truth.json"))
    if not found:
        return False
    truth = json.loads(found[0].read_text())
    times = [{"injected": old["injected"], "undone": old["undone"]} for old in truth["faults"]]
    truth.update(named(system, scene))
    truth["faults"] = [
        {**described(fault), **when} for fault, when in zip(faults_of(scene), times, strict=True)
    ]
    found[0].write_text(as_text(truth))
    place = folder / split(system, scene)
    place.mkdir(exist_ok=True)
    for path in found[0].parent.glob(f"{name}.*"):
        path.rename(place / path.name)
    return True


def as_text(truth: dict[str, Any]) -> str:
    """Return a truth as its file holds it."""
    return json.dumps(truth, indent=1, ensure_ascii=False) + "\n"


def write(place: Path, truth: dict[str, Any], lines: list[LogLine]) -> Path:
    """Write the log and the truth."""
    place.mkdir(parents=True, exist_ok=True)
    name, shape = truth["name"], truth["form"]
    encode = {"plain": plain, "cri": cri, "fluentbit": fluentbit}[shape]
    for old in place.glob(f"{name}.*"):
        old.unlink()
    log = place / (f"{name}.jsonl.gz" if shape == "fluentbit" else f"{name}.log.gz")
    data = b"".join(encode(line) + b"\n" for line in lines)
    log.write_bytes(gzip.compress(data, mtime=0))
    path = place / f"{name}.truth.json"
    path.write_text(as_text(truth))
    return path


def scrubbed(lines: list[LogLine]) -> list[LogLine]:
    """Return the lines in order without names of this machine. Raise TooSlow if a private key was logged."""
    words = _machine()
    found = []
    for line in sorted(lines, key=lambda line: line.time)[:MOST_LINES]:
        if _SECRETS.search(line.text):
            raise TooSlow(f"{line.service} logged a private key")
        text = line.text
        for word, instead in words:
            text = word.sub(instead, text)
        found.append(line._replace(text=text))
    return found


def _machine() -> list[tuple[re.Pattern[bytes], bytes]]:
    """Return patterns of what the kernel and the account still say about the machine, and what to write instead."""
    import os
    import platform

    checkout = str(Path(__file__).parents[1])
    words = {checkout: "/opt/lab", str(Path.home()): "/srv", platform.release(): "6.1.0-lab"}
    outer = os.environ.get("LAB_HOST")
    if outer and outer != HOST:
        words[outer] = HOST
    return [
        (re.compile(rb"(?<![\w.-])" + re.escape(word.encode()) + rb"(?![\w-])"), instead.encode())
        for word, instead in words.items()
    ]


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the installed versions of Debian packages."""
    import subprocess

    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def plain(line: LogLine) -> bytes:
    """Return the line as the service wrote it."""
    return line.text


def cri(line: LogLine) -> bytes:
    """Return the line as a container runtime writes it."""
    return f"{_stamp(line.time)}000Z {line.stream} F ".encode() + line.text


def fluentbit(line: LogLine) -> bytes:
    """Return the line as Fluent Bit's record with the metadata of a pod."""
    digest = sha256(line.service.encode()).hexdigest()
    number = list(ADDRESSES).index(line.service) + 11 if line.service in ADDRESSES else 200
    record = {
        "stream": line.stream,
        "log": line.text.decode("utf-8", errors="replace"),
        "kubernetes": {
            "pod_name": f"{line.service}-{digest[:10]}-{digest[10:15]}",
            "namespace_name": "lab",
            "pod_id": f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}",
            "labels": {"app.kubernetes.io/name": line.service, "pod-template-hash": digest[:10]},
            "host": HOST,
            "pod_ip": f"10.0.1.{number}",
            "container_name": line.service,
            "docker_id": digest,
            "container_image": f"registry.example.com/lab/{line.service}:1.0.0",
        },
        "@timestamp": f"{_stamp(line.time)[:-3]}Z",
    }
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
