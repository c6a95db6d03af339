# make test   everything, with the race detector; installs what it needs
# make test-lightning  what runs on real lnd nodes; builds them at the first time
# make quick  the same as go test ./...: no service, no installs
# make bench  what a bot costs, held against internal/bench/budget.txt; on a quiet machine
# make test-c the bot's packages on C libsecp256k1 (tag secp256k1)
# make soak   3 bad relays, 200 customers, a bot that is killed ten times; SOAK_SEED=n repeats a plan
# make fuzz   each fuzz target for FUZZTIME
# make lint   golangci-lint; the first run builds it

GO       ?= go
FUZZTIME ?= 10s

.PHONY: test test-lightning test-c soak bench quick fuzz lint deps

# The race detector links with gcc, the tag secp256k1 with the library; the
# Redis store is tested on redis-server, and customers on nostr-tools need Node.
deps:
	@missing=; \
	command -v gcc >/dev/null || missing="gcc libc6-dev"; \
	[ -e /usr/include/secp256k1_schnorrsig.h ] || missing="$$missing libsecp256k1-dev"; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	command -v npm >/dev/null || missing="$$missing nodejs npm"; \
	[ -z "$$missing" ] || { \
		command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] || { echo "install first: $$missing"; exit 1; }; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; }

# The first build of the Lightning daemons takes minutes: it goes on beside the
# rest. The tests that need them wait for it, and build if it failed.
test: deps
	$(GO) version
	@$(GO) run ./internal/lntest/builddaemons >/dev/null 2>&1 & \
	CGO_ENABLED=0 $(GO) build ./...
	$(GO) vet ./...
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt: $$unformatted"; exit 1; }
	DMSHOP_TEST=full $(GO) test -race -count=1 -timeout 20m ./...
	CGO_ENABLED=1 $(GO) test -tags secp256k1 -race -count=1 ./nostrbot/dm/...

test-lightning: deps
	$(GO) run ./internal/lntest/builddaemons
	DMSHOP_TEST=full $(GO) test -race -count=1 -timeout 20m $$($(GO) list -f \
		'{{range .XTestImports}}{{if eq . "github.com/dmshop/dmshop/internal/lntest"}}{{$$.ImportPath}} {{end}}{{end}}' ./...)

test-c: deps
	CGO_ENABLED=1 $(GO) vet -tags secp256k1 ./nostrbot/...
	CGO_ENABLED=1 $(GO) test -tags secp256k1 -race -count=1 -timeout 20m ./nostrbot/...

# Both builds and both stores in one run; BENCH is for flags, such as BENCH=-profile=/tmp.
bench: deps
	CGO_ENABLED=0 $(GO) build -o bin/bench ./internal/bench
	CGO_ENABLED=1 $(GO) build -tags secp256k1 -o bin/bench-c ./internal/bench
	bin/bench -c bin/bench-c -redis $(BENCH)

soak:
	DMSHOP_TEST=full $(GO) test -count=1 -timeout 20m -run '^TestSoak$$' -v ./nostrbot/nostrbottest

quick:
	$(GO) test ./...

fuzz:
	@set -e; for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -h -o '^func Fuzz[A-Za-z0-9_]*' $$dir/*_test.go | cut -d' ' -f2); do \
			echo "$$dir $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$dir; \
		done; \
	done

lint:
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.6.2 run ./...
