"""The book's own Sphinx extension: questions, exercises, a lean and quiet page, a cache that notices code changes."""

from bnbook import ahead, cache, cheat_sheet, claims, exercise, lean, question, quiet


def setup(app):
    for part in (question, exercise, claims, lean, quiet, cache, ahead, cheat_sheet):
        part.setup(app)
    app.add_css_file("book.css")
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
