"""`python -m tests.mutation`: change the sources at random and see whether tests fail. See docs/proof.md."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
DRAWN_FROM = ("stages", "usecases", "adapters")
# The tests of each part, quick ones first: a mutant that they catch needs no others.
TESTS = {
    "stages/decode": ["tests/unit/decode", "tests/unit/refine", "tests/scenarios/test_scenarios.py"],
    "stages/join": ["tests/unit/join", "tests/unit/refine", "tests/scenarios/test_scenarios.py"],
    "stages/refine": ["tests/unit/refine", "tests/scenarios/test_scenarios.py", "tests/unit/retrieve"],
    "stages/detect": ["tests/unit/detect", "tests/scenarios/test_scenarios.py", "tests/unit/replay", "tests/functional/test_aws_analyze.py"],
    "stages/notify": ["tests/unit/notify", "tests/scenarios/test_alerts.py", "tests/functional/test_slack_answers.py", "tests/functional/test_alert_sinks.py"],
    "stages/reason": ["tests/unit/reason", "tests/scenarios/test_scenarios.py", "tests/functional/test_model_path.py"],
    "stages/retrieve": ["tests/unit/retrieve", "tests/unit/knowledge", "tests/scenarios/test_scenarios.py"],
    "usecases/learn": ["tests/unit/learning", "tests/functional/test_cli_learning.py", "tests/functional/test_learning_week.py"],
    "usecases/releases": ["tests/unit/releases", "tests/functional/test_releases_on_aws.py", "tests/functional/test_cli_learning.py"],
    "usecases/replay": ["tests/unit/replay", "tests/functional/test_cli_replay.py"],
    "usecases": ["tests/unit/notify", "tests/unit/test_consume.py", "tests/functional/test_aws_analyze.py", "tests/functional/test_aws_cuts.py", "tests/functional/test_aws_pieces.py", "tests/functional/test_aws_diagnose.py", "tests/functional/test_aws_sweep.py", "tests/functional/test_aws_enrich.py", "tests/functional/test_aws_handlers.py", "tests/functional/test_cli_watch.py", "tests/functional/test_cli_worker.py", "tests/functional/test_cli_analyze.py", "tests/scenarios/test_alerts.py", "tests/functional/test_slack_answers.py"],
    "adapters/aws": ["tests/contracts", "tests/functional/test_aws_adapters.py", "tests/functional/test_releases_on_aws.py", "tests/functional/test_aws_handlers.py", "tests/functional/test_aws_ops.py", "tests/functional/test_cli_doctor_aws.py", "tests/functional/test_cli_replay.py"],
    "adapters/slack": ["tests/functional/test_slack_api.py", "tests/scenarios/test_alerts.py", "tests/functional/test_slack_answers.py", "tests/functional/test_alert_sinks.py"],
    "adapters/sinks": ["tests/functional/test_alert_sinks.py", "tests/scenarios/test_alerts.py"],
    "adapters/sources": ["tests/unit/test_raw_logs.py", "tests/functional/test_aws_envelopes.py", "tests/functional/test_cli_watch.py", "tests/functional/test_cli_analyze.py", "tests/functional/test_cli_bad_input.py"],
    "adapters/github": ["tests/functional/test_github.py"],
    "adapters/milvus": ["tests/contracts", "tests/unit/retrieve"],
    "adapters/openai": ["tests/functional/test_model_path.py", "tests/contracts/test_embedder.py"],
    "adapters": ["tests/contracts", "tests/unit/retrieve", "tests/functional/test_alert_sinks.py"],
}  # fmt: skip
SECONDS = 900  # seconds; a mutant that runs longer is in an endless loop, and counts as caught


@click.command("mutation")
@click.option("--count", type=click.IntRange(min=1), default=200, show_default=True, help="Mutants to draw.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--under", default="", metavar="PART", help="Only files below this folder, such as stages/detect."
)
@click.option("--list", "only_list", is_flag=True, help="Show the mutants and run nothing.")
def main(count: int, seed: int, under: str, only_list: bool) -> None:
    """Draw mutants of stages, use cases and adapters, run the tests of their part, and list the survivors."""
    every = [
        mutant for path in sources(under) for mutant in mutants(path, (ROOT / "src/cali" / path).read_text())
    ]
    if not every:
        raise click.ClickException(f"--under {under}: there is no source below src/cali/{under}")
    drawn = random.Random(seed).sample(every, min(count, len(every)))
    survivors = []
    with tempfile.TemporaryDirectory(prefix="cali-mutation-") as home:
        copy = copied(Path(home))
        for number, mutant in enumerate(drawn, 1):
            if only_list:
                click.echo(f"{number:4} {mutant.shown((ROOT / 'src/cali' / mutant.path).read_text())}")
                continue
            source = (ROOT / "src/cali" / mutant.path).read_text()
            caught = is_caught(copy, mutant, source)
            survivors += [] if caught else [mutant.shown(source)]
            click.echo(f"{number:4} {'caught  ' if caught else 'SURVIVED'} {mutant.shown(source)}")
    if only_list:
        return
    click.echo(f"{len(survivors)} of {len(drawn)} survived, {len(survivors) / len(drawn):.0%}")
    for line in survivors:
        click.echo(line)


def sources(under: str) -> Iterator[str]:
    """Yield the files that mutants are drawn from, relative to src/cali."""
    for path in sorted((ROOT / "src/cali").rglob("*.py")):
        name = path.relative_to(ROOT / "src/cali").as_posix()
        if name.startswith(DRAWN_FROM) and name.startswith(under):
            yield name


def copied(home: Path) -> Path:
    """Copy the sources. Everything else in the copy is a link to this checkout."""
    for path in ROOT.iterdir():
        if path.name == "src":
            shutil.copytree(path, home / "src", ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (home / path.name).symlink_to(path)
    return home


def is_caught(copy: Path, mutant: Mutant, source: str) -> bool:
    """Apply a mutant to the copy, run its tests, and undo it. Return True if a test failed."""
    target = copy / "src/cali" / mutant.path
    target.write_text(mutant.applied(source))
    try:
        return any(not passes(copy, [test]) for test in tests_of(mutant.path))
    finally:
        target.write_text(source)


def tests_of(path: str) -> list[str]:
    parts = path.split("/")
    return TESTS.get("/".join(parts[:2])) or TESTS[parts[0]]


def passes(copy: Path, tests: Sequence[str]) -> bool:
    """Run tests on the copy. Bytecode is off: a mutant may have the size and the time of its source, which Python
    would not notice."""
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", *tests]
    try:
        ran = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    if ran.returncode not in (0, 1, 2):  # 2: a test module cannot even be imported
        raise click.ClickException(f"pytest ended with {ran.returncode}: {ran.stdout.decode()[-500:]}")
    return ran.returncode == 0


if __name__ == "__main__":
    try:
        main.main(standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
