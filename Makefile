# The two commands that a newcomer needs are `make demo` and `make test`. Node and make are enough.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help test test-faults test-model test-nodes demo start bench docs clean

help:
	@echo 'make demo        run the sample shop on an embedded PostgreSQL, with traffic, and check the outcome'
	@echo 'make start       run the sample shop until Ctrl-C, with its HTTP API; SHARDS=4 runs these two over four servers'
	@echo 'make test        install, lint, type-check, build and run the tests'
	@echo 'make test-faults kill, halt and cut off real applications and servers, and check that nothing was lost'
	@echo 'make test-model  check the protocol model exhaustively (needs spin and gcc)'
	@echo 'make test-nodes  run the tests on Node 22 and 24 too'
	@echo 'make bench       measure the queue beside others (ARGS=--help tells the options); 45 minutes'
	@echo 'make docs        build the API documentation into docs/api'
	@echo 'make clean       remove what was built'

# A finished `npm ci` leaves this file, with what it installed.
node_modules/.package-lock.json: package.json package-lock.json dashboard/package.json sample/package.json
	npm ci --no-audit --no-fund
	@mkdir -p $(@D) && touch $@

test: node_modules/.package-lock.json
	npm run lint:format
	npm run lint
	npm run lint:deps
	npm run lint:sql
	npm run build
	npm run typecheck
	npm test
	npm run test:over -- --smoke

test-faults: node_modules/.package-lock.json
	npm run build
	npm run test:faults

# Node alone is enough for it: nothing is installed or built.
test-model:
	node test/model/run.mjs

test-nodes: node_modules/.package-lock.json
	npm run build
	npm run test:nodes

dist/lib/index.js: node_modules/.package-lock.json tsconfig.json tsconfig.build.json $(shell find lib migrations -name '*.ts') $(shell find dashboard -type f)
	npm run build

sample/dist/start.js: dist/lib/index.js sample/tsconfig.json $(shell find sample/src -name '*.ts')
	npm run build --workspace sample

demo start: sample/dist/start.js
	@npm run $@ --workspace sample --silent

# The contenders need Node 22 or newer: bench/ brings its own, and its scripts find that first.
bench/node_modules/.package-lock.json: bench/package.json bench/package-lock.json
	npm ci --no-audit --no-fund --loglevel=error --prefix bench
	@mkdir -p $(@D) && touch $@

bench: node_modules/.package-lock.json bench/node_modules/.package-lock.json
	npm run build
	npm start --prefix bench -- $(ARGS)

docs: node_modules/.package-lock.json
	npm run docs

clean: node_modules/.package-lock.json
	npm run clean
