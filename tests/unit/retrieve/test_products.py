"""An entry asserts only where its product can have written the line."""

from __future__ import annotations

import pytest

from cali.stages.retrieve.knowledge import load
from cali.stages.retrieve.products import NAMES, fits, writers

KNOWLEDGE = load()


def test_every_shipped_entry_names_its_products() -> None:
    for entry in KNOWLEDGE.entries.values():
        assert entry.products, entry.id
        assert set(entry.products) <= NAMES, entry.id


@pytest.mark.parametrize(
    ("text", "writer"),
    [
        ("WARN org.apache.hadoop.hdfs.LeaseRenewer: Failed to renew lease for [DFSClient_1]", "hadoop"),
        ("=ERROR REPORT==== 30-Nov-2026::10:00:00 ===\nFailed to start Ranch listener", "rabbitmq"),
        ('2026/11/30 10:00:00 [emerg] 31#31: unknown directive "servr"', "nginx"),
        ("W1130 10:00:00.000000       1 reflector.go:324] failed to list *v1.Pod", "kubernetes"),
        (
            "Traceback (most recent call last):\n  File \"app.py\", line 3, in <module>\nKeyError: 'a'",
            "python",
        ),
    ],
)
def test_structure_shows_the_writer(text: str, writer: str) -> None:
    assert writer in writers(text)


def test_an_entry_does_not_fit_a_line_of_another_product() -> None:
    hdfs = "WARN org.apache.hadoop.hdfs.LeaseRenewer: Failed to renew lease"
    assert not fits(["kubernetes"], hdfs)
    assert fits(["hadoop"], hdfs)
    assert fits(["java"], hdfs)  # the runtime below it
    assert fits(["any"], hdfs)


def test_an_entry_fits_if_its_product_is_mentioned_or_nothing_shows_the_writer() -> None:
    client = "Traceback (most recent call last):\nredis.exceptions.AuthenticationError: WRONGPASS"
    assert fits(["redis"], client)
    assert not fits(["postgresql"], client)
    assert fits(["postgresql"], "something failed")


def test_no_cause_of_another_product_is_asserted() -> None:
    signatures = KNOWLEDGE.signatures()
    line = "WARN org.apache.hadoop.hdfs.LeaseRenewer: Failed to renew lease for [DFSClient_1]"
    assert not any(name.startswith("k8s-") for name in signatures.matching(line))


def test_the_host_reports_of_every_program() -> None:
    kernel = "kernel: Memory cgroup out of memory: Killed process 42 (java) total-vm:81kB, anon-rss:9kB"
    assert "linux" in writers(kernel)
    assert "k8s-container-oom-killed" in KNOWLEDGE.signatures().matching(kernel)
