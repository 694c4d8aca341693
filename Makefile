PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test live check bench peers nightly faults soak servers servers-down clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,dev]'
	touch $(STAMP)

demo: install
	$(BIN)/vigie demo

test: install
	$(BIN)/python -m pytest $(TEST) --numprocesses auto --maxprocesses 4 --dist loadfile

# Real servers, fetched and built on first use; what cannot be had is skipped and says why (VIGIE_LIVE=must: fails)
live: install
	VIGIE_LIVE=$${VIGIE_LIVE:-1} $(BIN)/python -m pytest $(LIVE) -k "not embedded" \
	tests/live tests/test_transport_contract.py tests/test_crash_points.py

check: install
	$(BIN)/ruff check bench infra models streams tests
	$(BIN)/mypy

bench: install
	$(BIN)/vigie bench

peers: install
	$(BIN)/python -m bench $(PEERS)

nightly: install
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest

servers: install
	$(BIN)/python -m infra.native up

servers-down: install
	$(BIN)/python -m infra.native down

clean:
	rm -rf $(VENV) build dist *.egg-info

faults: install
	VIGIE_LIVE=1 FAULTS_READINGS=100000 FAULTS_KILLS=20 FAULTS_FREEZES=3 FAULTS_BROKER_KILLS=2 \
	$(BIN)/python -m pytest -s tests/live/test_faults.py

soak: install
	$(BIN)/python -m tests.live.soak --minutes 30
