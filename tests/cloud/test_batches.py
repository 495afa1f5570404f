"""Lambda's rules for a batch from Kinesis, one test each."""

from __future__ import annotations

import json

import pytest

from tests.cloud.batches import (
    EXHAUSTED,
    MOST_BYTES,
    TOO_OLD,
    Batch,
    Next,
    Outcome,
    Row,
    Settings,
    cut,
    decide,
    expire,
    lane,
    settings_of,
)

ROWS = tuple(Row(str(100 + n), f"key-{n}", b"x", 1000.0 + n) for n in range(4))
CRASH = Outcome(error="Runtime.ExitError")


def failed(*sequences: str | None) -> Outcome:
    items = [{"itemIdentifier": sequence} for sequence in sequences]
    return Outcome(json.dumps({"batchItemFailures": items}).encode())


def test_a_batch_whose_function_returns_is_done():
    assert decide(Batch(ROWS), Outcome(b"null"), Settings()) == Next(done=ROWS)


def test_reported_failures_mean_nothing_until_the_mapping_asks_for_them():
    assert decide(Batch(ROWS), failed("102"), Settings(partial=False)).done == ROWS


def test_the_lowest_failure_is_the_checkpoint_and_all_after_it_comes_again():
    after = decide(Batch(ROWS), failed("103", "101"), Settings(partial=True))

    assert after.done == ROWS[:1]
    assert [batch.rows for batch in after.again] == [ROWS[1:]]
    assert after.again[0].tries == 1


@pytest.mark.parametrize(
    "body", [b"", b"null", b"{}", b'{"batchItemFailures": []}', b'{"batchItemFailures": null}']
)
def test_an_empty_response_is_success(body):
    assert decide(Batch(ROWS), Outcome(body), Settings(partial=True)).done == ROWS


@pytest.mark.parametrize(
    "outcome",
    [
        failed(""),
        failed(None),
        failed("999"),
        Outcome(b'{"batchItemFailures": [{"wrongKey": "101"}]}'),
        Outcome(b'{"batchItemFailures": ["101"]}'),
        Outcome(b"not json"),
    ],
)
def test_a_response_that_names_no_record_of_the_batch_fails_all_of_it(outcome):
    after = decide(Batch(ROWS), outcome, Settings(partial=True))

    assert after.done == ()
    assert [batch.rows for batch in after.again] == [ROWS]


def test_an_error_brings_the_whole_batch_again_for_ever_by_default():
    batch = Batch(ROWS, tries=10_000 - 1)
    after = decide(batch, CRASH, Settings())

    assert after.again[0].rows == ROWS
    assert after.again[0].tries == 10_000
    assert after.dropped == ()


def test_bisecting_splits_in_order_and_spends_no_retry():
    after = decide(Batch(ROWS, tries=1), CRASH, Settings(bisect=True, retries=1))

    assert [batch.rows for batch in after.again] == [ROWS[:2], ROWS[2:]]
    assert {batch.tries for batch in after.again} == {1}


def test_a_single_record_that_fails_spends_retries_until_it_is_given_up():
    settings = Settings(bisect=True, retries=2)
    batch = Batch(ROWS[:1])
    for _ in range(2):
        (batch,) = decide(batch, CRASH, settings).again

    after = decide(batch, CRASH, settings)

    assert after.again == ()
    assert [(drop.rows, drop.condition, drop.tries) for drop in after.dropped] == [(ROWS[:1], EXHAUSTED, 3)]


def test_bisecting_with_reported_failures_splits_at_the_checkpoint():
    after = decide(Batch(ROWS, tries=1), failed("102"), Settings(partial=True, bisect=True, retries=1))

    assert after.done == ROWS[:2]
    assert [(batch.rows, batch.tries) for batch in after.again] == [(ROWS[2:], 1)]


def test_a_first_record_that_is_reported_again_and_again_is_given_up_with_all_after_it():
    settings = Settings(partial=True, bisect=True, retries=1)
    (again,) = decide(Batch(ROWS), failed("100"), settings).again
    after = decide(again, failed("100"), settings)

    assert after.done == ()
    assert after.dropped[0].rows == ROWS


def test_no_retry_at_all_can_be_asked_for():
    assert decide(Batch(ROWS), CRASH, Settings(retries=0)).dropped[0].rows == ROWS


def test_the_pause_before_a_retry_grows_and_has_an_end():
    pauses = [decide(Batch(ROWS, tries=n), CRASH, Settings()).again[0].pause for n in range(12)]

    assert pauses == sorted(pauses)
    assert pauses[0] < 1
    assert pauses[-1] == 5


def test_records_past_their_age_are_given_up_and_the_others_delivered():
    after = expire(Batch(ROWS), Settings(max_age=60), now=1061.5)

    assert after.dropped[0].rows == ROWS[:2]
    assert after.dropped[0].condition == TOO_OLD
    assert after.again[0].rows == ROWS[2:]


def test_without_a_limit_no_record_is_too_old():
    assert expire(Batch(ROWS), Settings(), now=1e12).again[0].rows == ROWS


@pytest.mark.parametrize(
    ("settings", "waited", "count"),
    [
        (Settings(batch_size=100, window=1), 0.5, 0),
        (Settings(batch_size=100, window=1), 1.0, 4),
        (Settings(batch_size=3, window=1), 0.0, 3),
        (Settings(batch_size=100, window=0), 0.0, 4),
    ],
)
def test_a_batch_is_cut_when_it_is_full_or_its_window_is_over(settings, waited, count):
    assert cut(ROWS, settings, now=50 + waited, since=50) == count


def test_a_batch_never_outgrows_the_payload():
    big = [Row(str(n), "k", b"x" * 1_000_000, 0.0) for n in range(10)]

    count = cut(big, Settings(batch_size=100, window=100), now=0, since=0)

    assert sum(row.bytes for row in big[:count]) <= MOST_BYTES < sum(row.bytes for row in big[: count + 1])


def test_a_record_larger_than_a_payload_goes_alone():
    assert cut([Row("1", "k", b"x" * MOST_BYTES, 0.0)] * 2, Settings(), now=0, since=0) == 1


def test_a_key_stays_in_its_lane_and_keys_use_all_lanes():
    lanes = {key: lane(key, 4) for key in map(str, range(100))}

    assert lanes == {key: lane(key, 4) for key in lanes}
    assert set(lanes.values()) == {0, 1, 2, 3}


def test_settings_are_read_from_what_lambda_says_of_a_mapping():
    mapping = {
        "BatchSize": 500,
        "MaximumBatchingWindowInSeconds": 1,
        "ParallelizationFactor": 2,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 0,
        "MaximumRecordAgeInSeconds": 3600,
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::bucket"}},
        "StartingPosition": "LATEST",
        "State": "Disabled",
    }

    assert settings_of(mapping) == Settings(
        500, 1, 2, True, True, 0, 3600, "arn:aws:s3:::bucket", "LATEST", False
    )
    assert settings_of({}) == Settings()
