# Two commands do all the set-up: `make demo` and `make test`. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
FRONTEND := samwidget/frontend
# The constraints file asks for a CPU build of torch; `make demo CONSTRAINTS=` takes whatever pip prefers.
CONSTRAINTS ?= -c .ci/constraints.txt
BROWSER ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

EXTRAS := .[batch,demo,mlflow,page,serve,train]
# Without those that train a model for minutes, drive a browser, or run the pages.
QUICK := -m "not browser" --ignore tests/docs --ignore tests/hosts --ignore tests/training -n 2 --dist loadfile
# The part of the quick tests that CI runs with the lowest versions too, and what they need besides the package.
BOUNDS := $(addprefix tests/,core document formats images widget compat batch/test_run.py) -n 2 --dist loadfile
BOUNDS_NEED := hypothesis jsonschema matplotlib pandas pytest pytest-xdist segment-anything tifffile
BOUNDS_NEED += filelock pyarrow pycocotools pyyaml tqdm xarray
# A busy machine may stall a journey in the browser: up to three are tried once more, and the summary shows why they failed.
AGAIN := --reruns 1 --rerun-show-tracebacks --max-suite-reruns 3
# An environment of the target's own, made anew.
OWN = .venv-$@/$(notdir $(BIN))
OWN_PIP = $(OWN)/python -m pip install --quiet --no-compile
OWN_PYTEST = HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(OWN)/python -m pytest
define own_environment
$(PYTHON) -m venv --clear .venv-$@
$(OWN_PIP) --upgrade "pip>=25.1"
endef

.DEFAULT_GOAL := help
.PHONY: help demo test unit browser docs site outputs lowest bounds newest azure pictures bench reliability lint format generate fresh bundle wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/demo.stamp ## install, then open JupyterLab on a notebook where a click on a photo draws a mask
	$(BIN)/samwidget demo

test: lint fresh unit browser docs ## install, then run every check and test, as CI does
	@echo "every check passed"

unit: $(VENV)/test.stamp $(FRONTEND)/node_modules/.stamp ## tests that need no browser, with their coverage, which may not fall
	npm --prefix $(FRONTEND) test
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/pytest -m "not browser" --ignore tests/docs -n 2 --dist loadfile --cov

browser: $(VENV)/test.stamp $(FRONTEND)/node_modules/.stamp ## a person's journeys in a real JupyterLab, and one click in each other host, in Chromium
	@test -n "$(BROWSER)" || { echo "Chromium is missing: install it (Debian: apt-get install chromium) and run again"; exit 1; }
	HF_HUB_OFFLINE=1 $(BIN)/pytest -m browser tests/browser tests/hosts tests/page -n 2 --dist loadfile $(AGAIN)

docs: $(VENV)/test.stamp ## every code block of README and docs, every notebook, and the site
	HF_HUB_OFFLINE=1 $(BIN)/pytest tests/docs -n 2 $(AGAIN)

site: $(VENV)/test.stamp bundle ## build the docs site in build/site, strictly and without the web
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet -f docs/site/mkdocs.yml
	@echo "open build/site/index.html"

outputs: $(VENV)/test.stamp ## run copies of all notebooks, so that the site shows their results
	mkdir -p build/notebooks
	cp -R notebooks/. build/notebooks
	HF_HUB_OFFLINE=1 $(BIN)/python -m nbconvert --log-level WARN --to notebook --inplace --execute build/notebooks/*.ipynb build/notebooks/lessons/*.ipynb

lowest: ## quick tests with the lowest versions that pyproject.toml admits, in .venv-lowest
	$(own_environment)
	$(OWN_PIP) -c .ci/lowest.txt -e "$(EXTRAS)" --group test
	$(OWN_PYTEST) $(QUICK)

bounds: ## the part of `make lowest` that takes minutes, with torch as in .ci/constraints.txt, in .venv-bounds
	$(own_environment)
	grep -v "^torch==" .ci/lowest.txt >.venv-$@/lowest.txt
	$(OWN_PIP) $(CONSTRAINTS) -c .venv-$@/lowest.txt -e . $(BOUNDS_NEED)
	$(OWN_PYTEST) $(BOUNDS)

newest: ## quick tests with the newest versions that pip finds, torch included, in .venv-newest
	$(own_environment)
	$(OWN_PIP) -e "$(EXTRAS)" --group test
	$(OWN_PYTEST) $(QUICK)

azure: ## docs/deploy read by Azure ML's own SDK, in .venv-azure
	$(own_environment)
	$(OWN_PIP) azure-ai-ml pytest pyyaml
	$(OWN)/python -m pytest tests/formats/azure_ml/test_deploy_files.py

bench: $(VENV)/test.stamp ## speed beside peers and the machine's peak (a quarter of an hour)
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.performance

reliability: $(VENV)/test.stamp ## injected faults, fuzzed input, and two hours of use in a browser (about three hours)
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m tests.reliability faults
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m tests.reliability fuzz
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.reliability soak

lint: $(VENV)/test.stamp $(FRONTEND)/node_modules/.stamp ## format, lint and types, Python and TypeScript
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	npm --prefix $(FRONTEND) run check

format: $(VENV)/test.stamp $(FRONTEND)/node_modules/.stamp ## rewrite the sources in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	npm --prefix $(FRONTEND) run format

generate: $(VENV)/test.stamp $(FRONTEND)/node_modules/.stamp ## write anew what sources make: keyboard page, message types, bundle
	$(BIN)/python docs/make_keyboard.py
	$(BIN)/python -m docs.make_messages
	npm --prefix $(FRONTEND) run build

bundle: $(FRONTEND)/node_modules/.stamp ## rebuild samwidget/static from the TypeScript sources, with the script of pages
	npm --prefix $(FRONTEND) run build

fresh: generate ## fail where a committed file differs from what its sources make
	git diff --exit-code --stat -- samwidget/static samwidget/frontend/src tests/shared docs/keyboard.md

pictures: $(VENV)/test.stamp ## take the pictures of README and docs from the real widget
	$(BIN)/python -m docs.make_pictures
	HF_HUB_OFFLINE=1 $(BIN)/python -m docs.make_gallery

wheel: $(VENV)/test.stamp bundle ## build dist/*.whl
	$(BIN)/python -m build --wheel

clean: ## delete what the other commands made
	rm -rf $(VENV) .venv-* dist build .mypy_cache .pytest_cache .ruff_cache tests/artifacts $(FRONTEND)/node_modules

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/demo.stamp: pyproject.toml .ci/constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet $(CONSTRAINTS) -e ".[demo,serve]"
	@touch $@

$(VENV)/test.stamp: pyproject.toml .ci/constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet $(CONSTRAINTS) -e "$(EXTRAS)" --group test --group dev --group hosts --group docs
	@touch $@ $(VENV)/demo.stamp

$(FRONTEND)/node_modules/.stamp: $(FRONTEND)/package.json $(FRONTEND)/package-lock.json
	npm --prefix $(FRONTEND) ci --no-audit --no-fund
	@touch $@
