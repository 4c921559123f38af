"""Runs a submission so that an accident in one exercise does not cost the others."""

from __future__ import annotations

import json
import os
import time

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute
from nbgrader.utils import is_grade
from traitlets import Bool, Integer

from autograder.classroom import kernels
from autograder.classroom.names import NOTES
from autograder.front import MARKS_TYPE, secret_seed

# Run before the learner's first cell. A kernel that was started ahead is in another
# folder; and exit() would end Python after a cell whose work is done.
_PREPARE = """
__import__("autograder.registry").registry.exercises()
__import__("os").chdir({folder!r})
get_ipython().ask_exit = lambda: print("exit() has no effect while a notebook is graded.")
"""
# Before each check, what a notebook may have changed: the name, and which results show.
# The learner's `check` has nothing to do here: the hidden line below it checks and marks.
_BEFORE_CHECK = """
check = lambda *answers: None
get_ipython().ast_node_interactivity = "last_expr"
"""
_MOST_MESSAGES = 1000
_MOST_CHARACTERS = 200_000


class NotReady(RuntimeError):
    """The kernel did not start: a fault of this machine and not of the submission."""


class PythonEnded(Exception):
    """A cell ended its Python process, or could not be stopped."""


class RunNotebook(Execute):
    """nbgrader's Execute, with limits and second chances.

    A cell that ends Python (`os._exit`, a crash in compiled code) or that cannot be
    interrupted is left out, and the notebook runs again without it.
    """

    check_timeout = Integer(
        60, help="seconds for a check cell; the check stops endless loops itself, much earlier"
    ).tag(config=True)
    notebook_timeout = Integer(300, help="seconds for a whole notebook").tag(config=True)
    restarts = Integer(4, help="how often a notebook is run again").tag(config=True)
    ahead = Bool(False, help="whether to start the next notebook's kernel already").tag(config=True)

    def preprocess(self, nb, resources, km=None):
        if "unreadable" in nb.metadata.get(NOTES, {}):
            return nb, resources
        self._left_out: dict[int, NotebookNode] = {}
        self._deadline = time.monotonic() + self.notebook_timeout
        for attempt in range(self.restarts + 1):
            try:
                super().preprocess(nb, resources, km)
                break
            except PythonEnded:
                if attempt == self.restarts:
                    _never_run(nb, max(self._left_out) + 1)
        for index, error in self._left_out.items():
            nb.cells[index].outputs = [error]
        for cell in nb.cells:
            if cell.cell_type == "code":
                _tidy(cell)
        return nb, resources

    def create_kernel_manager(self):
        def start():
            self.km = super(RunNotebook, self).create_kernel_manager()
            self.start_new_kernel()
            return self.km

        self.extra_arguments = list(kernels.ARGUMENTS)
        self.km = kernels.take(start, self.ahead)
        return self.km

    def start_new_kernel_client(self, **options):
        client = super().start_new_kernel_client(**options)
        folder = os.path.abspath(self.resources.get("metadata", {}).get("path") or ".")
        reply = self._quietly(_PREPARE.format(folder=folder))
        if reply.get("status") != "ok":
            self._cleanup_kernel()
            raise NotReady(
                f"The kernel for grading did not start: {reply.get('ename')}: {reply.get('evalue')}. "
                "Is this course installed in the environment of the kernel “python3”?"
            )
        return client

    def _quietly(self, code: str) -> dict:
        """Runs code of ours: no output, no count, no name of a cell."""

        async def run():
            sent = self.kc.execute(code, silent=True, store_history=False, allow_stdin=False)
            return await self.async_wait_for_reply(sent)

        reply = run_sync(run)()
        return reply["content"] if reply else {}

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type != "code":
            return cell, resources
        if index in self._left_out:
            cell.outputs = [self._left_out[index]]
            return cell, resources
        if time.monotonic() > self._deadline:
            cell.outputs = [_error("NotRun", f"The notebook ran for {self.notebook_timeout} s.")]
            return cell, resources
        self._messages = self._characters = 0
        try:
            if is_grade(cell):
                self._quietly(_BEFORE_CHECK)
            return super().preprocess_cell(cell, resources, index)
        except DeadKernelError:
            self._left_out[index] = _error("PythonEnded", "This cell ended Python.")
            raise PythonEnded from None
        except CellTimeoutError:
            self._left_out[index] = _error("CellTimeoutError", "This cell could not be stopped.")
            raise PythonEnded from None

    def _get_timeout(self, cell):
        if cell is None:  # our own code, before a cell
            return self.check_timeout
        limit = self.check_timeout if is_grade(cell) else self.timeout
        return max(1, min(limit, round(self._deadline - time.monotonic())))

    def process_message(self, msg, cell, cell_index):
        """Drops what a cell writes beyond any use: an endless loop may print."""
        if msg["msg_type"] in ("stream", "display_data"):
            self._messages += 1
            self._characters += len(msg["content"].get("text", ""))
            if self._messages > _MOST_MESSAGES or self._characters > _MOST_CHARACTERS:
                return None
        return super().process_message(msg, cell, cell_index)


def _error(name: str, says: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=says, traceback=[f"{name}: {says}"])


def _never_run(notebook: NotebookNode, start: int) -> None:
    """Says of the cells from `start` on that they did not run."""
    for cell in notebook.cells[start:]:
        if cell.cell_type == "code":
            cell.outputs = [_error("NotRun", "Cells before this one ended Python too often.")]


def _tidy(cell: NotebookNode) -> None:
    """Takes the secret seed out of outputs, and everything but the verdict from a check.

    What an answer prints while it is checked would show the hidden cases.
    """
    text = json.dumps(cell.outputs, ensure_ascii=False)
    text = text.replace(json.dumps(secret_seed(), ensure_ascii=False)[1:-1], "(secret)")
    outputs = json.loads(text, object_hook=NotebookNode)
    if is_grade(cell):
        verdicts = [o for o in outputs if MARKS_TYPE in o.get("data", {})]
        errors = [o for o in outputs if o.output_type == "error"]
        outputs = errors or verdicts[-1:]
    cell.outputs = outputs
