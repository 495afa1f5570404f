"""The faults of a proof: injection and repair on a running cloud."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import orjson

from cali.adapters.aws.s3 import S3Objects
from cali.stages.refine import book as books
from cali.stages.refine import masks
from cali.stages.retrieve.knowledge import load
from cali.usecases.releases import LearntKnowledge, Releases
from cali.usecases.releases.repository import HOME, POINTER
from tests.cloud import faults as faulty
from tests.cloud import whole
from tests.cloud.aws import BUCKET
from tests.cloud.cloud import Cloud, Options
from tests.cloud.deploy import chalice
from tests.cloud.faults import Put
from tests.cloud.poller import Deliveries
from tests.cloud.runtime import Host
from tests.prove.levers import Levers
from tests.prove.plan import Injection
from tests.stand_in import Mode

THROTTLED, S3_BUSY, KINESIS_BUSY, POISON = 0.2, 0.5, 0.33, 0.05
JUMPS = ("analyze", "diagnose", "alert", "sweep")
READERS = ("analyze", "diagnose")
Undo = Callable[[], None]


class Breakable(Cloud):
    """A cloud with an injection for every fault."""

    def __init__(self, options: Options, say: Callable[[str], None], seed: int) -> None:
        super().__init__(options, say)
        self.random = Random(seed)
        self.poisoning = False
        self._given: dict[str, list[Deliveries]] = {}
        self._builds = 0

    def _start(self) -> None:
        super()._start()
        self.levers = Levers(self.home / "levers")
        app = self.home / "chalice_app" / "app.py"
        app.write_text(self.levers.hooked(app.read_text()))
        self.build()
        self.objects = S3Objects(self.account.client("s3"), BUCKET)
        self.releases = Releases(self.objects, self.objects)

    def build(self) -> None:
        """Deploy another build: the same code with one more line."""
        self._builds += 1
        project = self.home / "chalice_app"
        with (project / "app.py").open("a") as source:
            source.write(f"\n# build {self._builds}\n")
        chalice(self.account, project, "deploy")
        self.fleet.refresh()

    def _deliveries(self, name: str) -> Deliveries:
        """Return the delivery of each shard: as Lambda does, unless a fault says otherwise."""
        held = super()._deliveries(name)
        self._given.setdefault(name, []).append(held)
        return held

    def given(self) -> list[tuple[str, Deliveries]]:
        return [(name, one) for name, held in self._given.items() for one in held]

    def fed(self, records: list[Put]) -> list[Put]:
        """Return the records, with poison between them while that fault is active."""
        if not self.poisoning:
            return records
        return list(faulty.poisoned(iter(records), self.random.randrange(1 << 30), POISON))

    def kill(self, function: str, patience: float = 0.0) -> None:
        """Kill with SIGKILL: during an invocation, or after `patience` seconds without one, an idle process."""
        host, end = self.fleet.host(self.names[function]), time.monotonic() + patience
        while not host.kill_one():
            if time.monotonic() >= end:
                for worker in list(host._idle):
                    worker.kill()
                return
            time.sleep(0.05)

    # Each of these injects a fault and returns its repair.

    def injure(self, injection: Injection) -> tuple[str, Undo]:
        """Inject a fault. Return a short description and the repair."""
        kind = injection.kind
        if kind.startswith("kill-"):
            return self._killed(kind.removeprefix("kill-"), injection.until - injection.at)
        doing: dict[str, Callable[[], tuple[str, Undo] | Undo]] = {
            "redeliver": self._twice,
            "shuffle": self._shuffled,
            "poison": self._poisoned,
            "dynamodb-throttle": lambda: self._switch(self.account.throttle_dynamodb, THROTTLED, 0.0),
            "s3-busy": lambda: self._refusing("s3", S3_BUSY),
            "kinesis-throttle": lambda: self._refusing("kinesis", KINESIS_BUSY),
            "secrets-gone": self._without_secrets,
            "milvus-down": self._without_milvus,
            "index-lost": lambda: self._other_index(lambda folder: shutil.rmtree(folder)),
            "index-damaged": lambda: self._other_index(self._overwrite),
            "model-down": lambda: self._switch(lambda down: setattr(self.model, "down", down), True, False),
            "slack-down": lambda: self._mode(self.slack, Mode.DOWN),
            "slack-busy": lambda: self._mode(self.slack, Mode.BUSY),
            "opensearch-down": lambda: self._mode(self._search_server, Mode.DOWN),
            "clock-ahead": lambda: self._jumped(1),
            "clock-behind": lambda: self._jumped(-1),
            "disk-full": lambda: self._switch(self.levers.disk, True, False),
            "release-damaged": lambda: self._damaged_release("knowledge"),
            "book-damaged": lambda: self._damaged_release("books"),
            "pointer-damaged": self._damaged_pointer,
            "release-good": self._good_release,
            "two-versions": self._side_by_side,
        }  # fmt: skip
        done = doing[kind]()
        return done if isinstance(done, tuple) else ("", done)

    def _switch(self, turn: Callable[[Any], object], on: object, off: object) -> Undo:
        turn(on)

        def back() -> None:
            turn(off)

        return back

    def _mode(self, server: Any, mode: Mode) -> Undo:
        server.mode = mode
        return lambda: setattr(server, "mode", Mode.UP)

    def _refusing(self, service: str, share: float) -> Undo:
        return self._switch(lambda part: self.account.refuse(service, part), share, 0.0)

    def _twice(self) -> Undo:
        def turn(on: object) -> None:
            for _, held in self.given():
                held.twice = bool(on)

        return self._switch(turn, True, False)

    def _shuffled(self) -> Undo:
        def turn(on: object) -> None:
            for name, held in self.given():
                held.sizes = whole.sizes if on and name == self.names["analyze"] else None
                held.shuffled = Random(self.random.random()) if on else None

        return self._switch(turn, True, False)

    def _poisoned(self) -> Undo:
        return self._switch(lambda on: setattr(self, "poisoning", on), True, False)

    def _killed(self, function: str, seconds: float) -> tuple[str, Undo]:
        over = threading.Event()

        def kills() -> None:
            for _ in range(3):
                if over.is_set():
                    return
                self.kill(function, seconds / 4)
                over.wait(self.random.uniform(0.2, 0.5) * seconds / 3)

        killer = threading.Thread(target=kills, daemon=True)
        killer.start()

        def end() -> None:
            over.set()
            killer.join()

        return "", end

    def _without_secrets(self) -> Undo:
        undo = self._refusing("secretsmanager", 1.0)
        for function in ("alert", "diagnose"):
            self.kill(function)
        return undo

    def _without_milvus(self) -> Undo:
        self.milvus.kill()
        return self.milvus.start_again

    def _other_index(self, change: Callable[[Any], object]) -> tuple[str, Undo]:
        folder = self.home / "milvus"
        self.milvus.kill()
        change(folder)

        def back() -> None:
            try:
                self.milvus.start_again()
            except RuntimeError:  # it does not start with damaged files, so its volume is replaced
                shutil.rmtree(folder, ignore_errors=True)
                self.milvus.start_again()

        return "", back

    def _overwrite(self, folder: Any) -> None:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            size = path.stat().st_size
            if size > 64:
                with path.open("r+b") as held:
                    held.seek(self.random.randrange(size - 32))
                    held.write(self.random.randbytes(32))

    def _jumped(self, sign: int) -> tuple[str, Undo]:
        function = self.random.choice(JUMPS)
        seconds = sign * round(self.random.uniform(5.0, 120.0))
        self.levers.clock(self.names[function], seconds)
        return f"{function}, {seconds:+} s", lambda: self.levers.clock(self.names[function], 0)

    # Releases: the released entries match no line, so the expected result stays the same.

    def _good_release(self) -> tuple[str, Undo]:
        day, at = time.strftime("%Y-%m-%d"), time.strftime("%Y-%m-%dT%H:%M:%SZ")
        shipped = load(cache=self.home / "levers")
        entry = next(iter(shipped.entries.values()))
        mark = f"proof-{self.random.randrange(1 << 20)}"
        learnt = LearntKnowledge({mark: _renamed(entry, mark)})
        self.releases.change(lambda _: learnt, day, at, "a proof", shipped)
        book = books.learn(
            masks.load().version, [f"{mark} zeppelin {word} is moored" for word in "abcdefghij"]
        )
        current = self.releases.publish_book(book, day, at, "a proof")
        return f"{current.versions.knowledge}, book {current.versions.book}", lambda: None

    def _damaged_release(self, kind: str) -> Undo:
        version = f"{time.strftime('%Y-%m-%d')}-{self.random.randrange(1 << 32):08x}"
        self.objects.put(
            f"{HOME}{kind}/{version}.json", b'{"seal": "00", "entries": [' + self.random.randbytes(200)
        )
        before = self.objects.read(POINTER)
        assert before is not None
        held = self.releases.current()
        versions = {**held.versions._asdict(), ("book" if kind == "books" else kind): version}
        body = {**versions, "previous": held.versions._asdict(), "at": "", "why": "damaged"}
        return self._pointed(orjson.dumps(body), before.body)

    def _damaged_pointer(self) -> Undo:
        before = self.objects.read(POINTER)
        assert before is not None
        return self._pointed(b"\x00\xff{" + self.random.randbytes(60), before.body)

    def _pointed(self, body: bytes, before: bytes) -> Undo:
        self.objects.put(POINTER, body)
        for function in READERS:
            self.kill(function)

        def back() -> None:
            if before:
                self.objects.put(POINTER, before)
            else:
                self.objects.drop(POINTER)

        return back

    def _side_by_side(self) -> Undo:
        with self.fleet._lock:
            old = dict(self.fleet._hosts)
        newest, random = type(self.fleet).host, self.random
        self.build()

        def either(name: str) -> Host:
            new = newest(self.fleet, name)
            return old.get(name, new) if random.random() < 0.5 else new

        self.fleet.host = either  # type: ignore[method-assign]

        def back() -> None:
            with suppress(AttributeError):
                del self.fleet.host

        return back


def _renamed(entry: Any, mark: str) -> Any:
    from dataclasses import replace

    return replace(
        entry, id=mark, title=f"{mark} zeppelin adrift", symptoms=(f"{mark} zeppelin adrift",),
        match=((f"{mark} zeppelin adrift",),), unless=(), references=(),
    )  # fmt: skip
