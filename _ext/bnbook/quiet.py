"""Pages have no progress bars: the kernels that execute them inherit this setting."""

from __future__ import annotations

import os

VARIABLE = "TQDM_DISABLE"


def setup(app):
    before = os.environ.get(VARIABLE)

    def start(app):
        os.environ[VARIABLE] = "1"

    def stop(app, exception):
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before

    app.connect("builder-inited", start)
    app.connect("build-finished", stop)
