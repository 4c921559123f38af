# Thin: each target is one or two plain commands (the README lists them for people without make).
# An active conda environment is used as it is (the base environment is left alone);
# otherwise the environment is .venv, made on first use.
PYTHON ?= python3
ifneq ($(filter-out base,$(CONDA_DEFAULT_ENV)),)
  ENVIRONMENT := $(CONDA_PREFIX)
else
  ENVIRONMENT := .venv
endif
BIN := $(ENVIRONMENT)/bin
PY := $(BIN)/python
STAMP := $(ENVIRONMENT)/.batchnorm-installed
SUBMISSIONS ?=

.PHONY: help setup book strict page serve test test-all exercises grade clean
help:
	@echo "make book      set up and build the site: _build/html/index.html"
	@echo "make test      set up and run the tests"
	@echo "make serve     build, then show the site on http://localhost:8000"
	@echo "make strict    build from nothing, every warning an error"
	@echo "make page PAGE=chapters/1-math/2-forward   build one page"
	@echo "make test-all  the tests with the slow ones"
	@echo "make exercises generate exercises/ from solutions/"
	@echo "make grade SUBMISSIONS=folder   grade a class"

setup: $(STAMP)
$(STAMP): pyproject.toml
	@test -x $(PY) || $(PYTHON) -m venv $(ENVIRONMENT)
	$(PY) -m pip install --disable-pip-version-check -e ".[book,exercises,test]"
	@touch $@

book: $(STAMP)
	$(BIN)/jupyter-book build -W -n --keep-going .
	@echo "Open _build/html/index.html"

strict: $(STAMP)
	rm -rf _build
	$(BIN)/jupyter-book build --all -W -n --keep-going .

# One page alone, for its author: make page PAGE=chapters/1-math/2-forward
PAGE_OUT ?= _build/page
page: $(STAMP)
	@mkdir -p $(PAGE_OUT)
	@printf 'format: jb-book\nroot: index\nchapters:\n  - file: $(PAGE)\n  - file: chapters/appendix/bibliography\n' > $(PAGE_OUT)/toc.yml
	$(BIN)/jupyter-book build --toc $(PAGE_OUT)/toc.yml --path-output $(PAGE_OUT) .

serve: book
	$(PY) -m http.server -d _build/html 8000

test: $(STAMP)
	$(PY) -m pytest -n 2

test-all: $(STAMP)
	$(PY) -m pytest -n 2 -m ""

exercises: $(STAMP)
	$(PY) -m autograder release

grade: $(STAMP)
	$(PY) -m autograder grade "$(SUBMISSIONS)"

clean:
	rm -rf _build
