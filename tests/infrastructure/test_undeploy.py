"""A destroy removes everything that Chalice created, and nothing of other stages or other owners."""

from __future__ import annotations

from typing import Any

from cali_ops.calls import perform
from cali_ops.undeploy import calls
from tests.infrastructure.conftest import REGION

BUCKET = "cali-terraform-state-111122223333"


def api(clients: Any, name: str, function: str) -> str:
    """Return an API as `chalice deploy` creates it, with one route that invokes a function."""
    gateway = clients("apigateway")
    made = str(gateway.create_rest_api(name=name)["id"])
    (root,) = gateway.get_resources(restApiId=made)["items"]
    where = {"restApiId": made, "resourceId": root["id"], "httpMethod": "GET"}
    gateway.put_method(**where, authorizationType="NONE")
    arn = f"arn:aws:lambda:{REGION}:123456789012:function:{function}"
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
    gateway.put_integration(**where, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    return made


def deploy(clients: Any, name: str, stage: str) -> str:
    """Create the resources of a deployment besides its functions. Return the API's id."""
    events, rule = clients("events"), f"{name}-{stage}-sweep-event"
    events.put_rule(Name=rule, ScheduleExpression="rate(1 minute)")
    events.put_targets(
        Rule=rule,
        Targets=[{"Id": "1", "Arn": f"arn:aws:lambda:{REGION}:123456789012:function:{name}-{stage}-sweep"}],
    )
    clients("s3").put_object(Bucket=BUCKET, Key=f"chalice/{stage}.json", Body=b"{}")
    return api(clients, name, f"{name}-{stage}")


def published(clients: Any, layer: str) -> None:
    clients("lambda").publish_layer_version(LayerName=layer, Content={"ZipFile": b"PK\x05\x06" + bytes(18)})


def test_everything_that_chalice_made_goes_and_nothing_else(clients: Any) -> None:
    # Given two stages, two versions of the layer, and others' resources with similar names
    clients("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    deploy(clients, "cali", "dev")
    other = deploy(clients, "cali", "dev2")
    theirs = api(clients, "cali", "theirs")
    for layer in ("cali-dependencies", "cali-dependencies", "cali-dependencies-of-theirs"):
        published(clients, layer)
    clients("s3").put_object(Bucket=BUCKET, Key="cali/terraform.tfstate", Body=b"{}")

    # When one stage is destroyed
    for call in calls("cali", "dev", BUCKET, clients):
        assert call.why
        perform(call, clients)

    # Then nothing of it is left, and a second run makes no call
    assert calls("cali", "dev", BUCKET, clients) == ()
    assert {one["id"] for one in clients("apigateway").get_rest_apis()["items"]} == {other, theirs}
    assert [one["Name"] for one in clients("events").list_rules()["Rules"]] == ["cali-dev2-sweep-event"]
    assert [one["LayerName"] for one in clients("lambda").list_layers()["Layers"]] == [
        "cali-dependencies-of-theirs"
    ]
    kept = {one["Key"] for one in clients("s3").list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert kept == {"chalice/dev2.json", "cali/terraform.tfstate"}


def test_an_account_without_a_deployment_takes_no_call(clients: Any) -> None:
    clients("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    assert calls("cali", "dev", BUCKET, clients) == ()
