"""One module `exP_N` per exercise, each with an `EXERCISE`.

Where its known answers are many, they stand beside it: right ones in `answersP_N`,
wrong ones there as well or in `mistakesP_N`.
"""
