"""The book's own Sphinx extension: questions, exercises, a lean page, a cache that notices code changes."""

import os

from bnbook import cache, exercise, lean, question


def setup(app):
    for part in (question, exercise, lean, cache):
        part.setup(app)
    os.environ["TQDM_DISABLE"] = "1"  # the kernels inherit it: a page wants no progress bars
    app.add_css_file("book.css")
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
