"""The fleet of a recycling app: six services behind nginx, two workers with a journal, PostgreSQL, Redis and RabbitMQ."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import cali
from lab.causes import NOT_RUNNING
from lab.certificates import authority, pair
from lab.rig import PYTHON, Rig
from lab.system import System
from lab.systems import nginx, postgres, rabbitmq, redis

PACKAGES = (
    *postgres.postgres.packages, *redis.redis.packages, *rabbitmq.rabbitmq.packages, *nginx.nginx.packages,
    "python3-fastapi", "python3-uvicorn", "python3-celery", "python3-jwt",
)  # fmt: skip
ecoeco = System("ecoeco", packages=PACKAGES, service="waste")
SERVICES = {
    "auth": "/api/v1/auth",
    "userinfo": "/api/v1/users",
    "location": "/api/v1/locations",
    "waste": "/api/v1/waste",
    "recycle-info": "/api/v1/recycle-info",
    "chat-llm": "/api/v1/chat",
}
ADDRESS = {name: f"10.0.1.{50 + place}" for place, name in enumerate(SERVICES)}
OPT = "/opt/ecoeco"
SCHEMA = f"""CREATE TABLE users (name text PRIMARY KEY, password text NOT NULL, points int NOT NULL);
CREATE TABLE recycle_info (kind text PRIMARY KEY, text text NOT NULL);
CREATE TABLE tasks (key text PRIMARY KEY, result text);
INSERT INTO users VALUES ('mina', '{hashlib.sha256(b"orchard").hexdigest()}', 40);
INSERT INTO recycle_info VALUES ('plastic', 'Rinse, remove the label, press flat.'), ('glass', 'Rinse; lids apart.');
ALTER TABLE users OWNER TO shop; ALTER TABLE recycle_info OWNER TO shop; ALTER TABLE tasks OWNER TO shop;
"""


def install() -> None:
    """Copy the services and the journal to /opt, where stack traces name no folder of this machine."""
    shutil.copytree(Path(__file__).parents[1] / "ecoeco" / "services", OPT)
    source = Path(cali.__file__).parent
    for name in (
        "__init__.py",
        "core/__init__.py",
        "core/errors.py",
        "adapters/__init__.py",
        "adapters/sqlite/__init__.py",
        "adapters/sqlite/journal.py",
    ):
        place = Path(OPT, "cali", name)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, place)


def service(rig: Rig, name: str, **env: str) -> None:
    """Deploy a service, instead of the version that runs."""
    if name in rig.processes:
        rig.stop(name)
    rig.spawn(
        name,
        PYTHON,
        "-m",
        "uvicorn",
        "--host",
        ADDRESS[name],
        "--port",
        "8000",
        "--no-access-log",
        f"{name.replace('-', '_')}:app",
        cwd=OPT,
        env={"SERVICE": name, **env},
    )
    rig.wait_port(name, 8000, 40)


def worker(rig: Rig, name: str, **env: str) -> None:
    """Deploy a worker, instead of the version that runs."""
    if name in rig.processes:
        rig.stop(name)
    before = len(rig.lines)
    settings = {
        "SERVICE": name,
        "C_FORCE_ROOT": "1",
        "SYNC_SECONDS": "2",
        "JOURNAL": f"/srv/journal-{name}/tasks.db",
        "JOURNAL_BYTES": "8000000",
        **env,
    }
    rig.spawn(
        name,
        PYTHON,
        "-m",
        "celery",
        "-A",
        "worker",
        "worker",
        "--loglevel",
        "INFO",
        "--concurrency",
        "1",
        "--without-mingle",
        "--without-gossip",
        "-Q",
        "q.storage" if name == "worker-storage" else "q.ai",
        cwd=OPT,
        env=settings,
    )
    rig.wait_line(name, "ready.", 60, after=before)


def outside(rig: Rig, name: str, address: str, **env: str) -> None:
    """Start a stand-in for a service that is not ours. Its own log is not collected."""
    if name in rig.processes:
        rig.kill(name, signal.SIGTERM)
        rig.processes[name].wait(10)
    rig.app(name, "web.py", address, "8080", env={"NAME": name, **env})
    rig.wait_port(name, 8080)


def prune(rig: Rig) -> None:
    """Leave out the logs of the stand-ins."""
    rig.lines[:] = [line for line in rig.lines if line.service not in ("kakao", "llm", "s3")]


@ecoeco.starts
def start(rig: Rig) -> None:
    install()
    postgres.prepare(rig)
    postgres.serve(rig, "max_connections=40")
    postgres.sql(rig, SCHEMA)
    redis.serve(rig)
    rabbitmq.serve(rig)
    outside(rig, "kakao", "10.0.1.47")
    outside(rig, "llm", "10.0.1.48")
    outside(rig, "s3", "10.0.1.49")
    for name in SERVICES:
        service(rig, name)
    worker(rig, "worker-storage")
    worker(rig, "worker-ai")
    routes = " ".join(
        f"location {path} {{ proxy_pass http://{name}:8000; }}" for name, path in SERVICES.items()
    )
    nginx.serve(rig, f"listen 10.0.1.17:80; {routes}")


def use(rig: Rig, rounds: int = 4, pause: float = 0.15) -> None:
    """Use the app as its users do."""
    prune(rig)

    def ask(path: str, body: object = None, token: str = "", number: int = 0) -> dict[str, str]:
        words = [
            "curl",
            "-s",
            "-m",
            "8",
            "-H",
            f"x-request-id: r{number:04}",
            "-H",
            f"authorization: Bearer {token}",
        ]
        if body is not None:
            words += ["-X", "POST", "-H", "content-type: application/json", "-d", json.dumps(body)]
        answer = rig.run(*words, f"http://nginx{path}", check=False)
        try:
            read = json.loads(answer)
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}

    for number in range(rounds):
        first = ask(
            "/api/v1/auth/token",
            {"grant_type": "password", "username": "mina", "password": "orchard"},
            number=number,
        )
        ask("/api/v1/users/me", token=first.get("access_token", ""), number=number)
        ask("/api/v1/locations?query=bin", number=number)
        ask("/api/v1/recycle-info/plastic", number=number)
        ask("/api/v1/chat", {"question": "Is a pizza box paper?"}, number=number)
        ask("/api/v1/waste", {"photo": "x" * 200}, number=number)
        if "refresh_token" in first:
            ask(
                "/api/v1/auth/token",
                {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]},
                number=number,
            )
        rig.pause(pause)
    rig.pause(0.5)
    prune(rig)


@ecoeco.loads
def load(rig: Rig) -> None:
    use(rig)


@ecoeco.fault(
    "postgres-killed", kind="dependency-killed", what="PostgreSQL is killed with SIGKILL",
    cause="PostgreSQL is not running; the services that use it fail.", accept=NOT_RUNNING,
    signal="port 5432 failed|Connection refused", target="postgres", affected=("postgres", "auth", "userinfo", "recycle-info", "worker-storage", "worker-ai", "nginx"),
)  # fmt: skip
def postgres_killed(rig: Rig) -> Iterator[None]:
    rig.kill("postgres")
    rig.run("pkill", "-9", "-x", "postgres", check=False)
    use(rig, 6)
    yield
    Path(postgres.DATA, "postmaster.pid").unlink(missing_ok=True)
    postgres.serve(rig, "max_connections=40")


@ecoeco.fault(
    "redis-maxmemory", kind="memory-limit", what="maxmemory of Redis is set below the memory in use",
    cause="Redis reached maxmemory and its policy evicts nothing.", accept=("maxmemory|memory limit",),
    signal="used memory > 'maxmemory'|OOM command", target="redis", affected=("redis", "auth", "recycle-info", "nginx"),
)  # fmt: skip
def redis_maxmemory(rig: Rig) -> Iterator[None]:
    redis.cli(rig, "config", "set", "maxmemory", "500kb")
    use(rig, 6)
    yield
    redis.cli(rig, "config", "set", "maxmemory", "0")


@ecoeco.fault(
    "rabbitmq-killed", kind="dependency-killed", what="RabbitMQ is killed with SIGKILL",
    cause="RabbitMQ is not running; nothing can be queued.", accept=NOT_RUNNING,
    signal="Connection refused|consumer: Cannot connect|Connection to broker lost", target="rabbitmq", affected=("rabbitmq", "waste", "worker-storage", "worker-ai", "nginx"),
)  # fmt: skip
def rabbitmq_killed(rig: Rig) -> Iterator[None]:
    rig.kill("rabbitmq")
    rig.run("pkill", "-9", "beam.smp", check=False)
    use(rig, 4)
    yield
    rabbitmq.serve(rig)
    rig.pause(6)


@ecoeco.fault(
    "kakao-slow", kind="slow-dependency", what="the map API answers after four seconds",
    cause="The Kakao map API answers more slowly than the timeout.", accept=("slow|timeout|timed out|not answer|too long",),
    signal="Read timed out|Kakao map API failed", target="kakao", affected=("location", "nginx"),
)  # fmt: skip
def kakao_slow(rig: Rig) -> Iterator[None]:
    outside(rig, "kakao", "10.0.1.47", SLOW="4")
    use(rig, 4)
    yield
    outside(rig, "kakao", "10.0.1.47")


@ecoeco.fault(
    "kakao-certificate", kind="certificate-expired", what="the map API's certificate has expired",
    cause="The certificate of the map API has expired.", accept=("certificate", "expired"),
    signal="certificate has expired", target="kakao", affected=("location", "nginx"),
)  # fmt: skip
def kakao_certificate(rig: Rig) -> Iterator[None]:
    certs = pair(rig, "kakao", expired=True)
    outside(rig, "kakao", "10.0.1.47", CERT=certs.cert, KEY=certs.key)
    service(rig, "location", KAKAO_URL="https://kakao:8080/v2", CA=authority(rig))
    use(rig, 5)
    yield
    outside(rig, "kakao", "10.0.1.47")
    service(rig, "location")


@ecoeco.fault(
    "kakao-name", kind="dns-unknown-name", what="a deployment of location brings a host name that does not exist",
    cause="The host name of the map API does not resolve.", accept=("resol|DNS|host ?name|name lookup",),
    signal="Name or service not known|name resolution", target="location", affected=("location", "nginx"),
)  # fmt: skip
def kakao_name(rig: Rig) -> Iterator[None]:
    service(rig, "location", KAKAO_URL="http://dapi.kakao.internal:8080/v2")
    use(rig, 4)
    yield
    service(rig, "location")


@ecoeco.fault(
    "llm-key", kind="wrong-key", what="the model's endpoint refuses the key (401)",
    cause="The key for the model's endpoint is not valid.", accept=("key|credential|token", "invalid|wrong|refus|expired|not valid|reject|not accepted"),
    signal="model answered 401", target="chat-llm", affected=("chat-llm", "nginx"),
)  # fmt: skip
def llm_key(rig: Rig) -> Iterator[None]:
    outside(
        rig,
        "llm",
        "10.0.1.48",
        STATUS="401",
        BODY='{"error": {"message": "Incorrect API key provided", "type": "invalid_request_error", "code": "invalid_api_key"}}',
    )
    use(rig, 5)
    yield
    outside(rig, "llm", "10.0.1.48")


@ecoeco.fault(
    "llm-busy", kind="retry-storm", what="the model's endpoint answers 429, and every call is tried three times",
    cause="The model's rate limit is reached; retries make it worse.", accept=("rate|429|limit|quota", "limit|exceed|reached|too many"),
    signal="429", target="llm", affected=("chat-llm", "nginx"),
)  # fmt: skip
def llm_busy(rig: Rig) -> Iterator[None]:
    outside(rig, "llm", "10.0.1.48", STATUS="429")
    use(rig, 6)
    yield
    outside(rig, "llm", "10.0.1.48")


@ecoeco.fault(
    "bad-waste", kind="bad-deployment", what="version 2 of waste reads a key that is not there; it is rolled back",
    cause="The new version of waste has a bug: it reads the key 'category', which is missing.", accept=("key",),
    signal="KeyError: 'category'", target="waste", affected=("waste", "nginx"),
)  # fmt: skip
def bad_waste(rig: Rig) -> Iterator[None]:
    service(rig, "waste", VERSION="2")
    use(rig, 5)
    yield
    service(rig, "waste")


@ecoeco.fault(
    "jwt-secret", kind="secret-mismatch", what="userinfo is deployed with another secret than auth",
    cause="userinfo checks tokens with another secret than auth signs them with.", accept=("secret|key|signature", "differ|mismatch|another|not match|wrong|rotat|verif"),
    signal="token refused: InvalidSignatureError", target="userinfo", affected=("userinfo", "nginx"),
)  # fmt: skip
def jwt_secret(rig: Rig) -> Iterator[None]:
    service(rig, "userinfo", JWT_SECRET="orchard-8-of-a-length-that-suffices")
    use(rig, 6)
    yield
    service(rig, "userinfo")


@ecoeco.fault(
    "connection-leak", kind="connections-exhausted", what="a version of userinfo never closes its connections to PostgreSQL",
    cause="userinfo leaks connections until PostgreSQL has none left (max_connections).", accept=("max_connections|too many (clients|connections)|connection slots|connection limit|all connections|leak",),
    signal="too many clients|remaining connection slots", target="userinfo", affected=("userinfo", "auth", "recycle-info", "worker-storage", "worker-ai", "nginx"),
)  # fmt: skip
def leak(rig: Rig) -> Iterator[None]:
    service(rig, "userinfo", LEAK="1")
    use(rig, 45, 0)
    yield
    service(rig, "userinfo")


@ecoeco.fault(
    "s3-denied", kind="access-denied", what="the bucket's policy refuses uploads (403)",
    cause="The upload to S3 is not allowed (403).", accept=("denied|not allow|forbidden|permission|polic|403",),
    signal="403 Client Error", target="s3", affected=("worker-storage",),
)  # fmt: skip
def s3_denied(rig: Rig) -> Iterator[None]:
    outside(rig, "s3", "10.0.1.49", STATUS="403", BODY="<Error><Code>AccessDenied</Code></Error>")
    use(rig, 5)
    rig.pause(5)
    yield
    outside(rig, "s3", "10.0.1.49")
    rig.pause(3)


@ecoeco.fault(
    "journal-full", kind="quota-exceeded", what="the journal of the AI worker may hold 128 kB, and it is not synchronised",
    cause="The worker's journal is full.", accept=("journal|disk|volume", "full|limit|no space"),
    signal="tasks.db: holds", target="worker-ai", affected=("worker-ai",),
)  # fmt: skip
def journal_full(rig: Rig) -> Iterator[None]:
    small = {
        "JOURNAL_BYTES": "131072",
        "SYNC_SECONDS": "600",
        "JOURNAL": "/srv/journal-small/tasks.db",
        "ANALYSE_SECONDS": "0",
    }
    worker(rig, "worker-ai", **small)
    many = "for n in range(900): queue.send_task('ai.analyse', args=[f'p{n}', 9], queue='q.ai', task_id=f'ai.analyse-p{n}')"
    rig.run(
        PYTHON,
        "-c",
        f"import sys; sys.path.insert(0, '{OPT}'); from waste import queue; exec(sys.argv[1])",
        many,
    )
    rig.wait_line("worker-ai", "tasks.db: holds", 60)
    use(rig, 3)
    yield
    rig.kill("worker-ai")
    rig.processes["worker-ai"].wait(10)
    worker(rig, "worker-ai")


@ecoeco.fault(
    "worker-killed", kind="process-killed", what="the AI worker is killed with SIGKILL while it works, and started again",
    cause="The AI worker was killed with SIGKILL; its journal finishes the task that it left.", accept=("SIGKILL|signal 9|killed|OOM|crash",),
    signal="left by a crash|WorkerLostError|signal 9", target="worker-ai", affected=("worker-ai",),
)  # fmt: skip
def worker_killed(rig: Rig) -> Iterator[None]:
    worker(rig, "worker-ai", ANALYSE_SECONDS="3")
    use(rig, 2)
    rig.pause(1)
    pid = rig.processes["worker-ai"].pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    rig.pause(3)
    rig.kill("worker-ai")
    rig.processes["worker-ai"].wait(10)
    yield
    worker(rig, "worker-ai")


@ecoeco.fault(
    "users-renamed", kind="bad-migration", what="a migration renames the column points that userinfo reads",
    cause="A migration renamed the column points, which userinfo still reads.", accept=("column", "not exist|missing|migration|unknown|renam"),
    signal='column "points" does not exist', target="userinfo", affected=("userinfo", "nginx"),
)  # fmt: skip
def users_renamed(rig: Rig) -> Iterator[None]:
    postgres.sql(rig, "ALTER TABLE users RENAME COLUMN points TO score")
    use(rig, 5)
    yield
    postgres.sql(rig, "ALTER TABLE users RENAME COLUMN score TO points")


@ecoeco.fault(
    "location-killed", kind="process-killed", what="location is killed with SIGKILL and stays away",
    cause="The service location is not running.", accept=NOT_RUNNING,
    signal="connect\\(\\) failed", target="location", affected=("location", "nginx"),
)  # fmt: skip
def location_killed(rig: Rig) -> Iterator[None]:
    rig.kill("location")
    use(rig, 5)
    yield
    service(rig, "location")


ecoeco.pair("redis-maxmemory", "s3-denied")
ecoeco.pair("kakao-certificate", "users-renamed")
ecoeco.pair("bad-waste", "llm-busy")
ecoeco.pair("postgres-killed", "kakao-slow")
ecoeco.pair("location-killed", "jwt-secret")


@ecoeco.healthy("load")
def busy(rig: Rig) -> None:
    use(rig, 20)


@ecoeco.healthy("rolling-deployment", kind="restart")
def rolling(rig: Rig) -> None:
    for name in SERVICES:
        service(rig, name)
    worker(rig, "worker-storage")
    use(rig, 5)


@ecoeco.healthy("synchronisation", kind="cron")
def quiet(rig: Rig) -> None:
    use(rig, 6)
    rig.pause(6)
