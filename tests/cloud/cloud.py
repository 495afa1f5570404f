"""The whole AWS side of CALI on this machine: start, deploy, feed, inject faults, observe, and clean up."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Self, TypeVar

from cali.adapters.aws.dynamodb_alerts import DynamoAlerts
from cali.adapters.aws.dynamodb_incidents import EXPIRES, TABLE, DynamoIncidents
from cali.adapters.aws.dynamodb_shared import DynamoBlobs
from cali.core.errors import Retryable
from cali.core.life import StoredIncident
from cali.core.models import Status
from cali.simulator import enveloper, load_scenario, simulate
from cali.stages.notify.state import AlertState, loads
from cali.testing import Slack
from cali.usecases import checkpoint
from tests.cloud import faults as faulty
from tests.cloud import models, project
from tests.cloud.aws import BUCKET, INCIDENTS, LOGS, Account, Resources, Table
from tests.cloud.faults import KILLS, Put, Script, poisoned
from tests.cloud.firehose import Buffer, Firehose, Kept, to_opensearch, to_s3
from tests.cloud.fleet import Fleet, Invocations
from tests.cloud.milvus import Milvus
from tests.cloud.observe import Summary, alert_of, emitted, is_pending, is_told, latencies, seen
from tests.cloud.opensearch import OpenSearch
from tests.cloud.poller import Deliveries
from tests.cloud.runtime import LogLine
from tests.cloud.schedule import Schedule
from tests.cloud.streams import Streams
from tests.stand_in import Mode

AT_ONCE = 500
Got = TypeVar("Got")
SETTLE = 0.5  # the deployed value
SETTLE_AT_ONCE = 3.0  # At full speed, a busy machine can separate the two halves of a trace by a second.
STEADY = 1.5  # seconds without work after which a run ends


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run. `rate` is lines per second; 0 is the maximum speed."""

    lines: int = 5_000
    shards: int = 2
    faults: Collection[str] = ()
    rate: float = 500.0
    seed: int = 1
    start: float = 0.0  # the simulated time of the first line; 0 means now
    firehose: bool = True
    scenario: str = "shop"
    processes: int = 1  # concurrency of each function
    kills: int = KILLS
    slack_pace: float = 1.0  # seconds between two messages that Slack requires in a channel
    settle: float = 0.0  # seconds that analyze waits for the rest of an event; 0 chooses by the rate


class Cloud:
    """A cloud that runs within its `with` block. `say` receives one line per event."""

    def __init__(self, options: Options, say: Callable[[str], None] = lambda _: None) -> None:
        self.options = options
        self.slack = Slack(pace=options.slack_pace, pause=1)
        self.opensearch = OpenSearch()
        self.kept = Kept()
        self.metrics: Counter[str] = Counter()
        self.put = self.poison = 0
        self._say = say
        self._stack = ExitStack()
        self._firehoses: list[Firehose] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        options, stack = self.options, self._stack
        home = self.home = Path(tempfile.mkdtemp(prefix="cali-cloud-"))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        invocations = Invocations()
        stack.callback(invocations.close)
        self._say("starting the AWS emulator, Slack, a model server and Milvus")
        self.account = stack.enter_context(Account(home, invocations.port))
        self._slack_server = stack.enter_context(self.slack.serve())
        self._search_server = stack.enter_context(self.opensearch.serve())
        self.model = stack.enter_context(models.Explainer())
        self.milvus = Milvus(home)
        stack.callback(self.milvus.close)
        self.account.create(
            Resources(
                shards=options.shards,
                tables=(Table(project.TABLE_NAME, TABLE, EXPIRES),),
                roles=tuple(f"cali-{name}" for name in project.FUNCTIONS),
                secrets=project.secrets(self._slack_server.hook),
            )
        )
        self.account.client("s3").put_object(Bucket=BUCKET, Key=project.ALERT_RULES, Body=project.RULES)
        self._say("deploying with chalice deploy --stage local")
        place = project.Place(
            milvus=self.milvus.uri,
            model=self.model.url,
            slack=self._slack_server.url.removesuffix("/api"),
            settle=options.settle or (SETTLE if options.rate else SETTLE_AT_ONCE),
        )
        self.names = project.deploy(self.account, home, place, self._say)
        streams = Streams(lambda: self.account.client("kinesis"))
        stack.callback(streams.close)
        self.fleet = Fleet(
            self.account, home / "fleet", streams, self._heard, self._deliveries, options.processes
        )  # fmt: skip
        invocations.fleet = self.fleet
        self._kinesis = self.account.client("kinesis", "fluent-bit")
        self._readers = streams.readers(LOGS)
        stack.callback(self.fleet.close)
        self.fleet.watch()
        self.schedule = Schedule(self.account.client("events"), self.fleet.invoke)
        stack.callback(self.schedule.close)
        if options.firehose:
            self._pour()
        self.incidents = DynamoIncidents(self.account.client("dynamodb"), project.TABLE_NAME)
        self._alerts = DynamoAlerts(self.account.client("dynamodb"), project.TABLE_NAME, time.time)
        self._notes = DynamoBlobs(self.account.client("dynamodb"), project.TABLE_NAME, time.time)
        self.slack.on_message = lambda message: self._say(f"  alert  {message.content.get('text', '')}")

    def _pour(self) -> None:
        s3 = self.account.client("s3")
        enrich = self.names["enrich"]
        to_search = to_opensearch(
            s3, lambda event: self.fleet.invoke(enrich, event), self._search_server.url, self.kept
        )
        for deliver, buffer in (
            (to_s3(s3, self.kept), Buffer(10, 1_000_000)),
            (to_search, Buffer(5, 500_000)),
        ):
            firehose = Firehose(self._readers, deliver, buffer, from_end=False)
            self._stack.callback(firehose.close)
            self._firehoses.append(firehose)

    def _deliveries(self, name: str) -> Deliveries:
        return faulty.deliveries(self.options.faults, logs=name == self.names["analyze"])

    # Parts that faults act on.

    def throttle_dynamodb(self, share: float) -> None:
        self._say(f"  fault  DynamoDB throttles {share:.0%} of all calls")
        self.account.throttle_dynamodb(share)

    def set_milvus(self, up: bool) -> None:
        self._say(f"  fault  Milvus is {'back' if up else 'gone'}")
        self.milvus.start_again() if up else self.milvus.kill()

    def set_model(self, up: bool) -> None:
        self._say(f"  fault  the model is {'back' if up else 'gone'}")
        self.model.down = not up

    def set_slack(self, up: bool) -> None:
        self._say(f"  fault  Slack is {'back' if up else 'gone'}")
        self.slack.mode = Mode.UP if up else Mode.DOWN

    def kill_analyze(self) -> bool:
        return self.fleet.host(self.names["analyze"]).kill_one()

    # Runs.

    def run(self) -> Summary:
        """Stream the simulated logs, wait for the end of all work, and return the results."""
        options = self.options
        script = Script(options.faults, self, options.kills)
        script.tell(0.0)
        begun = time.monotonic()
        for records in _chunks(
            self._records(), AT_ONCE if not options.rate else max(1, int(options.rate / 10))
        ):
            self.put_records(records)
            script.tell(min(self.put / options.lines, 0.999))
            if options.rate:
                time.sleep(max(0.0, begun + self.put / options.rate - time.monotonic()))
        self._say(f"all {self.put:,} records are put after {time.monotonic() - begun:.1f} s")
        self.settle()
        script.end()
        self.settle()
        if "model-down" in options.faults:
            self._explained()
        for firehose in self._firehoses:
            firehose.close()  # deliver the rest of the buffer
        return self.summary()

    def settle(self, seconds: float = 300.0) -> bool:
        """Wait until all work is done: streams are read, no block is pending, incidents have a diagnosis or were
        asked about, and alerts are sent as far as Slack is up. Return False if that takes too long."""
        end = time.monotonic() + seconds
        quiet_since = time.monotonic()
        before: Any = None
        while time.monotonic() < end:
            state = (self.fleet.idle, len(self.slack.messages), self._work_done())
            if state != before or not state[0]:
                before, quiet_since = state, time.monotonic()
            elif time.monotonic() - quiet_since > STEADY:
                if not self._waiting() and not self._untold():
                    return True
                self.schedule.run_now()  # it releases pending blocks and retries failed messages
                quiet_since = time.monotonic()
            time.sleep(0.1)
        self._say(f"not everything came to rest in time: {self._unfinished()}")
        return False

    def _unfinished(self) -> str:
        """What keeps the cloud from resting, in one line."""
        pending = {name: state for name, state in self._states().items() if is_pending(state)}
        busy = "" if self.fleet.idle else "functions run; "
        return f"{busy}{self._waiting()} blocks wait; {len(pending)} alerts are pending {list(pending.items())[:2]}"

    def _explained(self, seconds: float = 240.0) -> None:
        """Wait until the recovered model was asked for the missing diagnoses. The circuit first allows one trial
        call, and `sweep` asks for diagnoses that are missing for a while."""
        end = time.monotonic() + seconds
        while any(item.incident.diagnosis is None for item in self._stored()):
            if time.monotonic() > end:
                self._say("not everything was explained in time")
                return
            time.sleep(1.0)
        self._say("everything is explained")
        self.settle()

    def summary(self) -> Summary:
        """Return the results so far."""
        stored = self._stored()
        alerts = [alert for alert in map(alert_of, self.slack.messages) if alert is not None]
        arrived = {
            row.sequence: row.arrived for reader in self._readers for row in reader.rows(0, reader.end)
        }
        ours = [progress for name, progress in self.fleet.progress() if name == self.names["analyze"]]
        return Summary(
            put=self.put,
            poison=self.poison,
            incidents=seen(stored),
            alerts=alerts,
            quarantined=self._quarantined(),
            model_calls=len(self.model.answered),
            model_questions=len(set(self.model.answered)),
            latencies=latencies(stored, alerts, arrived),
            iterator_age=max((progress.oldest for progress in ours), default=0.0),
            longest_batch=max((progress.longest for progress in ours), default=0.0),
            dropped=sum(progress.counts["dropped"] for _, progress in self.fleet.progress()),
            unread=self.put - sum(progress.counts["done"] for progress in ours),
            waiting=self._waiting(),
            told=frozenset(name for name, state in self._states().items() if is_told(state)),
            counts={**self.metrics, **{f"firehose {name}": n for name, n in self.kept.counts.items()}},
        )

    def _records(self) -> Iterator[Put]:
        options = self.options
        scenario = load_scenario(options.scenario)
        seconds = options.lines / options.rate if options.rate else None
        written = simulate(
            scenario,
            seed=options.seed,
            lines=options.lines,
            seconds=seconds,
            start=options.start or time.time(),
        )
        wrap = enveloper("fluentbit")
        records = (Put(f"{line.pod.name}/{line.stream}", wrap(line).encode()) for line in written)
        return poisoned(records, options.seed) if "poison" in options.faults else records

    def put_records(self, records: list[Put]) -> None:
        """Put records into the log stream."""
        rows = [{"Data": record.data, "PartitionKey": record.key} for record in records]
        self._kinesis.put_records(StreamName=LOGS, Records=rows)
        self.put += len(records)
        self.poison += sum(record.key.startswith("poison-") for record in records)

    def _work_done(self) -> int:
        return sum(
            sum(host.counts.values()) for name, host in self.fleet.hosts().items() if name in self._fed
        )

    @property
    def _fed(self) -> set[str]:
        """Return the functions that streams invoke. Scheduled functions never come to rest."""
        return {self.names[name] for name in ("analyze", "diagnose", "alert")}

    def _waiting(self) -> int:
        """Return the pending blocks of analyze. No incident counts them yet."""
        held = 0
        for reader in self._readers:
            body, version = _patiently(partial(self._notes.read, f"shard:{LOGS}/{reader.shard}"))
            held += len(checkpoint.loads(body, version).held)
        return held

    def _untold(self) -> int:
        """Return the alerts that wait for Slack."""
        if self.slack.mode != Mode.UP:
            return 0
        return sum(map(is_pending, self._states().values()))

    def _states(self) -> dict[str, AlertState]:
        """Return the alert state of each incident."""
        states = {}
        for item in self._stored():
            note = _patiently(partial(self._alerts.get, f"incident/{item.incident.id}"))
            states[item.incident.id] = loads(note.body) if note and note.body else AlertState()
        return states

    def _stored(self) -> list[StoredIncident]:
        return _patiently(lambda: self.incidents.find(tuple(Status), 100_000))

    def _quarantined(self) -> dict[str, str]:
        s3 = self.account.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="quarantine/")
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        found: dict[str, str] = {}
        for key in keys:
            for line in s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().splitlines():
                row = json.loads(line)
                found[row["id"]] = row["reason"]
        return found

    def _heard(self, line: LogLine) -> None:
        self.metrics.update(emitted([line.text]))
        if line.text.startswith(("[ERROR]", "[local cloud]")):
            self._say(f"  {line.function}: {line.text.splitlines()[0][:300]}")


def _patiently(ask: Callable[[], Got], tries: int = 20) -> Got:
    """Read the emulated table, with retries while a fault throttles it."""
    for _ in range(tries):
        with suppress(Retryable):
            return ask()
    return ask()


def _chunks(records: Iterable[Put], size: int) -> Iterator[list[Put]]:
    iterator = iter(records)
    while chunk := list(islice(iterator, size)):
        yield chunk


__all__ = ["INCIDENTS", "Cloud", "Options"]
