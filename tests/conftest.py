"""How the tests share two processes: `make test` runs pytest with -n 2 and a file is never split."""

LONGEST = ("test_site.py", "test_mutation.py")  # the book's build; every grader's mutation test


def pytest_collection_modifyitems(items):
    """Starts the longest files first, one in each process, so that neither is left to the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
