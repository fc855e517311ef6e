# The short list of what one does here: `make help`.

GOLANGCI_VERSION := v2.15.0
GOLANGCI         := .tools/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
GOTESTFLAGS      ?=
# SQLite is C made into Go: it takes most of the time under the detector, and
# what it does with its memory is not ours (docs/decisions/0015).
RACEFLAGS        := -race -gcflags=all=-d=checkptr=0 -gcflags=modernc.org/...=-race=false

.DEFAULT_GOAL := help

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: build
build: ## The program, as ./flashpay
	go build -o flashpay ./cmd/flashpay

.PHONY: demo
demo: ## All parties in one process, on SQLite: open the addresses that it prints
	go run ./cmd/flashpay demo

.PHONY: deps
deps: ## Install what the tests need beside Go, through apt where allowed
	@scripts/deps.sh $(if $(findstring -race,$(GOTESTFLAGS)),race)

# What takes longest begins first, so that nothing long is left at the end.
LONGEST := ./internal/dashboard ./e2e ./internal/store ./cmd/flashpay

.PHONY: test
test: deps ## All tests, on SQLite and PostgreSQL (flags: GOTESTFLAGS=-v)
	scripts/test.sh -timeout=30m $(GOTESTFLAGS) $(LONGEST) ./...

.PHONY: race
race: ## The same with the race detector, as CI runs them
	@$(MAKE) --no-print-directory test GOTESTFLAGS="$(RACEFLAGS) $(GOTESTFLAGS)"

.PHONY: soak
soak: deps ## The long form of the crash and fault tests (hours)
	FLASHPAY_SOAK=1 go test -count=1 -timeout=12h -v ./e2e/... ./internal/crashtest/...

.PHONY: screenshots
screenshots: deps ## The pictures of the documentation, taken anew (docs/images)
	FLASHPAY_SCREENSHOTS=$(CURDIR)/docs/images go test -count=1 -run Screenshot ./e2e/...
	FLASHPAY_SCREENSHOTS=$(CURDIR)/docs/images/dashboard go test -count=1 -timeout=30m -run TestEveryPageInBrowser ./internal/dashboard

.PHONY: fuzz
fuzz: ## Each fuzz test for FUZZTIME (default 30s)
	@scripts/fuzz.sh

.PHONY: mutate
mutate: deps ## Small faults on the road of money, and which of them no test notices (hours; MUTATEFLAGS='-sample 50 -seed 2')
	go run ./internal/tools/mutate $(MUTATEFLAGS) -explained docs/mutations.txt -report mutations.txt \
		-wider ./internal/masspayout,./internal/manual ./internal/rule ./internal/accept
	go run ./internal/tools/mutate $(MUTATEFLAGS) -explained docs/mutations.txt -report mutations-stations.txt \
		./internal/provider/sandbox ./internal/callback ./internal/process
	go run ./internal/tools/mutate $(MUTATEFLAGS) -explained docs/mutations.txt -report mutations-store.txt -wider ./internal/process,./internal/audit \
		-files accept*.go,attempt.go,event.go,funds.go,lease.go,notification.go,shard.go,step.go,writer.go ./internal/store

.PHONY: spreadsheet
spreadsheet: ## CSV files through LibreOffice and back, every cell compared (not in CI: soffice is large)
	@scripts/spreadsheet.sh

.PHONY: webhooks
webhooks: ## Webhook headers verified by the npm package standardwebhooks (not in CI: it needs npm's registry)
	@scripts/webhooks.sh

.PHONY: vuln
vuln: ## Known vulnerabilities in what is imported and called (govulncheck)
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

.PHONY: fmt
fmt: $(GOLANGCI) ## Format all Go files (gofumpt)
	$(GOLANGCI) fmt

.PHONY: lint
lint: $(GOLANGCI) ## go vet, gofumpt and golangci-lint; go.mod is tidy
	go vet ./...
	$(GOLANGCI) run
	go mod tidy -diff

# Built from source: the Go module proxy is all that it takes, and go.sum's
# database vouches for it. GOFLAGS of this module are not the tool's.
$(GOLANGCI):
	@echo "Building golangci-lint $(GOLANGCI_VERSION), once; this takes minutes"
	GOFLAGS= GOBIN=$(CURDIR)/$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
