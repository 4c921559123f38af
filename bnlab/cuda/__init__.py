"""The CUDA lab: CuPy's raw kernels with a GPU, the same source checked in NumPy without one.

    from bnlab import cuda

    kernel = cuda.RawKernel(code, "scale")  # CuPy's, where there is a GPU
    kernel((4,), (256,), (x, y, np.int32(x.size)))

    report = cuda.examine(code, "scale", (4,), (256,), (x, y, np.int32(x.size)))

The path of a launch: `compiler` turns the source into PTX, `ptx` parses it, `isa` turns each
instruction into a NumPy function, `scheduler` runs them with a lane of an array for every thread,
`memory` checks and counts the accesses, and `report` says what happened.
"""
