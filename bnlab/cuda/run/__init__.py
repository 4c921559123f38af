"""A launch as it runs: its arguments and memory (`launch`), its decoded kernel (`program`), the
machine that moves the lanes (`machine`, `barriers`), and what it counts (`counters`)."""
