"""One module `exP_N` per exercise, each with an `EXERCISE`.

Where its known answers are many it is a package: `__init__` has the specification,
`answers` the right ways, and `mistakes`, where there is one, the wrong ones.
"""
