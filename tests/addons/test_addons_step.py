"""The steps of `make addons` besides Terraform, against an emulated AWS."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING

import pytest

from cali.core.errors import Misconfigured
from cali_ops import addons, images
from tests.infrastructure.conftest import clients, moto

if TYPE_CHECKING:
    from cali_ops.calls import Clients

__all__ = ["clients", "moto"]  # fixtures

ENTRIES = {name: f"cali/{name}" for name in ("airflow", "grafana", "milvus", "openai")}


def value(name: str, clients: Clients) -> dict[str, str]:
    found: dict[str, str] = json.loads(
        clients("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    )
    return found


@pytest.fixture
def entries(clients: Clients) -> dict[str, str]:
    for name in ENTRIES.values():
        clients("secretsmanager").create_secret(Name=name)
    return ENTRIES


def test_empty_secrets_are_filled_once(clients: Clients, entries: dict[str, str]):
    made = addons.fill(entries, clients)
    assert set(made) == {f"cali/{name}.{field}" for name, fields in addons.WANTED.items() for field in fields}
    first = {name: value(f"cali/{name}", clients) for name in addons.WANTED}
    assert addons.fill(entries, clients) == []
    assert {name: value(f"cali/{name}", clients) for name in addons.WANTED} == first
    assert len(urlsafe_b64decode(first["airflow"]["fernet_key"])) == 32
    assert first["milvus"]["token"].startswith("root:")


def test_what_a_person_put_there_stays(clients: Clients, entries: dict[str, str]):
    mine = {"git_username": "kim", "admin_password": "mine"}
    clients("secretsmanager").put_secret_value(SecretId="cali/airflow", SecretString=json.dumps(mine))
    addons.fill(entries, clients)
    assert mine.items() <= value("cali/airflow", clients).items()


def test_a_token_that_milvus_could_not_take_is_refused(clients: Clients, entries: dict[str, str]):
    clients("secretsmanager").put_secret_value(
        SecretId="cali/milvus", SecretString='{"token": "somebody:short"}'
    )
    with pytest.raises(Misconfigured, match="token must be root:"):
        addons.fill(entries, clients)


def test_a_secret_that_is_no_json_is_named(clients: Clients, entries: dict[str, str]):
    clients("secretsmanager").put_secret_value(SecretId="cali/grafana", SecretString="hunter2")
    with pytest.raises(Misconfigured, match=r"cali/grafana: not JSON"):
        addons.fill(entries, clients)


def test_the_first_root_comes_first():
    with pytest.raises(Misconfigured, match="make infra"):
        addons.needed({})


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("git@github.com:team/cali.git", "https://github.com/team/cali.git"),
        ("ssh://git@github.com/team/cali.git", "https://github.com/team/cali.git"),
        ("https://user:t0ken@example.com/cali.git\n", "https://example.com/cali.git"),
    ],
)
def test_a_remote_is_read_over_https_without_a_key(remote: str, url: str):
    assert addons.https(remote) == url


def test_a_folder_is_no_repository_for_a_cluster():
    with pytest.raises(Misconfigured, match="--dags"):
        addons.https("/srv/git/cali.git")
    with pytest.raises(Misconfigured, match="not reachable over https") as failure:
        addons.https("http://me:ghp_secret@git.local/cali.git")
    assert "ghp_secret" not in str(failure.value)


def test_images_that_are_there_are_known(clients: Clients):
    ecr = clients("ecr")
    for image in images.IMAGES:
        ecr.create_repository(repositoryName=f"cali/{image.repository}")
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": {"size": 1}, "layers": []})
    ecr.put_image(repositoryName="cali/consumer", imageManifest=manifest, imageTag="abc")
    assert images.present("abc", "cali", clients) == {"consumer"}
    assert images.present("other", "cali", clients) == frozenset()


def test_docker_is_logged_in_without_the_password_in_its_arguments(clients: Clients):
    step = images.login(
        {"consumer": "111122223333.dkr.ecr.ap-northeast-2.amazonaws.com/cali/consumer"}, clients
    )
    assert step.secret
    assert step.secret not in step.command
    assert step.command[-1] == "111122223333.dkr.ecr.ap-northeast-2.amazonaws.com"
