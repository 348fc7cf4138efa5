# `make demo` and `make test` set up all they need in .venv; Python 3.11 or 3.12.
PYTHON ?= python3
BIN := .venv/bin
DEMO := runs/demo
FACES := --dataset=synthetic --markup=ibug_68

.PHONY: demo test lint test-jax benchmark comparison clean

.venv/run: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

.venv/dev: .venv/run requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

demo: .venv/run
	$(BIN)/python train.py $(FACES) --preset=demo --workdir=$(DEMO)
	$(BIN)/python export.py --model=$(DEMO)/model.keras --output=$(DEMO)/export \
	  --formats=saved_model,tflite,tflite_fp16,tflite_int8
	$(BIN)/python evaluate.py $(FACES) --subset=test --output=$(DEMO)/evaluation \
	  --model=$(DEMO)/model.keras,$(DEMO)/export/saved_model,$(DEMO)/export/model.tflite,$(DEMO)/export/model_fp16.tflite,$(DEMO)/export/model_int8.tflite
	@echo "model: $(DEMO)/model.keras   exports: $(DEMO)/export   pictures: $(DEMO)/evaluation"

test: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# TensorFlow Probability's JAX side needs its nightly, so it lives in an environment of its own.
test-jax:
	$(PYTHON) -m venv .venv-jax
	.venv-jax/bin/pip install --quiet --disable-pip-version-check -r requirements-jax.txt
	.venv-jax/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	.venv-jax/bin/python -m pytest tests/test_jax.py

benchmark: .venv/run
	$(BIN)/python -m benchmarks.augmentation

# The paper's comparison on DATA/300w, DATA/mtfl and DATA/helen29: hours, resumed when called again.
comparison: .venv/run
	$(BIN)/python -m benchmarks.comparison --data=$(DATA)

clean:
	rm -rf .venv .venv-jax runs build *.egg-info
