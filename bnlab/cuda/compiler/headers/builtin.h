// Nothing: both compilers know what this header declares for kernels (printf, assert, dim3, size_t, ...).
