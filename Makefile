# Two commands do everything on a fresh machine with Python 3.11 to 3.13 and make:
#   make demo    the main job on a synthetic shop, in a local folder, against a Braze emulator
#   make test    the tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help demo dev test test-s3 test-production test-browser test-spark screenshots test-wheel lint lock bench bench-memory bench-profile bench-spark-baseline bench-spark bench-scale bench-delivery bench-sensor bench-landing bench-small-files bench-kernels soak clean

help:
	@echo "make demo   run two days of a synthetic shop against the Braze emulator"
	@echo "make dev    the Dagster UI on the bucket, with a Braze emulator beside it unless BRAZE_REST_ENDPOINT_URL is set"
	@echo "make test   run the tests"
	@echo "make test-browser  drive the UI and the reports in Chromium; make screenshots renews docs/images by it"
	@echo "make lint   ruff and mypy"
	@echo "make test-s3  run the demo and a landing batch output on an S3 server"
	@echo "make test-production  run the processes of deploy/ on PostgreSQL, and kill them"
	@echo "make test-spark  hold both engines to one contract, on a Spark cluster of two workers (needs Java 17)"
	@echo "make test-wheel  install the built wheel alone and run the demo with it"
	@echo "make bench  measure three days of the pipeline against their floor; ARGS=\"--users 1000000 --items 100000 --compare COMMIT\""
	@echo "make bench-spark-baseline  the same, and the same job in plain PySpark (needs Java 17)"
	@echo "make bench-memory  10,000,000 users, and a mapping of one item to 2,000,000 users, within 4 GiB and within 1.5 GiB"
	@echo "make bench-profile  where the time of a first, a quiet and a normal day goes"
	@echo "make bench-spark  the stages on a Spark cluster of one and two workers, and on one machine (needs Java 17)"
	@echo "make bench-scale  time the sensor, the commands and the UI with 200 jobs and up to 50,000 past runs"
	@echo "make bench-landing  time from a batch output that lands in S3 to the last accepted record"
	@echo "make bench-small-files  read 10,000 item metadata files from an S3 that answers late"
	@echo "make bench-kernels  time what is compiled in turns with what does the same without"
	@echo "make bench-sensor  time the sensor over 200 jobs with 1,000 past outputs, on an S3 that answers late"
	@echo "make bench-delivery  measure the delivery engine against the emulator, other clients and a rate limit"
	@echo "make soak   200 runs with faults and kills at random moments, and what is left of them"
	@echo "make lock   resolve requirements.lock anew"
	@echo "make clean  remove .venv and all caches"

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); sys.exit(None if ok else "Python 3.11 to 3.13 is needed; $(PYTHON) is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-compile --no-deps --editable .
	@# By all processors, which pip does not; where PYTHONDONTWRITEBYTECODE is set, every process would compile all that it imports.
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib personalize_connectors
	$(BIN)/python -m personalize_connectors.engine.kernels
	@touch $@

demo: $(INSTALLED)
	@$(BIN)/personalize-connectors demo $(ARGS)

dev: $(INSTALLED)
	@if [ -n "$$BRAZE_REST_ENDPOINT_URL" ]; then exec $(BIN)/dagster dev; \
	else exec $(BIN)/personalize-connectors emulate braze -- $(BIN)/dagster dev; fi

test: $(INSTALLED)
	$(BIN)/python -m pytest $(ARGS)

test-s3: $(INSTALLED)
	$(BIN)/python -m pytest -m on_s3 $(ARGS)

test-production: $(INSTALLED)
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { apt-get update -qq && apt-get install -y -qq postgresql; }
	$(BIN)/python -m pytest -m production --numprocesses 0 $(ARGS)

test-browser: $(INSTALLED)
	$(BIN)/python -m pytest -m browser --numprocesses 0 $(ARGS)

test-spark: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --no-compile --editable ".[spark]"
	@command -v java >/dev/null || { apt-get update -qq && apt-get install -y -qq openjdk-17-jre-headless; }
	$(BIN)/python -m pytest -m spark --numprocesses 0 $(ARGS)

screenshots: $(INSTALLED)
	SCREENSHOTS=docs/images $(BIN)/python -m pytest -m browser --numprocesses 0 personalize_connectors_tests/browser/test_ui.py

test-wheel: $(INSTALLED)
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir "$$folder" .; \
	$(PYTHON) -m venv "$$folder/venv"; \
	"$$folder/venv/bin/python" -m pip install --quiet --no-compile "$$folder"/*.whl; \
	mkdir "$$folder/empty"; cd "$$folder/empty"; \
	env -u CONNECTORS_ROOT -u DAGSTER_HOME "$$folder/venv/bin/personalize-connectors" demo --users 2000 >demo.log || { cat demo.log; exit 1; }; \
	grep "accepted / rejected" demo.log; echo "the wheel runs the demo"

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks.pipeline $(ARGS)

bench-memory: $(INSTALLED)
	$(BIN)/python -m benchmarks.pipeline.memory $(ARGS)

bench-profile: $(INSTALLED)
	$(BIN)/python -m benchmarks.pipeline.profile $(ARGS)

bench-spark-baseline: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --no-compile --editable ".[benchmark]"
	$(BIN)/python -m benchmarks.pipeline --spark $(ARGS)

bench-spark: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --no-compile --editable ".[spark]"
	$(BIN)/python -m benchmarks.spark $(ARGS)

bench-scale: $(INSTALLED)
	$(BIN)/python -m benchmarks.scale $(ARGS)

bench-delivery: $(INSTALLED)
	$(BIN)/python -m benchmarks.delivery $(ARGS)

bench-sensor: $(INSTALLED)
	$(BIN)/python -m benchmarks.sensor $(ARGS)

bench-landing: $(INSTALLED)
	$(BIN)/python -m benchmarks.landing $(ARGS)

bench-small-files: $(INSTALLED)
	$(BIN)/python -m benchmarks.small_files $(ARGS)

bench-kernels: $(INSTALLED)
	$(BIN)/python -m benchmarks.kernels $(ARGS)

soak: $(INSTALLED)
	$(BIN)/python -m benchmarks.soak $(ARGS)

lock:
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-emit-index-url --no-strip-extras --no-annotate --no-header --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build *.egg-info
	find personalize_connectors personalize_connectors_tests benchmarks examples -name __pycache__ -prune -exec rm -rf {} +
