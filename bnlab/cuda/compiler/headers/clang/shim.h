// What NVRTC knows without a header and clang does not: the part of CUDA C++ that kernels use.
#pragma once
#include <lab/language.h>
#include <lab/vectors.h>
#include <lab/bits.h>
#include <lab/doubles.h>
#include <lab/floats.h>
#include <lab/math.h>
#include <lab/threads.h>
#include <lab/shuffles.h>
#include <lab/atomics.h>
