"""`python -m autograder release`: generate the learners' notebooks."""

import logging
import sys

from autograder import release

logging.basicConfig(level=logging.INFO, format="%(message)s")
if sys.argv[1:] == ["release"]:
    release.generate()
else:
    sys.exit(__doc__)
