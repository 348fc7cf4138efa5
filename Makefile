# `make demo` and `make test` set up all they need in .venv; Python 3.11 or 3.12.
PYTHON ?= python3
BIN := .venv/bin
DEMO := runs/demo
FACES := --dataset=synthetic --markup=ibug_68

MODELS := runs/models

.PHONY: demo test lint test-jax benchmark comparison models web web-files clean

.venv/run: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

.venv/dev: .venv/run requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

PORTRAIT := import matplotlib.cbook as c; print(c.get_sample_data("grace_hopper.jpg").name)

demo: .venv/run
	$(BIN)/python align.py --input=$$($(BIN)/python -c '$(PORTRAIT)') --output=$(DEMO)/portrait --overwrite
	$(BIN)/python train.py $(FACES) --preset=demo --workdir=$(DEMO)
	$(BIN)/python export.py --model=$(DEMO)/model.keras --output=$(DEMO)/export \
	  --formats=saved_model,tflite,tflite_fp16,tflite_int8
	$(BIN)/python evaluate.py $(FACES) --subset=test --output=$(DEMO)/evaluation \
	  --model=$(DEMO)/model.keras,$(DEMO)/export/saved_model,$(DEMO)/export/model.tflite,$(DEMO)/export/model_fp16.tflite,$(DEMO)/export/model_int8.tflite
	@echo "portrait: $(DEMO)/portrait   model: $(DEMO)/model.keras   exports: $(DEMO)/export   pictures: $(DEMO)/evaluation"

# The page in web/ is tested where there is a Chromium to do it; models of `make web DATA=DIR` stay.
WEB_MODELS := web/models/$(if $(DATA),.300w,.drawn)
TESTED_WEB := web/vendor/.done $(if $(wildcard web/models/.300w),,web/models/.drawn)

test: .venv/dev $(if $(and $(shell command -v chromium),$(shell command -v npm)),$(TESTED_WEB))
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The browser demo. Its int8 model takes the ranges of its activations from drawn faces, or from those
# of DATA/300w where DATA is given.
WEB_PORT ?= 8000

web/vendor/.done: web/package.json | .venv/run
	cd web && npm install --no-package-lock --no-audit --no-fund
	mkdir -p web/vendor/wasm
	cp web/node_modules/@litertjs/core/dist/index.js web/vendor/litert.js
	cp web/node_modules/@litertjs/wasm-utils/dist/index.js web/vendor/wasm-utils.js
	for kind in "" _compat; do for ending in js wasm; do \
	  cp web/node_modules/@litertjs/core/wasm/litert_wasm$${kind}_internal.$$ending web/vendor/wasm/ || exit 1; \
	done; done
	cp "$$($(BIN)/python -c '$(PORTRAIT)')" web/vendor/portrait.jpg
	touch $@

$(WEB_MODELS): assets/mobile_68.keras $(wildcard evae_tf/exporting/*.py) | .venv/run
	rm -f web/models/.300w web/models/.drawn
	$(BIN)/python export.py $(if $(DATA),$(ON_300W)) --model=mobile_68 --output=web/models \
	  --outputs=landmarks,covariance --formats=tflite,tflite_int8
	touch $@

web-files: web/vendor/.done $(WEB_MODELS)

web: web-files
	@echo "The page: http://localhost:$(WEB_PORT)   (Ctrl-C ends it)"
	$(BIN)/python -m http.server $(WEB_PORT) --bind 127.0.0.1 --directory web

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

# The shipped models, from DATA/300w, DATA/mtfl, DATA/helen29 and DATA/ytf68: hours, resumed when called
# again. A server labels faces that have few points or none; both models are trained on all of them, then
# on 300-W alone, changed less. RESULTS.md logs the detours by which the files in assets/ came.
LESS_CHANGED := $(addprefix --set=augment_,rotation_degrees=15 scale=0.1 shift=0.04 color=0.2 \
  occluder_rate=0.05 blur_rate=0.05 jpeg_rate=0.05)
ON_300W = --dataset=300w --data_dir=$(DATA)/300w
ON_ALL := --dataset=csv --data_dir=$(MODELS)/faces.csv --markup=ibug_68

models: .venv/run
	$(BIN)/python train.py $(ON_300W) --preset=server --mixed_precision --workdir=$(MODELS)/teacher \
	  --set=epochs=80
	$(BIN)/python -m recipes.gather --data=$(DATA) --teacher=$(MODELS)/teacher/model.keras \
	  --output=$(MODELS)/faces.csv
	$(BIN)/python train.py $(ON_ALL) --preset=mobile --mixed_precision --workdir=$(MODELS)/mobile_all \
	  --set=epochs=68
	$(BIN)/python train.py $(ON_300W) --preset=mobile --mixed_precision --workdir=$(MODELS)/mobile \
	  --init_from=$(MODELS)/mobile_all/model.keras --set=epochs=40 --set=learning_rate=2e-3 $(LESS_CHANGED)
	$(BIN)/python train.py $(ON_ALL) --preset=server --mixed_precision --workdir=$(MODELS)/server_all \
	  --set=epochs=40
	$(BIN)/python train.py $(ON_300W) --preset=server --mixed_precision --workdir=$(MODELS)/server \
	  --init_from=$(MODELS)/server_all/model.keras --set=epochs=26 --set=learning_rate=2e-3 $(LESS_CHANGED)
	$(BIN)/python export.py $(ON_300W) --formats=tflite_int8 --model=$(MODELS)/mobile/model.keras \
	  --output=$(MODELS)/mobile/export
	cp $(MODELS)/server/model.keras assets/server_68.keras
	cp $(MODELS)/mobile/model.keras assets/mobile_68.keras
	cp $(MODELS)/mobile/export/model_int8.tflite assets/mobile_68.tflite
	cp $(MODELS)/mobile/export/model_int8.json assets/mobile_68.json

clean:
	rm -rf .venv .venv-jax runs build *.egg-info web/node_modules web/vendor web/models
