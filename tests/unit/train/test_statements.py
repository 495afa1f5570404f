"""Logging statements are found in source code, with their level and their parameters."""

from __future__ import annotations

import pytest

from cali_ops.train import logging_calls, python_source
from cali_ops.train.examples import filled
from cali_ops.train.statements import PARAMETER


def plain(text: str) -> str:
    return PARAMETER.sub("<>", text)


@pytest.mark.parametrize(
    ("extension", "source", "expected"),
    [
        (".c", 'log_error("cannot open %s: %m", path);', ("error", "cannot open <>: <>")),
        (".c", 'syslog(LOG_WARNING, "disk " "%d%% full", n);', ("warn", "disk <>% full")),
        (".c", 'serverLog(LL_NOTICE, "ready on port %" PRIu64, port);', ("info", "ready on port <>")),
        (".cc", 'LOG(ERROR) << "no leader in " << group << " yet";', ("error", "no leader in <> yet")),
        (".go", 'klog.Errorf("pod %v not found", pod)', ("error", "pod <> not found")),
        (".go", 's.Warnf("slow consumer")', ("warn", "slow consumer")),
        (".go", 'return fmt.Errorf("bad key %q", key)', ("raised", "bad key <>")),
        (".go", 'log.Info("started", "port", port)', ("info", "started port=<>")),
        (".java", 'LOG.info("Joined {} at {}", group, host);', ("info", "Joined <> at <>")),
        (".java", 'logger.error("Lost " + node + " again", e);', ("error", "Lost <> again")),
        (".java", 'throw new IOException("closed by " + peer);', ("raised", "closed by <>")),
        (".js", "logger.warn(`queue ${name} is full`);", ("warn", "queue <> is full")),
        (".erl", '?LOG_ERROR("node ~p down", [Node])', ("error", "node <> down")),
        (".rb", 'logger.error "no host #{name}"\n', ("error", "no host <>")),
        (".php", "$this->logger->error('no user {id}', $x);", ("error", "no user <>")),
        (".rs", 'warn!("peer {} left", id);', ("warn", "peer <> left")),
    ],
)
def test_a_statement_is_found(extension: str, source: str, expected: tuple[str, str]) -> None:
    found = [
        (level, plain(text))
        for level, text in logging_calls.statements(source, logging_calls.LANGUAGES[extension])
    ]
    assert found == [expected]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('LOG.error("no host %s", host)', ("error", "no host <>")),
        ('log.info(f"{n} rows read")', ("info", "<> rows read")),
        ('logger.warning("a {} b".format(x))', ("warn", "a <> b")),
        ('logger.debug("a" + b)', ("debug", "a<>")),
        ('logger.info("%d of %s" % (n, name))', ("info", "<> of <>")),
    ],
)
def test_a_statement_of_python_is_found(source: str, expected: tuple[str, str]) -> None:
    assert [(level, plain(text)) for level, text in python_source.statements(source)] == [expected]


def test_exceptions_that_are_raised_are_found_beside_statements() -> None:
    source = 'log.info("started")\nraise KeyError(f"no {name}")'
    assert ("raised", "no <>") in [(level, plain(text)) for level, text in python_source.statements(source)]


@pytest.mark.parametrize(
    ("extension", "source"),
    [
        (".c", 'strcpy(error_text, "none");'),
        (".c", 'if (check("error")) return;'),
        (".java", 'map.put("error", value);'),
        (".py", "def broken("),
    ],
)
def test_other_calls_and_unreadable_source_give_none(extension: str, source: str) -> None:
    found = (
        python_source.statements(source)
        if extension == ".py"
        else logging_calls.statements(source, logging_calls.LANGUAGES[extension])
    )
    assert list(found) == []


def test_values_of_parameters_depend_only_on_the_text() -> None:
    ((_, text),) = python_source.statements('log.error("no %s in %d: %s", name, count, error)')
    assert filled(text) == filled(text)
    assert "<*>" in filled(text)  # a number
    assert not PARAMETER.search(filled(text))
