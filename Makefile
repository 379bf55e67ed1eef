# What a newcomer needs: `make run` and `make test`. Both install what is missing, as root or
# through sudo, and print what they install. `make help` lists the rest.

SHELL := /bin/bash
.DEFAULT_GOAL := help

apt_packages := libzstd-dev liblz4-dev libxxhash-dev zlib1g-dev libsnappy-dev libbrotli-dev \
    libsimdjson-dev tzdata pkg-config
sudo := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# Release builds have a folder of their own, so that one may run beside the debug build's tests.
release := .build/optimised
swift_release := swift build -c release --static-swift-stdlib --scratch-path $(release)
python := .venv/bin/python

# Installs those of Debian's packages that are missing.
define apt_install
@missing=(); \
for package in $(1); do \
    dpkg-query -W -f '$${db:Status-Status}\n' $$package 2>/dev/null | grep -qx installed \
        || missing+=($$package); \
done; \
if [ $${#missing[@]} -gt 0 ]; then \
    echo "Installing $${missing[*]}"; \
    $(sudo) apt-get update -qq; \
    $(sudo) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "$${missing[@]}" >/dev/null; \
fi
endef

.PHONY: help deps unit-test-whole python-deps duckdb-delta-deps spark-deps build programs run test debug-build \
    kafka-deps kafka-test kafka-test-whole kafka-demo unit-test interop-test golden-test spark-test \
    crash-sweep crash-test fault-deps fault-test \
    postgres-deps postgres-bench-deps postgres-quick postgres-test postgres-faults bench-postgres \
    fuzz nightly differential differential-quick parquet-roundtrip tidy lint format bench \
    bench-quick year compare startup-order bench-live page-kills clean page live page-libraries page-deps browser-deps \
    page-test browser-test

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

deps: ## install the C libraries that are missing
	$(call apt_install,$(apt_packages))

# The environment is kept by what is to be in it, and shared by clones: .venv leads there.
venv_home := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/streamer

python-deps: ## install the independent readers that the tests judge by, into .venv
	@key=$$(cat Tests/requirements*.txt <(python3 -V) | sha256sum | cut -c1-16); \
	if [ -L .venv ] || [ ! -e .venv ]; then \
	    mkdir -p "$(venv_home)/venv-$$key" && ln -sfn "$(venv_home)/venv-$$key" .venv; \
	fi; \
	exec 9>.venv/lock && flock 9; \
	if [ ! -x $(python) ]; then \
	    python3 -m venv "$$(readlink -f .venv)" 2>/dev/null || { \
	        echo "Installing python3-venv"; \
	        $(sudo) apt-get update -qq; $(sudo) apt-get install -y -qq python3-venv >/dev/null; \
	        python3 -m venv "$$(readlink -f .venv)"; }; \
	fi; \
	if ! cmp -s Tests/requirements.txt .venv/requirements.txt; then \
	    echo "Installing into .venv:" $$(cat Tests/requirements.txt); \
	    $(python) -m pip install -q --disable-pip-version-check -r Tests/requirements.txt \
	        && cp Tests/requirements.txt .venv/requirements.txt; \
	fi

duckdb-delta-deps: python-deps ## install a DuckDB that has the delta extension, into .venv/duckdb-delta
	@if ! cmp -s Tests/requirements-duckdb-delta.txt .venv/requirements-duckdb-delta.txt; then \
	    echo "Installing into .venv/duckdb-delta:" $$(cat Tests/requirements-duckdb-delta.txt); \
	    rm -rf .venv/duckdb-delta; \
	    if $(python) -m pip install -q --disable-pip-version-check --no-deps \
	        --target .venv/duckdb-delta -r Tests/requirements-duckdb-delta.txt; then \
	        cp Tests/requirements-duckdb-delta.txt .venv/requirements-duckdb-delta.txt; \
	    else echo "No such DuckDB for this machine: the tests that need it are skipped"; fi; \
	fi

spark-deps: python-deps ## install Apache Spark, the judge of semantics, into .venv; needs Java 17
	@command -v java >/dev/null || { \
	    echo "Installing openjdk-17-jre-headless"; \
	    $(sudo) apt-get update -qq; \
	    $(sudo) apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless >/dev/null; }
	@if ! cmp -s Tests/requirements-spark.txt .venv/requirements-spark.txt; then \
	    echo "Installing into .venv:" $$(cat Tests/requirements-spark.txt); \
	    $(python) -m pip install -q --disable-pip-version-check -r Tests/requirements-spark.txt; \
	    cp Tests/requirements-spark.txt .venv/requirements-spark.txt; \
	fi

page: ## pack the page's files, and fetch the chart library from PyPI, to be built in
	@Page/make

build: deps page ## build ./streamer, optimised, the Swift library linked in
	@$(swift_release) --product streamer
	@ln -sf $(release)/release/streamer streamer

programs: deps page ## build ./streamer and the programs that test it, in one go
	@$(swift_release)
	@ln -sf $(release)/release/streamer streamer
	@ln -sf optimised/release/crash-sweep .build/crash-sweep

run: build ## fill the log from the main job's feed, run the job, show the KPI table
	@./streamer run jobs/ohlcv.json
	@./streamer lake ls

PORT ?= 8050
live: build page-libraries ## run the live job with its page, and print the page's address
	@./streamer run jobs/live.json --serve $(PORT)

page-libraries: ## install libmicrohttpd and libwslay, which serve the page
	$(call apt_install,libmicrohttpd12 libwslay1)

page-deps: python-deps page-libraries ## install the independent clients that judge what is served
	@if ! cmp -s Tests/requirements-page.txt .venv/requirements-page.txt; then \
	    echo "Installing into .venv:" $$(cat Tests/requirements-page.txt); \
	    $(python) -m pip install -q --disable-pip-version-check -r Tests/requirements-page.txt \
	        && cp Tests/requirements-page.txt .venv/requirements-page.txt; \
	fi

browser-deps: page-deps ## install Chromium and its driver
	$(call apt_install,chromium chromium-driver fonts-dejavu-core)

page-test: build browser-deps ## what is served, by independent clients, and a slice of the page in a browser
	$(python) -m pytest -q -n 4 --dist loadfile Tests/Page -m "not whole"

browser-test: build browser-deps ## every test of the page, in headless Chromium; writes screenshots/
	$(python) -m pytest -q Tests/Page

test: ## every test, with the time of each step
	@Tests/run

debug-build: deps page ## build everything for the Swift tests, with the layers' import table enforced
	swift build --build-tests --explicit-target-dependency-import-check error

unit-test: debug-build ## the Swift tests, of the longest a slice
	swift test --skip-build --parallel

unit-test-whole: debug-build ## the Swift tests, every case of them
	WHOLE_TESTS=1 swift test --skip-build --parallel

interop-test: build python-deps duckdb-delta-deps golden-test ## whole jobs, judged by pyarrow, DuckDB and Polars
	$(python) -m pytest -q -n 2 --dist loadfile Tests/Interop

# A process of its own: a child's memory, which is measured, starts as its parent's.
golden-test: build python-deps duckdb-delta-deps ## the jobs whose every row is known
	$(python) -m pytest -q -n 3 --dist loadfile Tests/GoldenJobs

spark-test: build spark-deps ## jobs exported to a real Spark, also to a cluster on loopback
	$(python) -m pytest -q Tests/Spark

kafka-deps: python-deps ## install librdkafka, kcat, and a broker and a client for tests into .venv/kafka
	$(call apt_install,librdkafka1 kcat)
	@if ! cmp -s Tests/requirements-kafka.txt .venv/requirements-kafka.txt; then \
	    echo "Installing into .venv/kafka:" $$(grep -o '^[^ ]*' Tests/requirements-kafka.txt); \
	    rm -rf .venv/kafka; \
	    $(python) -m pip install -q --disable-pip-version-check --no-deps --require-hashes \
	        --target .venv/kafka -r Tests/requirements-kafka.txt \
	        && cp Tests/requirements-kafka.txt .venv/requirements-kafka.txt; \
	fi

kafka-test: build kafka-deps ## topics against a test broker, or KAFKA_BOOTSTRAP=host:port
	$(python) -m pytest -q Tests/Kafka

kafka-test-whole: build kafka-deps ## the same with more kills, and with the newer librdkafka
	KAFKA_KILLS=500 KAFKA_SEEDS=4 $(python) -m pytest -q Tests/Kafka
	STREAMER_LIBRDKAFKA=$$(ls $(CURDIR)/.venv/kafka/confluent_kafka.libs/librdkafka-*.so*) \
	    $(python) -m pytest -q Tests/Kafka

kafka-demo: build kafka-deps ## a broker, a producer of ticks and jobs/kafka.json, until Ctrl-C
	@$(python) Tests/Kafka/demo.py

N ?= 300
EXPRESSIONS ?= 5000
SEED ?= 1
CASES ?= 500
differential: build spark-deps ## N=… random jobs and EXPRESSIONS=…, by streamer and by Spark
	$(python) Tests/Spark/differential.py --jobs $(N) --expressions $(EXPRESSIONS) --seed $(SEED)

differential-quick: build spark-deps ## a slice of that with a fixed seed, a few minutes
	$(python) -m pytest -q Tests/Spark/test_event_time.py
	$(python) Tests/Spark/differential.py --jobs 24 --expressions 800 --seed 20260105

parquet-roundtrip: deps spark-deps ## CASES=… random tables through our Parquet files and others'
	$(swift_release) --product ParquetExchange
	cd Tests/Interop && PARQUET_EXCHANGE=$(CURDIR)/$(release)/release/ParquetExchange \
	    $(CURDIR)/$(python) roundtrip.py --cases $(CASES) --seed $(SEED)

tidy: python-deps ## house rules that a compiler does not check
	$(python) -m pytest -q Tests/Tidy

lint: ## formatting and documentation of the Swift code
	swift format lint --strict -r Package.swift Sources Tests

format: ## format the Swift code in place
	swift format -i -r Package.swift Sources Tests

crash-sweep: deps ## build the program that brings simulated machines down, optimised
	@$(swift_release) --product crash-sweep
	@ln -sf optimised/release/crash-sweep .build/crash-sweep

fault-deps: ## install strace, which fails the calls of real processes
	@command -v strace >/dev/null || { \
	    echo "Installing strace"; \
	    $(sudo) apt-get update -qq; \
	    $(sudo) apt-get install -y -qq --no-install-recommends strace >/dev/null; }

postgres-deps: python-deps fault-deps ## install a PostgreSQL server, a pooler and libpq; clients and a newer server into .venv
	@# A cluster of the package's own would be started, and nobody would ask for it.
	@command -v pg_ctlcluster >/dev/null || [ -e /etc/postgresql-common/createcluster.conf ] || { \
	    $(sudo) mkdir -p /etc/postgresql-common; echo "create_main_cluster = false" \
	        | $(sudo) tee /etc/postgresql-common/createcluster.conf >/dev/null; }
	$(call apt_install,postgresql pgbouncer libpq5 openssl)
	@if ! cmp -s Tests/Postgres/requirements.txt .venv/postgres/requirements.txt; then \
	    echo "Installing into .venv/postgres:" $$(cat Tests/Postgres/requirements.txt); \
	    $(python) -m pip install -q --disable-pip-version-check --upgrade --target .venv/postgres \
	        -r Tests/Postgres/requirements.txt \
	        && cp Tests/Postgres/requirements.txt .venv/postgres/requirements.txt; \
	fi

postgres-quick: build postgres-deps ## a slice of the tests against a PostgreSQL server, under 3 minutes
	POSTGRES_FAULTS=6 $(python) -m pytest -q Tests/Postgres -m "not long"

postgres-test: build postgres-deps ## the sink against PostgreSQL servers of two major versions that the tests start
	POSTGRES_TICKS=2000000 $(python) -m pytest -q Tests/Postgres
	POSTGRES_SERVER=python $(python) -m pytest -q Tests/Postgres

postgres-faults: build postgres-deps ## that with hundreds of kills and cuts
	POSTGRES_FAULTS=180 $(python) -m pytest -q -s Tests/Postgres/test_faults.py

crash-test: crash-sweep ## a slice of what crashes, faults, flipped bits and sabotage do
	.build/crash-sweep crashes --seeds 15 --partial 12 --double-every 2000
	.build/crash-sweep faults --seeds 2
	.build/crash-sweep rot --step 29
	.build/crash-sweep mutants --seeds 3

fault-test: build crash-test python-deps fault-deps ## that, and a slice of killed processes, under 10 minutes
	FAULT_KILLS=1000 FAULT_STEP=12 $(python) -m pytest -q Tests/Faults

RUNS ?= 2000000
fuzz: deps ## RUNS=… executions of every parser of outside bytes, with libFuzzer
	python3 Tests/Fuzz/fuzz.py --runs $(RUNS)

nightly: build crash-sweep python-deps fault-deps unit-test-whole ## the long figures of docs/reliability.md
	.build/crash-sweep crashes --seed 1000 --seeds 190 --partial 30 --double-every 800
	.build/crash-sweep faults --seed 1000 --seeds 40
	.build/crash-sweep rot --step 1
	.build/crash-sweep mutants --seeds 6
	FAULT_KILLS=10000 FAULT_STEP=1 FAULT_LIMITS=600 FAULT_DISK_STEP=4 FAULT_SEED=$$RANDOM \
	    WALK_ACTIONS=50000 WALK_SEED=$$RANDOM $(python) -m pytest -q -s Tests/Faults
	python3 Tests/Fuzz/fuzz.py --runs $(RUNS)
	python3 Tests/Fuzz/fuzz.py --runs $(RUNS) --build debug
	$(MAKE) differential N=2000
	$(MAKE) parquet-roundtrip

BENCH ?=
year: build python-deps ## what a job leaves that runs for long, and 30 days of it with kills; YEAR="--only live"
	$(python) Benchmarks/year.py $(YEAR)

bench: build spark-deps ## measure every row of work against DuckDB, Polars and Spark (BENCH="--only …")
	$(python) Benchmarks/bench.py --write $(BENCH)

bench-quick: build python-deps ## a slice of that in under three minutes, without Spark
	$(python) Benchmarks/bench.py --quick $(BENCH)

postgres-bench-deps: postgres-deps
	@if ! cmp -s Benchmarks/requirements-postgres.txt .venv/postgres/requirements-bench.txt; then \
	    echo "Installing into .venv/postgres:" $$(cat Benchmarks/requirements-postgres.txt); \
	    $(python) -m pip install -q --disable-pip-version-check --upgrade --target .venv/postgres \
	        -r Benchmarks/requirements-postgres.txt \
	        && cp Benchmarks/requirements-postgres.txt .venv/postgres/requirements-bench.txt; \
	fi

bench-postgres: build postgres-bench-deps ## measure rows into PostgreSQL against what people write in Python
	$(python) Benchmarks/postgres.py

bench-live: build browser-deps ## measure the page against its targets: latency, clients, memory, frames (BENCH="--only …")
	$(python) Benchmarks/page.py --write $(BENCH)

PAGE_KILLS ?= 200
page-kills: build browser-deps ## PAGE_KILLS=… kills with pages open: every final once, equal to the lake
	PAGE_KILLS=$(PAGE_KILLS) $(python) -m pytest -q Tests/Page -k "killed or over_kills"

BASE ?= HEAD
compare: build python-deps ## BASE=… measure this tree against a revision, row by row
	$(python) Benchmarks/compare.py --base $(BASE) $(BENCH)

startup-order: build python-deps ## list anew which functions a start calls, for the linker; needs valgrind
	$(call apt_install,valgrind)
	$(python) Benchmarks/startup_order.py

clean: ## remove what was built
	rm -rf .build .venv streamer
