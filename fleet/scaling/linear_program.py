"""What is the cheapest mix that keeps to linear limits?

HiGHS by its own package: it is the solver inside SciPy, without the SciPy that the images leave out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Limits:
    """Rows of a sparse matrix by entry (row, column, value), and between what each row's sum must lie."""

    row: NDArray[np.int32]
    column: NDArray[np.int32]
    value: Floats
    least: Floats
    most: Floats


def cheapest_mix(price: Floats, limits: Limits, most: Floats) -> Floats | None:
    """Return x with 0 <= x <= `most` (inf: no bound) that minimises price * x within the limits; None: there is none."""
    import highspy

    program: Any = highspy.HighsLp()
    program.num_col_, program.num_row_ = len(price), len(limits.least)
    program.col_cost_, program.col_lower_, program.col_upper_ = price, np.zeros(len(price)), most
    program.row_lower_, program.row_upper_ = limits.least, limits.most
    order = np.argsort(limits.row, kind="stable")
    program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    program.a_matrix_.start_ = np.concatenate([[0], np.cumsum(np.bincount(limits.row, minlength=len(limits.least)))])
    program.a_matrix_.index_ = limits.column[order]
    program.a_matrix_.value_ = limits.value[order]
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.passModel(program)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return np.asarray(solver.getSolution().col_value, dtype=np.float64)
