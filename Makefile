# What a newcomer needs: `make run` and `make test`. Both install what is missing, as root or
# through sudo, and print what they install. `make help` lists the rest.

SHELL := /bin/bash
.DEFAULT_GOAL := help

apt_packages := libzstd-dev liblz4-dev libxxhash-dev zlib1g-dev libsnappy-dev libbrotli-dev \
    libsimdjson-dev tzdata pkg-config
sudo := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
swift_build := swift build -c release --static-swift-stdlib --product streamer
python := .venv/bin/python

.PHONY: help deps python-deps spark-deps build run test unit-test interop-test spark-test \
    differential differential-quick parquet-roundtrip tidy lint format bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

deps: ## install the C libraries that are missing
	@missing=(); \
	for package in $(apt_packages); do \
	    dpkg-query -W -f '$${db:Status-Status}\n' $$package 2>/dev/null | grep -qx installed \
	        || missing+=($$package); \
	done; \
	if [ $${#missing[@]} -gt 0 ]; then \
	    echo "Installing $${missing[*]}"; \
	    $(sudo) apt-get update -qq; \
	    $(sudo) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	        "$${missing[@]}" >/dev/null; \
	fi

python-deps: ## install the independent readers that the tests judge by, into .venv
	@if [ ! -x $(python) ]; then \
	    python3 -m venv .venv 2>/dev/null || { rm -rf .venv; \
	        echo "Installing python3-venv"; \
	        $(sudo) apt-get update -qq; $(sudo) apt-get install -y -qq python3-venv >/dev/null; \
	        python3 -m venv .venv; }; \
	fi
	@if ! cmp -s Tests/requirements.txt .venv/requirements.txt; then \
	    echo "Installing into .venv:" $$(cat Tests/requirements.txt); \
	    $(python) -m pip install -q --disable-pip-version-check -r Tests/requirements.txt; \
	    cp Tests/requirements.txt .venv/requirements.txt; \
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

build: deps ## build ./streamer, optimised, the Swift library linked in
	@$(swift_build)
	@ln -sf "$$($(swift_build) --show-bin-path)/streamer" streamer

run: build ## fill the log from the main job's feed, run the job, show the KPI table
	@./streamer run jobs/ohlcv.json
	@./streamer lake ls

test: unit-test interop-test tidy lint ## every test

unit-test: deps ## the Swift tests, with the layers' import table enforced
	swift build --build-tests --explicit-target-dependency-import-check error
	swift test --skip-build --parallel

interop-test: build python-deps ## whole jobs, judged by pyarrow, DuckDB and Polars
	$(python) -m pytest -q Tests/Interop Tests/GoldenJobs

spark-test: build spark-deps ## jobs exported to a real Spark, also to a cluster on loopback
	$(python) -m pytest -q Tests/Spark

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
	swift build -c release --static-swift-stdlib --product ParquetExchange
	cd Tests/Interop && PARQUET_EXCHANGE=$(CURDIR)/.build/release/ParquetExchange \
	    $(CURDIR)/$(python) roundtrip.py --cases $(CASES) --seed $(SEED)

tidy: python-deps ## house rules that a compiler does not check
	$(python) -m pytest -q Tests/Tidy

lint: ## formatting and documentation of the Swift code
	swift format lint --strict -r Package.swift Sources Tests

format: ## format the Swift code in place
	swift format -i -r Package.swift Sources Tests

bench: build python-deps ## measure, against peers where they exist; see Benchmarks
	$(python) Benchmarks/bench.py

clean: ## remove what was built
	rm -rf .build .venv streamer
