"""Keeps one kernel ahead: it starts, and imports, while the notebook before it is graded.

Two thirds of the time for a notebook are the start of Python and the import of PyTorch.
"""

from __future__ import annotations

from nbclient.util import run_sync

# The imports happen while the kernel starts. They are no cell's fault, and no cell's time.
_IMPORTS = "__import__('autograder.registry').registry.exercises()"
ARGUMENTS = [f'--InteractiveShellApp.exec_lines=["{_IMPORTS}"]']

_ahead: list = []  # at most one started kernel manager that nobody uses yet


def take(start, ahead: bool):
    """A started kernel manager: the one kept ahead, or a new one.

    Args:
        start: starts a kernel and returns its manager.
        ahead: whether to start the next one already.
    """
    manager = _ahead.pop() if _ahead else None
    if manager is None or not run_sync(manager.is_alive)():
        manager = start()
    if ahead:
        _ahead.append(start())
    return manager


def stop() -> None:
    """Stops the kernel that was kept ahead, if there is one."""
    while _ahead:
        manager = _ahead.pop()
        run_sync(manager.shutdown_kernel)(now=True)
        run_sync(manager.cleanup_resources)()
