# Everything a person runs here. `make` alone lists it.
# Python 3.11 or newer; another one by PYTHON=/path/to/python3.12.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && exit; done; echo python3)
BIN := .venv/bin
PORT ?= 8000
TICKETS ?= 100000
SEED ?= 1
ARGS ?=
# A worker a core, whole files to each; few files are not worth the databases.
WHOLE_SUITE := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
export PORT

.DEFAULT_GOAL := help
.PHONY: help run stop logs test install install-dev bench-data bench lock lint format messages clean reset has-python

help: ## 列出这些命令 this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

has-python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
		echo "✗ 没有找到 Python 3：请先安装 3.11 或更新的版本（如 apt-get install python3 python3-venv）。 / Python 3.11 or newer is needed." >&2; exit 1; }

install: has-python
	@$(PYTHON) shimao_service/embedded/install.py run

install-dev: has-python
	@$(PYTHON) shimao_service/embedded/install.py test

run: install ## 启动演示：PORT=8001 换端口，ARGS=--empty 不填演示数据 start the demo
	@exec $(BIN)/python -m shimao_service.embedded run $(ARGS)

stop: ## 停止 make run 启动的一切 stop what make run started
	@[ ! -x $(BIN)/python ] || $(BIN)/python -m shimao_service.embedded stop

logs: ## 看日志 follow the logs
	@tail -n 20 -F .run/logs/*.log

test: install-dev ## 全部测试：ARGS="tests/tickets -k 派单" 只跑一部分 the whole suite
	@exec $(BIN)/python -m shimao_service.embedded with test -- $(BIN)/python -m pytest $(or $(ARGS),$(WHOLE_SUITE))

bench-data: install ## 填充测速用的库：TICKETS=1000000 SEED=1 fill a database for measuring
	@$(BIN)/python -m shimao_service.embedded with --fresh bench -- $(BIN)/python manage.py prepare
	@exec $(BIN)/python -m shimao_service.embedded with bench -- $(BIN)/python manage.py demo_data --tickets $(TICKETS) --seed $(SEED)

bench: install ## 在那个库上测速 measure on it
	@exec $(BIN)/python -m shimao_service.embedded with bench -- $(BIN)/python manage.py bench $(ARGS)

lint: install-dev ## 风格、类型、模板、分层 style, types, templates, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	DEBUG=1 $(BIN)/mypy
	$(BIN)/djlint --lint templates
	DEBUG=1 $(BIN)/lint-imports

format: install-dev ## 按风格改写 rewrite to style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	

messages: install-dev ## 编译英文译文 compile the English catalogue
	$(BIN)/pybabel compile --domain django --directory locale --statistics

lock: install-dev ## 重新锁定依赖 resolve and lock the dependencies
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links -q -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --group dev -c requirements.txt --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links -q -o requirements-dev.txt

clean: ## 删除虚拟环境和缓存，数据保留 remove the environment and caches, keep the data
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

reset: install ## 清空演示、测试、测速数据 delete all demo, test and bench data
	@exec $(BIN)/python -m shimao_service.embedded reset
