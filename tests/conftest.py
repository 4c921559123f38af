"""How the tests share two processes: `make test` runs pytest with -n 2."""

import pytest


def pytest_collection_modifyitems(items):
    """Keeps a file's tests, which may share a costly fixture, in one process; the book comes first.

    The mutation tests of the exercises share nothing, so that each can go where there is room.
    """
    for item in items:
        if item.path.name != "test_mutation.py":
            item.add_marker(pytest.mark.xdist_group(item.path.name))
    items.sort(key=lambda item: item.path.parent.name != "book")
