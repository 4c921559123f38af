"""nbgrader's settings for this course. Run nbgrader from this folder."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent

c = get_config()  # noqa: F821  (given by nbgrader)

c.CourseDirectory.course_id = "batchnorm-inside-out"
c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
# Students' work and marks stay out of the repository.
c.CourseDirectory.submitted_directory = "gradebook/submitted"
c.CourseDirectory.autograded_directory = "gradebook/autograded"
c.CourseDirectory.feedback_directory = "gradebook/feedback"
c.CourseDirectory.solution_directory = "gradebook/solution"
c.CourseDirectory.db_url = f"sqlite:///{ROOT / 'gradebook' / 'gradebook.db'}"
# Without "*.md" nbgrader would copy the sources, solutions included, to the learners.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "*.md"]

c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.IncludeHeaderFooter.header = ""
