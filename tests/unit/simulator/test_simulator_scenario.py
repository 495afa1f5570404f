import ast
from pathlib import Path

import pytest

import cali.simulator
from cali.core.errors import Misconfigured
from cali.simulator import load_scenario, simulate, truth

PACKAGE = Path(cali.simulator.__file__).parent

GOOD = """
name: tiny
lines: 100
seconds: 10
services: [{use: postgres, share: 3}, {use: orders, replicas: 1}]
faults:
  - {id: db, kind: postgres-connections, at: 0.1, lasts: 0.2, rate: 50}
  - {id: pool, kind: hikari-timeout, root: db, at: 0.3, lasts: 0.2, rate: 50}
"""


def test_the_shop_has_a_dozen_services_ten_faults_a_cascade_and_an_unknown_one():
    shop = load_scenario("shop")
    faults = truth(shop)

    assert len(shop.services) >= 12
    assert len(faults) >= 10
    assert [fault.id for fault in faults if fault.root == "db-out-of-connections"] == [
        "orders-pool-timeouts",
        "gateway-orders-unavailable",
    ]
    assert [fault.kind for fault in faults if not fault.known] == ["tariff-bug"]
    assert all(fault.cause_any for fault in faults if fault.known)


def test_truth_names_the_workload_and_the_namespace():
    by_id = {fault.id: fault for fault in truth(load_scenario("shop"))}

    assert (by_id["db-out-of-connections"].namespace, by_id["db-out-of-connections"].workload) == (
        "data",
        "postgres",
    )
    assert by_id["payments-out-of-memory"].start == 0.37


def test_a_scenario_of_ones_own_is_a_file(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(GOOD)

    scenario = load_scenario(path)
    written = list(simulate(scenario, seed=1, start=0))

    assert len(written) == 100
    assert {line.fault for line in written} == {None, "db", "pool"}
    assert len({line.pod.name for line in written if line.pod.workload == "orders"}) == 1


@pytest.mark.parametrize("name", sorted(file.stem for file in (PACKAGE / "faults").glob("*.yaml")))
def test_every_shipped_fault_can_strike(tmp_path, name):
    services = "".join(f"  - use: {file.stem}\n" for file in sorted((PACKAGE / "services").glob("*.yaml")))
    path = tmp_path / "one.yaml"
    path.write_text(
        f"name: one\nlines: 900\nseconds: 60\nservices:\n{services}"
        f"faults: [{{id: it, kind: {name}, at: 0.2, lasts: 0.5, rate: 20}}]\n"
    )

    assert any(line.fault == "it" for line in simulate(load_scenario(path), seed=1, start=0))


@pytest.mark.parametrize(
    ("change", "to", "says"),
    [
        ("lines: 100", "lines: many", r"tiny\.yaml: lines: Input should be a valid integer, but is 'many'"),
        ("lines: 100", "lines: 1.5", r"lines: Input should be a valid integer"),
        ("lines: 100", "lines: .nan", r"lines: Input should be a (valid|finite)"),
        ("seconds: 10", "seconds: 0", r"seconds: Input should be greater than or equal to 0\.001, but is 0"),
        ("name: tiny", "title: tiny", r"tiny\.yaml: title: unknown key"),
        ("name: tiny", "", r"name: Field required"),
        (
            "use: postgres",
            "use: oracle",
            r"services\[0\]: no 'oracle' among the services; use one of .*postgres",
        ),
        ("use: postgres", "use: orders", r"service 'orders' is listed twice"),
        ("use: postgres, share: 3", "use: storefront", r"faults\[0\]: .*needs the service 'postgres'"),
        ("kind: hikari-timeout", "kind: gremlins", r"faults\[1\]: no 'gremlins' among the faults"),
        ("kind: hikari-timeout", "kind: ../shop", r"faults\[1\]: no '\.\./shop' among the faults"),
        ("at: 0.3", "at: 0.9", r"faults\[1\]: at \+ lasts is 1\.1; it must be at most 1"),
        ("at: 0.3", "at: 0.1", r"'pool' must start after its root 'db'"),
        ("root: db", "root: dp", r"'pool' names the root 'dp', which is not another fault"),
        ("id: pool", "id: db", r"fault 'db' is listed twice"),
        ("rate: 50}", "rate: -1}", r"faults\[0\]\.rate: Input should be greater"),
        ("lasts: 0.2", "lasts: 0.2, often: 3", r"faults\[0\]\.often: unknown key"),
        ("services: [", "services: [7, ", r"services\[0\]: Input should be a valid dictionary"),
        ("services: [", "services: [[", r"not YAML"),
        ("share: 3", "share: true", r"services\[0\]\.share: Input should be a valid number, but is True"),
    ],
)
def test_a_bad_scenario_is_refused_with_what_and_where(tmp_path, change, to, says):
    path = tmp_path / "tiny.yaml"
    assert change in GOOD
    path.write_text(GOOD.replace(change, to, 1))

    with pytest.raises(Misconfigured, match=says) as refused:
        load_scenario(path)

    assert "\n" not in str(refused.value)


def test_a_missing_scenario_is_refused(tmp_path):
    with pytest.raises(Misconfigured, match=r"no 'shoop' among the scenarios; use one of .*shop"):
        load_scenario("shoop")
    with pytest.raises(Misconfigured, match=r"none\.yaml: cannot be read"):
        load_scenario(tmp_path / "none.yaml")


def test_truth_comes_from_the_simulator_alone():
    for file in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith("cali") or name.startswith(
                    ("cali.simulator", "cali.core.errors")
                ), (
                    file,
                    name,
                )
