"""3.1 The eval kernel: wrong answers that learners write, and what to tell them."""

from __future__ import annotations

from autograder.kernels import edited
from autograder.spec import Mistake
from autograder.specs.ex3_1.answers import RIGHT

_START = "blockIdx.x * blockDim.x + threadIdx.x"
_LOOP = f"for (int i = {_START}; i < total; i += step) {{"
_CHANNEL = "i / HW % C"
_ROOT = "1.0f / sqrtf(var[c] + eps)"
_VALUE = "gamma[c] * (x[i] - mean[c]) * inv_std + beta[c]"


def _mistake(name: str, says: str, *changes: tuple) -> Mistake:
    return Mistake(name, says, (edited(RIGHT, *changes),))


MISTAKES = (
    _mistake(
        "no bound check",
        "Threads past the end of the array work too: nothing compares i with N·C·HW. A grid seldom has exactly as many "
        "threads as there are elements.",
        (_LOOP, f"{{ int i = {_START};"),
    ),
    _mistake(
        "one past the end",
        "The bound includes N·C·HW itself. The last element has the index N·C·HW − 1: compare with <.",
        ("i < total", "i <= total"),
    ),
    _mistake(
        "one element for each thread",
        "Every thread does one element and stops. With fewer threads than elements the rest stays undone: let i go on by "
        "gridDim.x · blockDim.x, until the end.",
        (_LOOP, f"int i = {_START};\n    if (i < total) {{"),
    ),
    _mistake(
        "step of one block",
        "Several blocks do the same elements. Each thread starts at its own number in the whole grid, "
        "blockIdx.x · blockDim.x + threadIdx.x, and goes on by all threads of the grid, gridDim.x · blockDim.x.",
        ("gridDim.x * blockDim.x", "blockDim.x"),
    ),
    _mistake(
        "images not taken off",
        "i / HW is the number of the plane, counted through all images: N·C of them. The channel is its remainder by C.",
        (_CHANNEL, "i / HW"),
    ),
    _mistake(
        "channel index of NHWC",
        "The channel is taken as i % C, as if channels were neighbours in memory (NHWC). In NCHW a channel's HW values stand "
        "together: i / HW % C.",
        (_CHANNEL, "i % C"),
    ),
    _mistake(
        "remainder by N",
        "The plane's number is divided by N in place of C. Planes are ordered image by image, with C in each.",
        (_CHANNEL, "i / HW % N"),
    ),
    _mistake(
        "C and HW exchanged",
        "The channel is taken as i / C % HW. A plane has HW elements: divide by HW, then take the remainder by C.",
        (_CHANNEL, "i / C % HW"),
    ),
    _mistake(
        "eps missing",
        "eps is missing from the square root: it must be √(var + eps), which shows when var is small.",
        (" + eps)", ")"),
    ),
    _mistake(
        "eps outside the root",
        "eps is added outside the square root. It belongs inside, √(var + eps).",
        (_ROOT, "1.0f / (sqrtf(var[c]) + eps)"),
    ),
    _mistake(
        "divided by the variance",
        "The centred values are divided by var + eps. Divide by its square root.",
        (_ROOT, "1.0f / (var[c] + eps)"),
    ),
    _mistake(
        "not divided",
        "The centred values are multiplied by √(var + eps). Divide by it.",
        (_ROOT, "sqrtf(var[c] + eps)"),
    ),
    _mistake(
        "mean not subtracted",
        "The mean is not subtracted: y = γ·(x − mean)/√(var + eps) + β.",
        ("(x[i] - mean[c])", "x[i]"),
    ),
    _mistake(
        "gamma and beta exchanged",
        "γ and β have changed places: γ multiplies, β is added.",
        (_VALUE, "beta[c] * (x[i] - mean[c]) * inv_std + gamma[c]"),
    ),
    _mistake(
        "beta before gamma",
        "β is added before the multiplication by γ. The order is γ·x̂ + β.",
        (_VALUE, "gamma[c] * ((x[i] - mean[c]) * inv_std + beta[c])"),
    ),
    _mistake(
        "pointers to double",
        "The kernel takes its arrays for double, 8 bytes an element. The arrays are float32, 4 bytes, and no one converts "
        "them: declare float*.",
        ("const float*", "const double*", 5),
        ("float* y", "double* y"),
    ),
    _mistake(
        "eps as double",
        "The kernel declares eps as double, 8 bytes; the launch passes a float32, 4 bytes. Declare the type that is passed.",
        ("float eps", "double eps"),
    ),
)
