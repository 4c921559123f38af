"""CuPy's `RawKernel` and `RawModule`, run by the lab."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from bnlab.cuda import limits as card
from bnlab.cuda.errors import LaunchError, RaceWarning
from bnlab.cuda.limits import Limits
from bnlab.cuda.run.launch import Launch
from bnlab.cuda.run.machine import Machine
from bnlab.cuda.run.program import Source


class RawModule:
    """A source with one or more kernels.

    Args:
        code: CUDA C++.
        options: for the compiler.
        name_expressions: instances of templates to make, ("bn<256>",).

    As in CuPy, it is compiled at the first use.
    """

    def __init__(self, *, code: str, options: Sequence[str] = (), name_expressions=None, **_):
        self.code, self.options = code, tuple(options)
        self.name_expressions = tuple(name_expressions or ())
        self._source: Source | None = None

    def compile(self, log_stream=None) -> None:
        """Compiles the source.

        Raises:
            CompileError, CompilerMissing
        """
        if self._source is None:
            self._source = Source(self.code, self.options, self.name_expressions)

    @property
    def source(self) -> Source:
        self.compile()
        return self._source

    def get_function(self, name: str) -> RawKernel:
        """A kernel of this source."""
        return RawKernel(self.code, name, self.options, module=self)


class RawKernel:
    """A kernel that is called as `kernel(grid, block, args, shared_mem=0)`.

    Every launch is checked: bad accesses raise a `CudaError`, races give a `RaceWarning`.
    """

    def __init__(
        self,
        code: str,
        name: str,
        options: Sequence[str] = (),
        *,
        module: RawModule | None = None,
        **_,
    ):
        self.code, self.name = code, name
        self._module = module or RawModule(code=code, options=options)
        self.max_dynamic_shared_size_bytes = card.STATIC_SHARED

    def compile(self, log_stream=None) -> None:
        """Compiles the source, as `RawModule.compile`."""
        self._module.compile()

    def __call__(
        self, grid: Sequence[int], block: Sequence[int], args: Sequence, *, shared_mem: int = 0
    ) -> None:
        """Launches the kernel; arrays are written in place.

        Raises:
            CudaError: the launch does not fit, or the kernel did something wrong.
        """
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise LaunchError(
                f"shared_mem is {shared_mem:,} bytes; above {card.STATIC_SHARED:,}, set "
                "kernel.max_dynamic_shared_size_bytes first, as in CuPy"
            )
        launch = Launch(self._module.source, self.name, grid, block, args, shared_mem, Limits())
        machine = Machine(
            launch, launch.program, races=True, traffic=False, schedule="lockstep", seed=0
        )
        try:
            machine.run()
        finally:
            launch.copy_back()
        for text in machine.printed:
            print(text, end="")
        for race in machine.races.races():
            if not race.same_value:
                says = f"line {race.line}: {race.sentence}\n    {race.quote}"
                warnings.warn(says, RaceWarning, stacklevel=2)
