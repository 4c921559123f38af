"""nbgrader's settings for this course. Run nbgrader from this folder."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# Students' work and marks stay out of the repository, in this folder.
HOME = ROOT / "gradebook"
HOME.mkdir(exist_ok=True)

# nbgrader calls the program `alembic`, which is found only in an environment that was activated.
_programs = str(Path(sys.executable).parent)
if _programs not in os.environ["PATH"].split(os.pathsep):
    os.environ["PATH"] = _programs + os.pathsep + os.environ["PATH"]

c = get_config()  # noqa: F821  (given by nbgrader)

c.CourseDirectory.course_id = "batchnorm-inside-out"
c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.submitted_directory = "gradebook/submitted"
c.CourseDirectory.autograded_directory = "gradebook/autograded"
c.CourseDirectory.feedback_directory = "gradebook/feedback"
c.CourseDirectory.solution_directory = "gradebook/solution"
c.CourseDirectory.db_url = f"sqlite:///{HOME / 'gradebook.db'}"
# Without "*.md" nbgrader would copy the sources, solutions included, to the learners.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "*.md"]

# Releasing: nbgrader's own steps, but an answer cell may hold CUDA C++.
c.GenerateAssignment.preprocessors = [
    "nbgrader.preprocessors.IncludeHeaderFooter",
    "nbgrader.preprocessors.InstantiateTests",
    "nbgrader.preprocessors.LockCells",
    "autograder.classroom.clearing.ClearSolutions",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbgrader.preprocessors.ClearMarkScheme",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.IncludeHeaderFooter.header = ""
# The exchange is a folder on this machine. For a shared server name one that all can reach.
c.Exchange.root = str(HOME / "exchange")
c.Exchange.cache = str(HOME / "cache")

# Collecting with zip_collect, from gradebook/downloaded/ASSIGNMENT/archive, and with `make grade`:
# ada/02-numpy.ipynb, ada/02-numpy/02-numpy.ipynb or ada_02-numpy.ipynb, and copies such as "02-numpy (1)".
c.ZipCollectApp.downloaded_directory = "gradebook/downloaded"
c.ZipCollectApp.strict = True
c.FileNameCollectorPlugin.named_regexp = (
    r"(?:.*[/\\]extracted[/\\])?(?P<student_id>[^/\\]+?)"
    r"(?:[/\\](?:\d\d-[^/\\]+[/\\])?|_)"
    r"(?P<file_id>\d\d-[^/\\_]+?)(?: ?\(\d+\)|-\d+)?\.ipynb$"
)

# Grading: see autograder/classroom. Without a secret seed, Autograde stops before the first submission.
c.Autograde.exporter_class = "autograder.classroom.exporter.Submission"
c.Autograde.sanitize_preprocessors = [
    "nbgrader.preprocessors.ClearOutput",
    "autograder.classroom.repair.Repair",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "autograder.classroom.run.RunNotebook",
    "nbgrader.preprocessors.LimitOutput",
    "autograder.classroom.marks.SaveEarnedMarks",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.OverwriteCells.add_missing_cells = True
# Seconds for a cell. A loop inside an answer is stopped by the check itself, much earlier.
c.Execute.timeout = 20
c.Execute.shutdown_kernel = "immediate"

# Feedback pages and marks. What a learner wrote must not run in the instructor's browser.
c.HTMLExporter.sanitize_html = True
c.HTMLExporter.filters = {"clean_html": "autograder.classroom.feedback.clean"}
c.ExportApp.plugin_class = "autograder.classroom.export.MarksCsv"
c.ExportPlugin.to = str(HOME / "grades.csv")
