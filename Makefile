# One line a target. `make` alone lists them.
PY ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
MEMBERS := core operator images/collector images/consumer images/simulator images/transform images/dashboards local sdk
NATIVE := images/consumer/native
# What packs plain records in the consumer's image: native where Rust is at hand to build it, else python.
PACKER ?= $(if $(shell command -v cargo),native,python)
# Most tests wait for a broker, a database or a process; each worker has its own.
WORKERS ?= 2
IMAGES := operator consumer simulator transform collector dashboards
BASE ?= python:3.13-slim
TAG ?= $(shell sed -n 's/^appVersion: *"*\([^"]*\)"*/\1/p' charts/pulse/Chart.yaml)
REPOSITORY ?= pulse

.DEFAULT_GOAL := help
.PHONY: help setup lock format lint types imports check docs golden native wheel test test-native test-tracker test-apiserver test-faults chaos chaos-broken collector-broken fuzz-dbt fuzz-dbt-broken evaluate-dbt e2e e2e-broken kind-up kind-load kind-platform kind-down images demo bench-simulator bench-autoscaler bench-operator bench-consumer bench-collector bench-dbt clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(VENV)/.ready: requirements.lock requirements/uv.txt Makefile $(addsuffix /pyproject.toml,$(MEMBERS))
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pulse needs Python 3.11 or newer, this is " + sys.version.split()[0] + ". Say make PY=python3.11 (or newer).")'
	@$(PY) -m venv $(VENV) || { echo "Python cannot make a virtual environment here. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ,$(MEMBERS))
	@touch $@

setup: $(VENV)/.ready ## install the locked dependencies into .venv

lock: ## resolve the dependencies again and write requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-emit-package pulse-clickstream-core --python-version 3.11 --override requirements/overrides.txt $(addsuffix /pyproject.toml,$(MEMBERS)) requirements/dev.in -o requirements.lock --custom-compile-command "make lock"

format: setup ## format the code
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: setup ## ruff, and sqlfluff for the SQL of dbt
	$(BIN)/ruff format --check . && $(BIN)/ruff check .
	cd dbt && ../$(BIN)/sqlfluff lint --disable-progress-bar --nocolor models tests macros

types: setup ## mypy strict
	$(BIN)/mypy

imports: setup ## who may import whom
	$(BIN)/lint-imports

docs: setup ## write the generated reference pages, and what the chart holds of the code
	$(BIN)/python docs/generate.py && $(BIN)/python docs/chart.py

check: lint types imports ## lint, types and import rules

golden: setup ## write the manifests that the rendering is held to anew; read the diff
	PYTHONPATH=tests $(BIN)/python -m kit.golden

test: setup ## every test, with the real brokers and databases that the suite starts itself (WORKERS=2)
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

native: setup ## build the compiled packer of the consumer into .venv (needs Rust; without it the consumer does the same in Python)
	CARGO_TARGET_DIR=$(abspath $(VENV))/native PATH="$(abspath $(BIN)):$$PATH" $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --reinstall-package pulse-clickstream-native ./$(NATIVE)

wheel: $(NATIVE)/wheels/.made ## build the compiled packer for the consumer's image (needs Rust; `make images` does it where Rust is)

$(NATIVE)/wheels/.made: $(wildcard $(NATIVE)/src/*.rs) $(NATIVE)/Cargo.toml $(NATIVE)/Cargo.lock $(NATIVE)/pyproject.toml | setup
	rm -rf $(@D)
	cd $(NATIVE) && CARGO_TARGET_DIR=$(abspath $(VENV))/native $(abspath $(BIN))/maturin build --quiet --release --locked --out wheels
	touch $@

test-tracker: ## the tracker in a browser that the tests play, and its size (needs Node 20; seconds)
	cd tracker && node --test test/*.test.js

test-native: native ## the compiled packer: its own tests, that it makes the same rows as Python, and pipelines with it (needs Rust)
	cd $(NATIVE) && export CARGO_TARGET_DIR=$(abspath $(VENV))/native && cargo fmt --check && cargo clippy --locked --quiet --all-targets --all-features && cargo test --locked --quiet
	$(BIN)/pytest images/consumer/tests tests/integration/test_malformed.py tests/integration/test_replay.py

test-apiserver: setup ## what needs a real API server, built from Go modules once (needs Go; minutes)
	$(BIN)/pytest -o pythonpath="tests k8s-tests" -o timeout=3600 -o faulthandler_timeout=3900 -m "not faults" k8s-tests/operator k8s-tests/chart k8s-tests/kind k8s-tests/platform k8s-tests/broken

test-faults: setup ## the operator killed after every write, cut off, replaced, drained (needs Go; a quarter of an hour)
	$(BIN)/pytest -o pythonpath="tests k8s-tests" -o timeout=900 -m faults k8s-tests/operator

chaos: setup ## faults by a seed under real consumers, every event compared by its id (SEED=1 RUNS=3, RUN=n for one, JOBS at a time, MINUTES, JSON; two minutes a run)
	PYTHONPATH=tests $(BIN)/python -m chaos $(if $(SEED),--seed $(SEED)) $(if $(RUNS),--runs $(RUNS)) $(if $(RUN),--run $(RUN)) $(if $(JOBS),--jobs $(JOBS)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(JSON),--json $(JSON))

chaos-broken: setup ## break the consumer on purpose, one promise after the other, and see tests and faults notice it (BREAK=name for one; half an hour)
	PYTHONPATH=tests $(BIN)/python -m chaos.broken $(BREAK)

fuzz-dbt: setup ## histories cut into runs of dbt by a seed; the tables have to equal a full refresh and the rules (RUNS=1000, SEED=n of the first)
	PYTHONPATH=tests $(BIN)/python -m tests.dbt.fuzz $(if $(SEED),--seed $(SEED)) $(if $(RUNS),--runs $(RUNS))

fuzz-dbt-broken: setup ## break the models on purpose, one mistake after the other, and see these histories notice it (BREAK=name for one; ten minutes)
	PYTHONPATH=tests $(BIN)/python -m tests.dbt.broken $(BREAK)

collector-broken: setup ## break the collector on purpose, one promise after the other, and see its tests notice it (BREAK=name for one; a quarter of an hour)
	PYTHONPATH=tests $(BIN)/python -m collector.broken $(BREAK)

evaluate-dbt: setup ## the rules of dbt-project-evaluator, by the package itself, which comes from dbt's hub
	PYTHONPATH=tests $(BIN)/python -m tests.dbt.evaluate

e2e: setup ## everything on a real cluster, made for it and removed after it (KEEP=1 leaves it; needs Docker or root on Debian, and Go)
	$(BIN)/pytest -o pythonpath="tests k8s-tests" -o timeout=3600 -o faulthandler_timeout=3900 k8s-tests/smoke k8s-tests/e2e

e2e-broken: setup ## break Pulse on purpose, one promise after the other, and see the end-to-end tests fail (half an hour)
	PYTHONPATH="tests:k8s-tests" $(BIN)/python -m broken $(BREAK)

kind-up: setup ## the tests' kind cluster, with or without an image registry
	PYTHONPATH=tests:k8s-tests $(BIN)/python -m kind up

kind-load: setup ## build Pulse's images and put them on that cluster; `helm install` then needs no registry
	PYTHONPATH=tests:k8s-tests $(BIN)/python -m kind load

kind-platform: setup ## who answers Kafka and Postgres resources there: Strimzi and CloudNativePG, or a stand-in (PLATFORM=real|stand-in)
	PYTHONPATH=tests:k8s-tests $(BIN)/python -m kind platform

kind-down: setup ## remove it, and end the Docker daemon if kind-up started it
	PYTHONPATH=tests:k8s-tests $(BIN)/python -m kind down

images: $(addprefix image-,$(IMAGES)) ## build every image (BASE, TAG, REPOSITORY and PACKER=native|python can be set)

image-consumer: $(if $(filter native,$(PACKER)),wheel)
image-consumer: ARGUMENTS = --build-arg PACKER=$(PACKER)
image-operator: DOCKERFILE = operator/Dockerfile
image-%: DOCKERFILE = images/$*/Dockerfile
image-%:
	docker build $(DOCKER_BUILD_FLAGS) --build-arg BASE=$(BASE) $(ARGUMENTS) --tag $(REPOSITORY)/$*:$(TAG) --file $(DOCKERFILE) .

demo: setup ## the whole pipeline on this machine (ONCE=1 ends by itself)
	$(BIN)/pulse demo $(if $(ONCE),--once)

bench-simulator: setup ## events per second that the simulator makes and delivers to a real broker
	$(BIN)/python -m bench.simulator

bench-autoscaler: setup ## the autoscaler beside KEDA and the HPA on simulated traffic; fails if it is not the better one
	PYTHONPATH=operator $(BIN)/python -m bench.autoscaler

bench-collector: setup ## requests and events a second that the collector takes beside a real broker and a plain echo, memory over ten minutes, good events beside junk; a table (a quarter of an hour; WORDS="--help"); fails if a goal is missed
	PYTHONPATH=. $(BIN)/python -m bench.collector $(WORDS)

bench-consumer: native ## the consumer beside other sinks from Kafka to Postgres, a table and a plot (an hour; WORDS="--help" lists what can be set; needs Rust)
	PYTHONPATH=. $(BIN)/python -m bench.consumer $(WORDS)

bench-dbt: setup ## the transformation on 10 million events of 90 days: full refresh, batches, plans, a table (half an hour; WORDS="--help" lists what can be set); fails if a goal is missed
	PYTHONPATH=. $(BIN)/python -m bench.dbt $(WORDS)

bench-operator: setup ## the operator with 1,000 pipelines on a real API server and broker; fails if it needs too much (needs Go)
	PYTHONPATH=.:operator:tests:k8s-tests $(BIN)/python -m bench.operator_scale $(if $(PIPELINES),--pipelines $(PIPELINES))

clean: ## remove the virtual environment and caches of the checkout
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dbt/target dbt/logs $(NATIVE)/wheels
