"""Grades a class: the parts that nbgrader is given, and the whole round in one command.

`nbgrader_config.py` names these parts, so that stock nbgrader commands use them too:

| part        | in nbgrader's place of | what it adds                                             |
|-------------|------------------------|----------------------------------------------------------|
| `exporter`  | reading a submission   | no seed, no grading; an unreadable file stops nobody     |
| `repair`    | (before OverwriteCells)| deleted, copied and edited cells are put right           |
| `run`       | Execute                | an answer that ends Python costs its own exercise only   |
| `marks`     | SaveAutoGrades         | only a mark that the grader gave is recorded             |
| `export`    | the CSV export         | marks per exercise, and in words what happened           |

`intake` finds and copies the submissions, `outcome` says in words what happened to one,
`term` does the round and `table` prints it.
"""
