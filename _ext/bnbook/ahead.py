"""Runs the pages' code on several cores before Sphinx reads the pages one by one.

A page's outputs go into the execution cache, where MyST-NB finds them. A page that failed is
left out, so that MyST-NB runs it again and reports the error. So is a page that measures time
(`measures_time: true` in its front matter): it runs later, with nothing beside it.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import create_nb_reader
from sphinx.util import logging

log = logging.getLogger(__name__)
MOST_AT_ONCE = 4  # a kernel with PyTorch takes about half a gigabyte


def notebook_of(app, page: str):
    """The page as MyST-NB reads it, None for one without code."""
    path = Path(app.env.doc2path(page))
    text = path.read_text(encoding="utf8")
    reader = create_nb_reader(str(path), app.env.myst_config, app.env.mystnb_config, text)
    return reader.read(text) if reader else None


def is_cached(cache, notebook) -> bool:
    try:
        cache.match_cache_notebook(notebook)
    except KeyError:
        return False
    return True


def run_ahead(app, env, pages):
    """Executes what is not in the cache yet."""
    settings = getattr(env, "mystnb_config", None)
    cores = min(os.cpu_count() or 1, MOST_AT_ONCE)
    if not settings or settings.execution_mode != "cache" or cores == 1:
        return
    cache = get_cache(settings.execution_cache_path)
    waiting = {}
    for page in reversed(pages):  # the late parts train networks: long pages first
        notebook = notebook_of(app, page)
        if (
            notebook
            and not notebook.metadata.get("measures_time")
            and not is_cached(cache, notebook)
        ):
            waiting[page] = notebook
    if len(waiting) < 2:
        return
    log.info("running the code of %d pages, %d at a time...", len(waiting), cores)
    with ThreadPoolExecutor(cores) as pool:
        running = {pool.submit(_run, app, page, nb): page for page, nb in waiting.items()}
        try:
            for number, done in enumerate(as_completed(running), 1):
                page, result = running[done], done.result()
                log.info("[%d of %d] %s, %.0f s", number, len(running), page, result.time)
                if result.err is None:
                    _keep(cache, env.doc2path(page), result)
        finally:
            pool.shutdown(cancel_futures=True)


def _run(app, page: str, notebook):
    settings = app.env.mystnb_config
    return single_nb_execution(
        notebook,
        cwd=str(Path(app.env.doc2path(page)).parent),
        timeout=settings.execution_timeout,
        allow_errors=settings.execution_allow_errors,
    )


def _keep(cache, path: str, result) -> None:
    bundle = CacheBundleIn(result.nb, path, data={"execution_seconds": result.time})
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def setup(app):
    app.connect("env-before-read-docs", run_ahead)
