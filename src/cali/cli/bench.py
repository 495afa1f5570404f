"""`cali bench`: benchmarks of the stages on this machine."""

from __future__ import annotations

import click

from cali.cli import bench_quality


@click.group("bench")
def command() -> None:
    """Measure speed and accuracy on this machine. Times are CPU time on one core; each parser starts empty."""


@command.command("refine")
@click.option(
    "--messages",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Number of simulated messages.",
)
def refine(messages: int) -> None:
    """Compare the messages per second of `refine` with Drain3 and ten masks."""
    from cali.bench.beside_drain3 import measure

    duel = measure(messages)
    click.echo(f"{duel.messages:,} simulated messages, medians of 5 runs")
    click.echo(f"cali                   {duel.ours:>10,.0f} messages/s")
    click.echo(f"Drain3 with ten masks  {duel.peer:>10,.0f} messages/s")
    click.echo(f"ratio                  {duel.ratio:>10.1f}")


@command.command("pipeline")
@click.option(
    "--lines",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Number of lines of each format.",
)
def pipeline(lines: int) -> None:
    """Measure lines per second from bytes to refined events, and microseconds per line of each stage."""
    from cali.bench.throughput import measure

    click.echo(f"{lines:,} simulated lines of each format, medians of 3 runs, microseconds per line")
    click.echo(f"{'form':10} {'decode':>7} {'join':>7} {'refine':>7} {'whole':>7} {'lines/s':>10}")
    for pace in measure(lines):
        click.echo(
            f"{pace.form:10} {pace.decode:>7.2f} {pace.join:>7.2f} {pace.refine:>7.2f} {pace.whole:>7.2f}"
            f" {pace.lines_per_second:>10,.0f}"
        )


@command.command("retrieval")
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Maximum number of entries with one example held out.",
)
def retrieval(sample: int) -> None:
    """Measure how often a held-out example retrieves its knowledge entry."""
    from cali.bench.retrieval import DEPTH, measure

    click.echo(f"one example held out from each of up to {sample} entries")
    click.echo(f"{'':12} {'hit@1':>7} {f'hit@{DEPTH}':>7} {'ready s':>8} {'answer ms':>10}")
    for score in measure(sample=sample):
        click.echo(
            f"{score.name:12} {score.first:>7.1%} {score.among_five:>7.1%} {score.ready_s:>8.2f}"
            f" {score.answer_ms:>10.2f}"
        )


command.add_command(bench_quality.command)
