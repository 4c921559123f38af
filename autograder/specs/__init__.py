"""One module `exP_N` per exercise, each with an `EXERCISE`.

Where its known answers are many, they stand in `answersP_N`: wrong and right ones.
"""
