"""A course to grade in, for the tests of one file."""

import pytest
from course_copy import copied


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return copied(tmp_path_factory.mktemp("course with a space"))
