"""Checks answers to the exercises of *Batch Normalization, Inside Out*.

In a notebook, `check("2.1", forward)` judges an answer on public cases and
returns a verdict. When a class is graded, `grade("2.1", forward)` judges it on
cases drawn from the instructor's secret seed and returns marks.
"""

from autograder.front import check, grade

__all__ = ["check", "grade"]
