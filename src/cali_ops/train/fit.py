"""Logistic regression with L2 on sparse binary features, then a few integer weights.

All arithmetic is done in a fixed order on one core and uses only operations that IEEE 754 rounds exactly, so the same
examples give the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cali.stages.refine.severity_model import features
from cali_ops.train.examples import Example

PROJECTS = 5  # a feature must stand in so many projects
KEPT = 2_000  # weights of the model
STEPS = 120
RATE = 0.05
RIDGE = 1e-4
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
_FINE = 256  # steps of the sigmoid's table per unit
_REACH = 20
_SIGMOID: _Floats = np.round(1 / (1 + np.exp(-np.arange(-_REACH * _FINE, _REACH * _FINE + 1) / _FINE)), 9)


@dataclass(frozen=True, slots=True)
class Weights:
    """Integer weights by the hash of their feature, the bias, and the size of their unit."""

    by_hash: dict[int, int]
    bias: int
    unit: float


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of binary features. `columns[i]` is a feature of the row `rows[i]`."""

    rows: _Ints
    columns: _Ints
    height: int
    hashes: _Ints

    def dot(self, weights: _Floats) -> _Floats:
        """Return the sum of the weights of each row."""
        return np.bincount(self.rows, weights[self.columns], self.height).astype(np.float64)

    def transposed(self, values: _Floats) -> _Floats:
        """Return the sum of the rows' values for each feature."""
        return np.bincount(self.columns, values[self.rows], len(self.hashes)).astype(np.float64)

    def only(self, columns: _Ints) -> Matrix:
        """Return the matrix of some features."""
        at = np.full(len(self.hashes), -1, np.int64)
        at[columns] = np.arange(len(columns))
        kept = at[self.columns]
        held = kept >= 0
        return Matrix(self.rows[held], kept[held], self.height, self.hashes[columns])


def fit(examples: Sequence[Example], *, kept: int = KEPT, projects: int = PROJECTS) -> Weights:
    """Return the weights that tell the bad examples from the others."""
    matrix = _matrix(examples, projects)
    bad = np.array([example.bad for example in examples])
    weight = np.array([example.weight for example in examples])
    for side in (bad, ~bad):  # both classes weigh the same
        weight[side] *= len(examples) / 2 / max(weight[side].sum(), 1e-9)
    all_weights, _ = _descend(matrix, bad, weight)
    strongest = np.lexsort((matrix.hashes, -np.abs(np.round(all_weights, 6))))[:kept]
    small = matrix.only(np.sort(strongest))
    chosen, bias = _descend(small, bad, weight)
    unit = max(float(np.abs(chosen).max(initial=0.0)), 1e-9) / 127
    whole = np.rint(chosen / unit).astype(int)
    by_hash = {int(key): int(value) for key, value in zip(small.hashes, whole, strict=True) if value}
    return Weights(by_hash, round(bias / unit), unit)


def _matrix(examples: Sequence[Example], projects: int) -> Matrix:
    """Return the features that stand in several projects."""
    names = {name: number for number, name in enumerate(sorted({example.project for example in examples}))}
    found = [sorted(features(example.message)) for example in examples]
    rows = np.repeat(np.arange(len(found)), [len(row) for row in found])
    values = np.array([value for row in found for value in row], np.int64)
    owner = np.array([names[example.project] for example in examples], np.int64)[rows]
    hashes, columns = np.unique(values, return_inverse=True)
    pairs = np.unique(columns.astype(np.int64) * len(names) + owner)
    often = np.flatnonzero(np.bincount(pairs // len(names), minlength=len(hashes)) >= projects)
    return Matrix(rows, columns.astype(np.int64), len(examples), hashes).only(often)


def _descend(matrix: Matrix, bad: npt.NDArray[np.bool_], weight: _Floats) -> tuple[_Floats, float]:
    """Minimise the loss by gradient descent with adapted steps (Adam)."""
    size = len(matrix.hashes)
    at, mean, spread = (np.zeros(size + 1) for _ in range(3))  # the last one is the bias
    total = weight.sum()
    for step in range(1, STEPS + 1):
        wrong = (_sigmoid(matrix.dot(at[:-1]) + at[-1]) - bad) * weight
        slope = np.append(matrix.transposed(wrong), wrong.cumsum()[-1]) / total
        slope[:-1] += RIDGE * at[:-1]
        mean = 0.9 * mean + 0.1 * slope
        spread = 0.99 * spread + 0.01 * slope * slope
        at = at - RATE * (mean / (1 - 0.9**step)) / (np.sqrt(spread / (1 - 0.99**step)) + 1e-8)
    return at[:-1], float(at[-1])


def _sigmoid(values: _Floats) -> _Floats:
    places = np.rint(np.clip(values, -_REACH, _REACH) * _FINE).astype(np.int64) + _REACH * _FINE
    return _SIGMOID[places]
