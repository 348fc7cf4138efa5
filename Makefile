# `make demo` and `make test` install their requirements in .venv; Python 3.11 to 3.13.
PYTHON ?= python3
BIN := .venv/bin
DEMO := runs/demo
FACES := --dataset=synthetic --markup=ibug_68

MODELS := runs/models

.PHONY: demo test lint docs test-jax test-bulk test-notebook test-snippets test-install benchmark \
  comparison models detector presence free-model web web-files clean

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
	$(BIN)/python -m recipes.draw_group --output=$(DEMO)/group.png
	$(BIN)/python align.py --input=$(DEMO)/group.png --output=$(DEMO)/group --overwrite
	$(BIN)/python train.py $(FACES) --preset=demo --workdir=$(DEMO)
	$(BIN)/python export.py --model=$(DEMO)/model.keras --output=$(DEMO)/export \
	  --formats=saved_model,tflite,tflite_fp16,tflite_int8
	$(BIN)/python evaluate.py $(FACES) --subset=test --output=$(DEMO)/evaluation \
	  --model=$(DEMO)/model.keras,$(DEMO)/export/saved_model,$(DEMO)/export/model.tflite,$(DEMO)/export/model_fp16.tflite,$(DEMO)/export/model_int8.tflite
	@echo "portrait: $(DEMO)/portrait   group: $(DEMO)/group   model: $(DEMO)/model.keras   exports: $(DEMO)/export   pictures: $(DEMO)/evaluation"

# The page in web/ is tested if Chromium is installed; models of `make web DATA=DIR` are kept.
# Workers steal tests from each other: distributed by file, one would idle for the last minutes.
WEB_MODELS := web/models/$(if $(DATA),.300w,.drawn)
TESTED_WEB := web/vendor/.done $(if $(wildcard web/models/.300w),,web/models/.drawn)

test: .venv/dev $(if $(and $(shell command -v chromium),$(shell command -v npm)),$(TESTED_WEB))
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/pyright

# The site, from docs/ and the pages that docs/hooks.py names. A dead link or a missing reference
# fails. The packages have an environment of their own: the API reference is read, not imported.
.venv-docs/run: requirements-docs.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	touch $@

docs: .venv-docs/run
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

# The browser demo. Its int8 model is calibrated on synthetic faces, or on DATA/300w if DATA is given.
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

$(WEB_MODELS): assets/mobile_68.keras assets/detector.tflite $(wildcard evae_tf/exporting/*.py) | .venv/run
	rm -f web/models/.300w web/models/.drawn
	$(BIN)/python export.py $(if $(DATA),$(ON_300W)) --model=mobile_68 --output=web/models \
	  --outputs=landmarks,covariance,presence --formats=tflite,tflite_int8
	cp assets/detector.tflite web/models/
	touch $@

web-files: web/vendor/.done $(WEB_MODELS)

web: web-files
	@echo "Open http://localhost:$(WEB_PORT)   (Ctrl-C stops the server)"
	$(BIN)/python -m http.server $(WEB_PORT) --bind 127.0.0.1 --directory web

# TensorFlow Probability's JAX backend needs a nightly build, so it has a separate environment.
test-jax:
	$(PYTHON) -m venv .venv-jax
	.venv-jax/bin/pip install --quiet --disable-pip-version-check -r requirements-jax.txt
	.venv-jax/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	.venv-jax/bin/python -m pytest tests/test_jax.py tests/test_jax_processes.py

# The tutorial as a notebook: it trains, so it takes a minute.
test-notebook: .venv/dev
	$(BIN)/python -m pytest tests/notebook

# The Python and shell blocks of README.md and docs/, as a reader runs them: takes minutes.
test-snippets: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/snippets

# The package as installed by pip, in new environments: takes minutes and 3 GB of disk.
test-install: .venv/dev
	$(BIN)/python -m pytest tests/install

# Ray and pyarrow are large, and aligning needs no TensorFlow: an environment of its own, too.
test-bulk:
	$(PYTHON) -m venv .venv-bulk
	.venv-bulk/bin/pip install --quiet --disable-pip-version-check -r requirements-bulk.txt
	.venv-bulk/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	.venv-bulk/bin/python -m pytest tests/bulk

benchmark: .venv/run
	$(BIN)/python -m benchmarks.augmentation

# The paper's comparison on DATA/300w, DATA/mtfl and DATA/helen29: takes hours; run it again to resume.
comparison: .venv/run
	$(BIN)/python -m benchmarks.comparison --data=$(DATA)

# The shipped models, from DATA/300w, DATA/mtfl, DATA/helen29, DATA/aflw68 and DATA/cfp_profile: takes
# hours; run it again to resume. RESULTS.md logs how the files in assets/ deviated from this.
# 1. Near-frontal faces. A `server` model labels faces that have few or no points. Both models train on
#    all faces, then on 300-W with weaker augmentation. Together they label again and smooth the
#    annotations of 300-W. Both continue on these labels; the weights of three final trainings on 300-W
#    are averaged.
# 2. All poses. `mobile` trains on them, with hidden points first from a mean face, then from its own
#    predictions; so does a widened server. The mean of the weights before and after keeps most of the
#    accuracy of both; a few epochs at a low learning rate adapt the heads. A long training of `mobile`
#    follows, and one in which it gains its local offsets, on the annotations of 300-W as they are. The
#    server gains its own in a long training. The last trainings see rougher boxes; of `mobile`, the
#    mean before and after is kept. Both models are moved by their mean error on training faces.
# 3. The five-point model starts from the `mobile` of step 1.
LESS_CHANGED := $(addprefix --set=augmentation.,rotation_degrees=15 scale=0.1 shift=0.04 color=0.2 \
  occluder_rate=0.05 blur_rate=0.05 jpeg_rate=0.05)
ON_300W = --dataset=300w --data_dir=$(DATA)/300w
ON_MTFL = --dataset=mtfl --data_dir=$(DATA)/mtfl
ON_LIST := --dataset=csv --markup=ibug_68 --data_dir=$(MODELS)
FINE := --set=learning_rate=2e-3 $(LESS_CHANGED)
GATHER = $(BIN)/python -m recipes.gather --data=$(DATA)
BOTH := --teacher=$(MODELS)/mobile_300w/model.keras,$(MODELS)/server_300w/model.keras --smooth
NARROW := --set=encoder_filters=48,64,96 --set=decoder_filters=64,64,48

POSES = $(BIN)/python -m recipes.all_poses --data=$(DATA)
# $(call smooth_300w,MOBILE,SERVER)
smooth_300w = --smooth_300w=$(MODELS)/$(1)/model.keras,$(MODELS)/$(2)/model.keras
SOUP = $(BIN)/python -m recipes.soup
ROLLED := --set=learning_rate=3e-3 $(addprefix --set=augmentation.,rotation_degrees=45 any_angle_rate=0.12 scale=0.15)
LEANING := --set=learning_rate=2e-3 $(addprefix --set=augmentation.,rotation_degrees=20 any_angle_rate=0.06 \
  dark_rate=0.05 scale=0.1 shift=0.05 color=0.2 occluder_rate=0.15 blur_rate=0.1 jpeg_rate=0.1)
UPRIGHT := --set=learning_rate=2e-3 $(addprefix --set=augmentation.,rotation_degrees=15 any_angle_rate=0.06 \
  dark_rate=0.04 scale=0.1 shift=0.04 color=0.2 occluder_rate=0.1 blur_rate=0.06 jpeg_rate=0.06)
SLOWLY := --set=learning_rate=5e-4
QUICKLY := --set=learning_rate=3e-3
# $(call rougher,SCALE,SHIFT): looser boxes than those of UPRIGHT
rougher = $(addprefix --set=augmentation.,scale=$(1) shift=$(2))

# $(call train,NAME,PRESET,EPOCHS,further flags); LOCAL and a number add local offsets
LOCAL := --set=local_channels=
train = $(BIN)/python train.py --preset=$(2) --mixed_precision --workdir=$(MODELS)/$(1) --set=epochs=$(3) \
  --set=local_channels=none $(4)
from = --init_from=$(MODELS)/$(1)/model.keras

# $(call finish,PRESET,further flags): the mean of three trainings on the smoothed annotations
finished = $(call train,$(1)_$(2),$(1),14,--seed=$(2) $(ON_LIST)/smooth_300w.csv $(call from,$(1)_smooth) $(FINE) $(3))
define finish
$(call finished,$(1),1,$(2))
$(call finished,$(1),2,$(2))
$(call finished,$(1),3,$(2))
$(SOUP) $(ON_300W) --output=$(MODELS)/$(1)/model.keras \
  --models=$(MODELS)/$(1)_1/model.keras,$(MODELS)/$(1)_2/model.keras,$(MODELS)/$(1)_3/model.keras
endef

# $(call mix,NAME,MODELS,SHARES): the weighted mean of a network's weights before and after training
comma := ,
space := $(subst ,, )
commas = $(subst $(space),$(comma),$(1))
mix = $(SOUP) $(ON_300W) --output=$(MODELS)/$(1)/model.keras --shares=$(call commas,$(3)) \
  --models=$(call commas,$(2:%=$(MODELS)/%/model.keras))

# $(call centre,NAME,MODEL): a model moved by its mean error on training faces
centre = $(BIN)/python -m recipes.centre --data=$(DATA) --model=$(MODELS)/$(2)/model.keras \
  --output=$(MODELS)/$(1)/model.keras

# $(call ship,NAME,data flags): the .tflite file of a model with presence, in int8, and its .json
define ship
$(BIN)/python export.py $(2) --formats=tflite_int8 --outputs=landmarks,covariance,visibility,presence \
  --model=assets/$(1).keras --output=$(MODELS)/$(1)/export
cp $(MODELS)/$(1)/export/model_int8.tflite assets/$(1).tflite
cp $(MODELS)/$(1)/export/model_int8.json assets/$(1).json
endef

models: .venv/run
	$(call train,teacher,server,80,$(ON_300W) $(NARROW))
	$(GATHER) --teacher=$(MODELS)/teacher/model.keras --output=$(MODELS)/all.csv
	$(call train,mobile_all,mobile,68,$(ON_LIST)/all.csv)
	$(call train,server_all,server,40,$(ON_LIST)/all.csv $(NARROW))
	$(call train,mobile_300w,mobile,40,$(ON_300W) $(call from,mobile_all) $(FINE))
	$(call train,server_300w,server,26,$(ON_300W) $(call from,server_all) $(FINE) $(NARROW))
	$(GATHER) $(BOTH) --copies=3 --output=$(MODELS)/smooth_all.csv
	$(GATHER) $(BOTH) --others= --output=$(MODELS)/smooth_300w.csv
	$(call train,mobile_smooth,mobile,8,$(ON_LIST)/smooth_all.csv $(call from,mobile_300w) $(FINE))
	$(call train,server_smooth,server,9,$(ON_LIST)/smooth_all.csv $(call from,server_300w) $(FINE) $(NARROW))
	$(call finish,mobile)
	$(call finish,server,$(NARROW))
	$(POSES) --output=$(MODELS)/poses_1.csv
	$(call train,poses_mobile_1,mobile,24,$(ON_LIST)/poses_1.csv $(call from,mobile) $(ROLLED))
	$(POSES) --teacher=$(MODELS)/poses_mobile_1/model.keras --output=$(MODELS)/poses_2.csv
	$(call train,poses_mobile_2,mobile,20,$(ON_LIST)/poses_2.csv $(call from,poses_mobile_1) $(LEANING))
	$(call mix,mixed_2,mobile poses_mobile_2,0.3 0.7)
	$(POSES) --teacher=$(MODELS)/poses_mobile_2/model.keras --copies=4 --output=$(MODELS)/poses_3.csv
	$(call train,poses_mobile_3,mobile,14,$(ON_LIST)/poses_3.csv $(call from,mixed_2) $(UPRIGHT))
	$(BIN)/python -m recipes.widen --model=$(MODELS)/server/model.keras --set=local_channels=none --output=$(MODELS)/wide/model.keras
	$(call train,poses_server_1,server,11,$(ON_LIST)/poses_2.csv $(call from,wide) $(LEANING))
	$(POSES) --teacher=$(MODELS)/poses_mobile_3/model.keras $(call smooth_300w,mobile,server) --copies=3 --output=$(MODELS)/poses_4.csv
	$(call train,poses_server_2,server,12,$(ON_LIST)/poses_4.csv $(call from,poses_server_1) $(LEANING))
	$(call mix,mixed_server,wide poses_server_2,0.3 0.7)
	$(call train,poses_server_3,server,2,$(ON_LIST)/poses_4.csv $(call from,mixed_server) $(UPRIGHT) $(SLOWLY))
	$(call mix,mixed_3,mobile poses_mobile_3,0.3 0.7)
	$(call train,poses_mobile_4,mobile,20,$(ON_LIST)/poses_4.csv $(call from,mixed_3) $(LEANING))
	$(call mix,mixed_4,mobile poses_mobile_3 poses_mobile_4,0.2 0.4 0.4)
	$(call train,poses_mobile_5,mobile,4,$(ON_LIST)/poses_4.csv $(call from,mixed_4) $(UPRIGHT) $(SLOWLY))
	$(POSES) --teacher=$(MODELS)/poses_server_3/model.keras $(call smooth_300w,poses_mobile_5,poses_server_3) \
	  --copies=3 --output=$(MODELS)/poses_5.csv
	$(call train,poses_mobile_6,mobile,60,$(ON_LIST)/poses_5.csv $(call from,poses_mobile_5) $(UPRIGHT) $(QUICKLY))
	$(POSES) --teacher=$(MODELS)/poses_server_3/model.keras --copies=3 --output=$(MODELS)/poses_6.csv
	$(call train,poses_mobile_7,mobile,13,$(ON_LIST)/poses_6.csv $(call from,poses_mobile_6) $(UPRIGHT) $(LOCAL)16)
	$(call train,poses_server_4,server,26,$(ON_LIST)/poses_5.csv $(call from,poses_server_3) $(UPRIGHT) $(QUICKLY) \
	  $(LOCAL)32 $(call rougher,0.12,0.05))
	$(call train,poses_mobile_8,mobile,13,$(ON_LIST)/poses_6.csv $(call from,poses_mobile_7) $(UPRIGHT) $(LOCAL)16 \
	  $(call rougher,0.15,0.055))
	$(call mix,mixed_5,poses_mobile_7 poses_mobile_8,0.7 0.3)
	$(call centre,mobile_68,mixed_5)
	$(call centre,server_68,poses_server_4)
	$(call train,mobile_5,mobile,6,$(ON_MTFL) $(call from,mobile) --set=learning_rate=2e-3)

clean:
	rm -rf .venv .venv-docs .venv-jax .venv-bulk runs build site *.egg-info web/node_modules web/vendor \
	  web/models

# assets/detector.tflite, from the lists of `make models` and DATA/no_faces. It trains on tiles of
# these, then also on its false detections on training photos. `make presence` trains the presence
# heads of the landmark models on the false detections of both rounds. For the shipped detector,
# server_68 labelled MTFL's points; here they are those of the last list of step 1.
DETECTOR := runs/detector
PHOTOS := --photos=$(DETECTOR)/photos.npz
FALSE_FINDS := --negatives=$(DETECTOR)/negatives_1,$(DETECTOR)/negatives_2
# $(call train_detector,NAME,EPOCHS,further flags): trains a detector and exports it to .tflite
define train_detector
$(BIN)/python -m recipes.detector.train $(PHOTOS) --workdir=$(DETECTOR)/$(1) --epochs=$(2) $(3)
$(BIN)/python -m recipes.detector.export --weights=$(DETECTOR)/$(1)/final.weights.h5 --output=$(DETECTOR)/$(1).tflite
endef
MINE = $(BIN)/python -m recipes.detector.mine $(PHOTOS) --detector=$(DETECTOR)/$(1).tflite --output=$(DETECTOR)/negatives_$(1)
GO_ON = --init_from=$(DETECTOR)/$(1)/final.weights.h5 --learning_rate=1.5e-3

detector: .venv/run
	$(BIN)/python -m recipes.detector.photos --data=$(DATA) --faces=$(MODELS)/poses_6.csv,$(MODELS)/smooth_all.csv --output=$(DETECTOR)/photos.npz
	$(call train_detector,1,30)
	$(call MINE,1)
	$(call train_detector,2,40,--negatives=$(DETECTOR)/negatives_1 $(call GO_ON,1))
	$(call MINE,2)
	cp $(DETECTOR)/2.tflite assets/detector.tflite

# $(call with_presence,NAME): adds the presence output to a model of `make models`
with_presence = $(BIN)/python -m recipes.presence $(PHOTOS) $(FALSE_FINDS) --most=3000 \
  --model=$(MODELS)/$(1)/model.keras --output=$(MODELS)/$(1)_presence/model.keras
# $(call calibrate,NAME,MODEL): ships a model whose ellipses fit every kind of face
calibrate = $(BIN)/python -m recipes.calibrate --data=$(DATA) --model=$(MODELS)/$(2)/model.keras \
  --output=assets/$(1).keras
presence: .venv/run
	$(call calibrate,server_68,server_68)
	$(call with_presence,mobile_68)
	$(call calibrate,mobile_68,mobile_68_presence)
	$(call with_presence,mobile_5)
	cp $(MODELS)/mobile_5_presence/model.keras assets/mobile_5.keras
	$(call ship,mobile_68,$(ON_LIST)/poses_6.csv)
	$(call ship,mobile_5,$(ON_MTFL))

# free_68, from DATA/clean and MediaPipe's landmark network alone: no other data set and no other
# model is opened. `evidence` checks the lists before each training.
FREE := runs/free
TEACHER ?= $(DATA)/../peers/mediapipe_face_landmarks_v2.tflite
CLEAN = --data=$(DATA)/clean
# $(call free_list,NAME,LIST OF PHOTOS): photos twice, turned photos and drawn faces once
define free_list
$(BIN)/python -m recipes.free.join --lists=$(2),$(FREE)/turned/landmarks.csv,$(FREE)/drawn/landmarks.csv --copies=2,1,1 --output=$(FREE)/$(1)/landmarks.csv
$(BIN)/python -m recipes.free.evidence $(CLEAN) --list=$(FREE)/$(1)/landmarks.csv
endef
# $(call train_free,NAME,LIST,EPOCHS,further flags)
train_free = $(BIN)/python train.py --preset=mobile --set=local_channels=none --mixed_precision --workdir=$(FREE)/$(1) \
  --dataset=csv --markup=ibug_68 --data_dir=$(FREE)/$(2)/landmarks.csv --set=epochs=$(3) \
  --set=augmentation.dark_rate=0.05 $(4)

# Embree, which renders, is one of the development requirements.
free-model: .venv/dev
	$(BIN)/python -m recipes.free.label $(CLEAN) --teacher=$(TEACHER) --output=$(FREE)/photos
	$(BIN)/python -m recipes.free.skins $(CLEAN) --photos=$(FREE)/photos/landmarks.csv --output=$(FREE)/skins.npz
	$(BIN)/python -m recipes.free.faces $(CLEAN) --skins=$(FREE)/skins.npz --output=$(FREE)/drawn --count=8000 --val=200 --seed=1
	$(BIN)/python -m recipes.free.turned $(CLEAN) --skins=$(FREE)/skins.npz --photos=$(FREE)/photos/landmarks.csv --output=$(FREE)/turned --count=4000
	$(call free_list,list_1,$(FREE)/photos/landmarks.csv)
	$(call train_free,1,list_1,12)
	$(BIN)/python -m recipes.free.relabel $(CLEAN) --model=$(FREE)/1/model.keras --trained_on=$(FREE)/list_1/landmarks.csv \
	  --labels=$(FREE)/photos/landmarks.csv --output=$(FREE)/photos_2
	$(call free_list,list_2,$(FREE)/photos_2/landmarks.csv)
	$(call train_free,2,list_2,32,--init_from=$(FREE)/1/model.keras)
	$(BIN)/python export.py --model=$(FREE)/2/model.keras --output=$(FREE)/export --formats=tflite_int8 \
	  --outputs=landmarks,covariance,visibility --dataset=csv --markup=ibug_68 --data_dir=$(FREE)/list_2/landmarks.csv \
	  --license="Software and weights are under Apache-2.0. Pass on the attribution in the model card of free_68."
	cp $(FREE)/2/model.keras assets/free_68.keras
	cp $(FREE)/export/model_int8.tflite assets/free_68.tflite
	cp $(FREE)/export/model_int8.json assets/free_68.json
