"""A model is learnt from archives, the same bytes each time, and says how good it is on projects it did not see."""

from __future__ import annotations

import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from cali.core.errors import Misconfigured
from cali.stages.refine.severity_model import Opinion, load, loads
from cali_ops.train import download, packages
from cali_ops.train.__main__ import MODELS, main, train
from cali_ops.train.examples import held_out
from cali_ops.train.packages import Package

THINGS = ("disk", "queue", "index", "lease", "socket", "mount", "route", "cursor")
PROJECTS = 16


def archive(cache: Path, number: int) -> Package:
    """Make the archive of a project whose statements fail to open things and open them."""
    name = f"project{number}"
    lines = [f'log.error("could not open {thing} %s", {thing})' for thing in THINGS[number % 4 :]]
    lines += [f'log.info("opened {thing} %s", {thing})' for thing in THINGS[: 4 + number % 4]]
    path = cache / "pypi" / f"{name}-1.0-py3-none-any.whl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(zipfile.ZipInfo(f"{name}/main.py"), "\n".join(lines))
        packed.writestr(zipfile.ZipInfo(f"{name}/tests/test_main.py"), 'log.error("opened by a test")')
    return packages.pinned("pypi", name, path)


def corpus(cache: Path) -> list[Package]:
    return [archive(cache, number) for number in range(PROJECTS)]


def test_a_corpus_gives_the_same_model_each_time(tmp_path: Path) -> None:
    first, second = (
        train(corpus(tmp_path / place), "2026-01-02", tmp_path / place, projects=2) for place in "ab"
    )
    assert first == second
    model = loads(first[0], "trained")
    assert model.version == "2026-01-02"
    assert model.score("could not open shelf") > 0 > model.score("opened shelf")
    assert sha256(first[0]).hexdigest() in first[1]


def test_held_out_projects_are_not_learnt(tmp_path: Path) -> None:
    listed = corpus(tmp_path)
    apart = [package for package in listed if held_out(package.project)]
    assert 0 < len(apart) < len(listed)
    whole = train(listed, "2026-01-02", tmp_path, projects=2)[0]
    rest = train([package for package in listed if package not in apart], "2026-01-02", tmp_path, projects=2)[
        0
    ]
    assert whole == rest


def test_the_command_writes_model_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = tmp_path / "packages-2026-01-02.txt"
    packages.write(listed, corpus(tmp_path), "made by a test")
    options = ["--packages", str(listed), "--cache", str(tmp_path), "--out", str(tmp_path / "models")]
    assert main(["train", *options]) == 0
    assert loads((tmp_path / "models" / "severity-2026-01-02.json").read_bytes(), "model").weights
    assert (tmp_path / "models" / "severity-2026-01-02.md").read_text("utf-8") == capsys.readouterr().out


def test_an_archive_that_differs_from_its_pin_is_refused(tmp_path: Path) -> None:
    package = archive(tmp_path, 1)
    (tmp_path / "pypi" / package.file).write_bytes(b"another file")
    with pytest.raises(Misconfigured, match="not the file that was pinned"):
        download.archive(package, tmp_path)


@pytest.mark.parametrize(
    ("name", "body", "wrong"),
    [
        ("packages-2026-01-02.txt", "pypi nova 1.0\n", ":1: expected registry"),
        ("packages-2026-01-02.txt", None, "cannot be read"),
        ("latest.txt", "", "packages-YYYY-MM-DD.txt"),
    ],
)
def test_a_bad_list_gets_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, body: str | None, wrong: str
) -> None:
    listed = tmp_path / name
    if body is not None:
        listed.write_text(body, "utf-8")
    assert main(["train", "--packages", str(listed), "--cache", str(tmp_path)]) == 2
    captured = capsys.readouterr().err
    assert wrong in captured
    assert captured.count("\n") == 1


def test_the_shipped_model_is_the_one_of_its_report_and_list() -> None:
    model = load()
    body = (MODELS / f"severity-{model.version}.json").read_bytes()
    report = (MODELS / f"severity-{model.version}.md").read_text("utf-8")
    assert sha256(body).hexdigest() in report
    assert packages.date(packages.LATEST) == model.version
    assert f"of {len({package.project for package in packages.read(packages.LATEST)})} projects" in report
    assert model.opinion("Failed to open the database") is not Opinion.VETO
