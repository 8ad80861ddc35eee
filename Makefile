# SPDX-License-Identifier: Apache-2.0
# Plain GNU make. `make help` lists the targets. Sources are found by wildcard: a new file or module needs no line here.
#
#   V=1            show the commands            BUILD=dir        build somewhere else
#   DEVELOPER=1    warnings are errors
#   CC=clang       another compiler             SAN=…            sanitizers for everything (see asan)
#   MODULES='base cel'  only these, without the program: for work on a lower floor

BUILD ?= build
PREFIX ?= /usr
# Debian installs its modules for its own interpreter, whatever stands first in PATH.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
CLANG ?= clang
CLANG_FORMAT ?= clang-format
PKG_CONFIG ?= pkg-config
MODULES ?= *
V ?= 0
SAN ?=
TIME ?= 60
ARGS ?=

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

# ---- what there is ------------------------------------------------------------------------------------------------------------

LIB_SRC := $(sort $(wildcard $(patsubst %,src/%/*.c,$(MODULES))))
MAIN_SRC := $(if $(filter *,$(MODULES)),$(wildcard src/main.c))
TESTLIB_SRC := $(sort $(wildcard tests/lib/*.c))
# Stands in for src/mqtt, so it is linked only into what wants links that it holds itself.
STILL_LINK := tests/lib/still_link.c
STILL_FUZZ := command control
STILL_UNIT := daemon/test_memory daemon/test_answers
UNIT_SRC := $(sort $(wildcard $(patsubst %,tests/unit/%/test_*.c,$(MODULES))))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
CONFORMANCE_SRC := $(sort $(wildcard tests/conformance/*.c))

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIB := $(BUILD)/libgengfu.a
BIN := $(if $(MAIN_SRC),$(BUILD)/gengfu)
UNIT_BIN := $(patsubst %.c,$(BUILD)/%,$(UNIT_SRC))
FUZZ_BIN := $(patsubst %.c,$(BUILD)/%,$(FUZZ_SRC))
CONFORMANCE_BIN := $(if $(CONFORMANCE_SRC),$(BUILD)/tests/conformance/run)

# ---- libraries ----------------------------------------------------------------------------------------------------------------

PACKAGES := libuv libmosquitto sqlite3 libcjson yaml-0.1 libssl libcrypto libpcre2-8 liblz4
# Loaded at run time where it is needed (src/forward/curl.h): only its headers.
HEADERS := libcurl

# These goals need no library, so they must work on a machine that has none yet. Everything else stops early, with the cure.
BARE := help clean deps test demo check-source uninstall cross cross-ready test-cross bench-arm
ifneq ($(filter-out $(BARE),$(or $(MAKECMDGOALS),all)),)
MISSING := $(shell command -v $(PKG_CONFIG) >/dev/null 2>&1 || echo pkg-config; \
	for p in $(PACKAGES) $(HEADERS); do $(PKG_CONFIG) --exists $$p 2>/dev/null || echo $$p; done)
ifneq ($(strip $(MISSING)),)
$(error not installed: $(strip $(MISSING)). `make deps` installs what is missing from Debian)
endif
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) $(HEADERS))
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES))
# Protections that not every compiler has for every machine.
HARDEN := $(foreach f,-fstack-clash-protection -fcf-protection=full -mbranch-protection=standard, \
	$(shell $(CC) -Werror $(f) -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(f)))
# A tenth of what must be read and written at every start; linkers and C libraries before 2022 do not know it.
PACKED := $(shell echo 'int main(void){return 0;}' | $(CC) -Wl,--fatal-warnings,-z,pack-relative-relocs -x c - -o /dev/null 2>/dev/null && \
	echo -Wl,-z,pack-relative-relocs)
endif

# ---- flags --------------------------------------------------------------------------------------------------------------------

OPT ?= $(if $(SAN),-O1,-O2)
CFLAGS ?= $(OPT) -g
WARN := -Wall -Wextra
ifneq ($(DEVELOPER),)
WARN += -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla -Wundef
endif

# 64 bits for what files and directories count in, also where a long has 32.
GF_CPPFLAGS := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iinclude -Isrc $(PKG_CFLAGS)
# What makes a mistake of ours harder to use against the gateway; tests/make/run looks into the program for each of them.
GF_CFLAGS := -std=gnu17 $(WARN) -fPIE -fstack-protector-strong $(HARDEN) -fno-omit-frame-pointer
GF_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--as-needed
ifeq ($(SAN),)
GF_CPPFLAGS += $(if $(filter -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
# A tenth of the program; frame pointers and the debug information tell a debugger the same.
GF_CFLAGS += -fno-asynchronous-unwind-tables
GF_LDFLAGS += $(PACKED)
else
GF_CFLAGS += -fsanitize=$(SAN) -fno-sanitize-recover=all
GF_LDFLAGS += -fsanitize=$(SAN)
endif
LIBS := $(PKG_LIBS) -lm -ldl

# What no message passes through is compiled for size: the commands, rule tests, the control socket, platforms, and what reads rules and compiles expressions.
SMALL := $(wildcard $(foreach m,backtest cli control forward ruletest sim,src/$m/*.c)) \
	$(filter-out $(addprefix src/rules/,charset.c event%.c functions%.c interval.c moment.c template.c),$(wildcard src/rules/*.c)) \
	$(filter-out src/daemon/pipeline.c,$(wildcard src/daemon/*.c)) \
	$(addprefix src/store/,audit.c migrate.c open.c query.c ruleset.c salvage.c) \
	$(addprefix src/cel/,aggregates.c check.c check_calls.c compile.c env.c explain.c functions.c generate.c lexer.c macros.c names.c parser.c report.c slips.c)
$(patsubst %.c,$(BUILD)/%.o,$(SMALL)): GF_CFLAGS += $(if $(filter -O2,$(CFLAGS)),-Os)

# Tests may include a module's private header ("cel/cel_int.h") and lean on tests/lib.
TEST_CPPFLAGS := -Itests/lib

# The version: the tag when git knows one, else the VERSION file with the commit behind it. Only the files that name
# GENGFU_VERSION are compiled again when it changes.
VERSION := $(shell cat VERSION)
GIT_VERSION := $(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null | sed 's/^v//' || true)
GIT_COMMIT := $(shell git rev-parse --short HEAD 2>/dev/null || true)
GENGFU_VERSION := $(or $(GIT_VERSION),$(VERSION)$(if $(GIT_COMMIT),+g$(GIT_COMMIT)))
VERSIONED := $(shell grep -l GENGFU_VERSION $(LIB_SRC) $(MAIN_SRC) /dev/null 2>/dev/null)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-5s %s\n' '$(1)' '$(2)'
endif

# One job a processor, unless the caller has said how many.
JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 1))
SUBMAKE = $(MAKE) --no-print-directory

# ---- build --------------------------------------------------------------------------------------------------------------------

.PHONY: all lib
all: $(LIB) $(BIN) ## the library and, once there is a src/main.c, the program
lib: $(LIB)

$(LIB): $(call obj,$(LIB_SRC))
	$(call say,AR,$@)
	$(Q)rm -f $@.new && $(AR) rcs $@.new $^ && mv -f $@.new $@

$(BUILD)/gengfu: $(call obj,$(MAIN_SRC)) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(GF_CFLAGS) $(LDFLAGS) $(GF_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/src/%.o: src/%.c Makefile
	$(call say,CC,$(patsubst $(BUILD)/%,%,$@))
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(GF_CPPFLAGS) $(CFLAGS) $(GF_CFLAGS) -MMD -MP -c -o $@ $<

$(call obj,$(VERSIONED)): $(BUILD)/version.h
$(call obj,$(VERSIONED)): GF_CPPFLAGS += -include $(BUILD)/version.h

.PHONY: FORCE
$(BUILD)/version.h: FORCE
	@mkdir -p $(@D)
	@echo '#define GENGFU_VERSION "$(GENGFU_VERSION)"' >$@.$$$$; cmp -s $@.$$$$ $@ && rm -f $@.$$$$ || mv -f $@.$$$$ $@

# ---- tests: programs ----------------------------------------------------------------------------------------------------------

$(BUILD)/tests/%.o: tests/%.c Makefile
	$(call say,CC,$(patsubst $(BUILD)/%,%,$@))
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(GF_CPPFLAGS) $(TEST_CPPFLAGS) $(CFLAGS) $(GF_CFLAGS) $(EXTRA_WARN) -MMD -MP -c -o $@ $<

# libFuzzer declares its entry point nowhere.
$(call obj,$(FUZZ_SRC)): EXTRA_WARN = -Wno-missing-prototypes

TESTLIB := $(if $(TESTLIB_SRC),$(BUILD)/tests/libtest.a)
$(BUILD)/tests/libtest.a: $(call obj,$(filter-out $(STILL_LINK),$(TESTLIB_SRC)))
	$(Q)rm -f $@.new && $(AR) rcs $@.new $^ && mv -f $@.new $@

# Linked before the libraries, whose functions it replaces.
$(STILL_UNIT:%=$(BUILD)/tests/unit/%) $(STILL_FUZZ:%=$(BUILD)/tests/fuzz/fuzz_%): $(call obj,$(STILL_LINK))
$(UNIT_BIN): $(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(TESTLIB) $(LIB)
	$(call say,LD,$(patsubst $(BUILD)/%,%,$@))
	$(Q)$(CC) $(CFLAGS) $(GF_CFLAGS) $(LDFLAGS) $(GF_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka $(LIBS)

# The same targets as for libFuzzer, with a main of our own that replays files: any compiler will do.
$(FUZZ_BIN): $(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/replay_main.o $(TESTLIB) $(LIB)
	$(call say,LD,$(patsubst $(BUILD)/%,%,$@))
	$(Q)$(CC) $(CFLAGS) $(GF_CFLAGS) $(LDFLAGS) $(GF_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

ifneq ($(CONFORMANCE_BIN),)
$(CONFORMANCE_BIN): $(call obj,$(CONFORMANCE_SRC)) $(LIB)
	$(call say,LD,$(patsubst $(BUILD)/%,%,$@))
	$(Q)$(CC) $(CFLAGS) $(GF_CFLAGS) $(LDFLAGS) $(GF_LDFLAGS) -o $@ $^ $(LIBS)
endif

.PHONY: unit-programs fuzz-programs
unit-programs: $(if $(ONLY),$(foreach b,$(UNIT_BIN),$(if $(findstring $(ONLY),$(b)),$(b))),$(UNIT_BIN))
fuzz-programs: $(FUZZ_BIN)

# Where libseccomp is, the daemon is also run under the unit's system call filter.
SECCOMP_LAUNCH := $(if $(shell $(PKG_CONFIG) --exists libseccomp 2>/dev/null && echo yes),$(BUILD)/tests/seccomp/launch)
$(BUILD)/tests/seccomp/launch: tests/seccomp/launch.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(GF_CPPFLAGS) $(CFLAGS) $(WARN) $< -o $@ $(LDFLAGS) $(shell $(PKG_CONFIG) --libs libseccomp)

# ---- tests: running them ------------------------------------------------------------------------------------------------------

RUN = $(PYTHON) tests/run --build $(BUILD)

.PHONY: deps test test-all test-unit test-fuzz test-rules test-cli test-e2e torture torture-programs test-torture test-filter test-systemd test-build check-source conformance demo demo-run
deps: ## install from Debian what the build and the tests need and this machine lacks (LINT=1: what make lint needs, too)
	@./tests/deps $(if $(LINT),lint)

test: ## everything; installs what is missing first
	@./tests/deps
	@$(SUBMAKE) $(JOBS) test-all

test-all: all unit-programs fuzz-programs torture-programs $(SECCOMP_LAUNCH)
	@$(RUN) all

test-unit: unit-programs ## the unit tests (ONLY=part of a name)
	@$(RUN) $(if $(ONLY),--only $(ONLY)) --modules '$(MODULES)' unit

# What a naive second implementation or the uncut run says is the yardstick. The latter two run a fiftieth, each of many events.
STREAMS ?= 100000
NAIVE_BIN := $(addprefix $(BUILD)/tests/unit/engine/,test_naive test_naive_told)
CUTS_BIN := $(addprefix $(BUILD)/tests/unit/engine/,test_property test_sources)
.PHONY: streams
streams: $(NAIVE_BIN) $(CUTS_BIN) ## each rule pattern against a naive implementation, batches, stops and kills against one go (STREAMS=100000 a pattern)
	@for t in $(NAIVE_BIN); do GENGFU_STREAMS=$(STREAMS) $$t || exit 1; done
	@for t in $(CUTS_BIN); do GENGFU_STREAMS=$$(($(STREAMS) / 50 + 1)) $$t || exit 1; done

test-fuzz: fuzz-programs ## replay the corpus through every fuzz target
	@$(RUN) $(if $(ONLY),--only $(ONLY)) fuzz

test-rules: all ## the shipped rules, by their own tests
	@$(RUN) rules

test-cli: all ## the command line, as a user types it (ONLY=part of a name)
	@$(RUN) $(if $(ONLY),--only $(ONLY)) cli

test-e2e: all torture-programs $(SECCOMP_LAUNCH) ## the program as a whole, with a real broker (ONLY=part of a name)
	@$(RUN) $(if $(ONLY),--only $(ONLY)) e2e

# What the torture bench needs beside the program: a library to preload into it, and a reader of its journal.
TORTURE := $(BUILD)/tests/torture/shim.so $(BUILD)/tests/torture/journal
torture-programs: $(TORTURE)

$(BUILD)/tests/torture/shim.so: tests/torture/shim.c tests/lib/store_vfs.c tests/lib/store_fx.h Makefile
	$(call say,LD,$(patsubst $(BUILD)/%,%,$@))
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(GF_CPPFLAGS) $(TEST_CPPFLAGS) $(OPT) -g -std=gnu17 $(WARN) -fPIC -shared -o $@ $(filter %.c,$^) $(shell $(PKG_CONFIG) --libs sqlite3) -ldl

$(BUILD)/tests/torture/journal: $(BUILD)/tests/torture/journal.o $(LIB)
	$(call say,LD,$(patsubst $(BUILD)/%,%,$@))
	$(Q)$(CC) $(CFLAGS) $(GF_CFLAGS) $(LDFLAGS) $(GF_LDFLAGS) -o $@ $^ $(LIBS)

torture: all $(TORTURE) ## everything that can go wrong, for ten minutes, or with LONG=1 for an hour; writes docs/reliability.md (ONLY=part of a name, TIMES=n: only that, and nothing is written)
	@$(PYTHON) tests/torture/run --build $(BUILD) --write $(if $(LONG),--long) $(if $(ONLY),--only $(ONLY)) $(if $(TIMES),--times $(TIMES)) $(ARGS)

test-torture: all $(TORTURE) ## the minute of it that belongs to `make test`
	@$(RUN) torture

test-filter: all $(TORTURE) $(SECCOMP_LAUNCH) ## e2e and torture once more, under the unit's system call filter: what it does not allow ends the daemon
	@test -n "$(SECCOMP_LAUNCH)" || { echo 'make test-filter needs libseccomp-dev' >&2; exit 2; }
	@GENGFU_TEST_FILTER=kill $(RUN) e2e torture

test-systemd: all $(TORTURE) ## the unit under a real systemd, in a virtual machine that loses its power (root, qemu-system-x86, debootstrap; minutes)
	@$(PYTHON) tests/systemd/run --build $(BUILD) $(ARGS)

test-build: all ## the Makefile itself
	@$(RUN) build

check-source: ## floors, forbidden functions, format
	@$(PYTHON) tests/check-source

conformance: $(LIB) $(CONFORMANCE_BIN) ## the CEL standard suite: make conformance CEL=directory
	@test -n "$(CEL)" || { echo 'make conformance CEL=directory with the *.textproto or *.json files of the suite' >&2; exit 2; }
	@test -n "$(CONFORMANCE_BIN)" || { echo 'there is no tests/conformance yet' >&2; exit 2; }
	@$(CONFORMANCE_BIN) $(CEL)

$(BUILD)/tests/bench/plain: tests/bench/plain.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(GF_CPPFLAGS) $(CFLAGS) $(GF_CFLAGS) $< -o $@ $(LDFLAGS) $(shell $(PKG_CONFIG) --cflags --libs libmosquitto libuv sqlite3 libcjson)

$(BUILD)/tests/bench/inside: tests/bench/inside.c $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(GF_CPPFLAGS) $(CFLAGS) $(GF_CFLAGS) $^ -o $@ $(LDFLAGS) $(LIBS)

.PHONY: bench bench-peers
bench: all $(BUILD)/tests/bench/plain $(BUILD)/tests/bench/inside ## figures, beside a plain C program and what else a user might take (BENCH=name for one)
	@$(PYTHON) tests/bench/run $(BUILD) $(BENCH)

bench-peers: ## install what bench compares with: jq, mosquitto-clients from Debian, Node-RED from npm (into build/peers)
	@./tests/deps peers
	@command -v npm >/dev/null || { echo 'bench-peers: npm is not installed: Node-RED will be skipped' >&2; exit 0; }; \
		mkdir -p build/peers && npm install --silent --no-fund --no-audit --prefix build/peers node-red

# ---- other machines -----------------------------------------------------------------------------------------------------------

# Debian's names of machines. What is fetched and built for one lands in build/cross/ARCH.
ARCH ?= arm64
TRIPLET_arm64 := aarch64-linux-gnu
TRIPLET_armhf := arm-linux-gnueabihf
QEMU_arm64 := qemu-aarch64
QEMU_armhf := qemu-arm
CROSS := build/cross/$(ARCH)
SYSROOT := $(CURDIR)/$(CROSS)/root
CROSS_GOALS ?= all
CROSS_MAKE = PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(TRIPLET_$(ARCH))/pkgconfig:$(SYSROOT)/usr/share/pkgconfig \
	$(SUBMAKE) BUILD=$(CROSS)/build CC='$(TRIPLET_$(ARCH))-gcc --sysroot=$(SYSROOT)' AR=$(TRIPLET_$(ARCH))-ar

.PHONY: cross cross-ready test-cross bench-arm
cross-ready:
	@test -n "$(TRIPLET_$(ARCH))" || { echo "make cross ARCH=arm64 or ARCH=armhf, not '$(ARCH)'" >&2; exit 2; }
	@./tests/deps cross
	@tests/cross/sysroot $(ARCH) $(CROSS)

cross: cross-ready ## the program for another machine, with Debian's compiler and libraries for it: make cross ARCH=arm64, or armhf
	@$(CROSS_MAKE) $(JOBS) $(CROSS_GOALS)
	@ls -l $(CROSS)/build/gengfu

test-cross: ## the unit tests of the program for another machine, under qemu (ARCH=arm64 or armhf; ONLY=part of a name; CEL=directory: and the CEL standard suite)
	@$(MAKE) --no-print-directory cross ARCH=$(ARCH) CROSS_GOALS='all unit-programs $(if $(CEL),$(CROSS)/build/tests/conformance/run)' ONLY=$(ONLY)
	@QEMU_LD_PREFIX=$(SYSROOT) $(PYTHON) tests/run --build $(CROSS)/build $(if $(ONLY),--only $(ONLY)) --modules '$(MODULES)' --patience 10 --wrap $(QEMU_$(ARCH)) unit
	@$(if $(CEL),QEMU_LD_PREFIX=$(SYSROOT) $(QEMU_$(ARCH)) $(CROSS)/build/tests/conformance/run $(CEL))

bench-arm: ## instructions, heap and size of the programs for arm64 and armhf, counted under qemu
	@for a in arm64 armhf; do $(MAKE) --no-print-directory cross ARCH=$$a CROSS_GOALS='all build/cross/'$$a'/build/tests/bench/inside' || exit 1; done
	@$(CC) -O2 -fPIC -shared -o build/cross/count.so tests/cross/count.c
	@$(PYTHON) tests/bench/run build/cross arm

demo: ## a neighbourhood's hour in a minute (ARGS=--keep leaves it running)
	@./tests/deps demo
	@$(SUBMAKE) $(JOBS) all
	@exec $(PYTHON) tests/demo/run --build $(BUILD) $(ARGS)

# ---- tools --------------------------------------------------------------------------------------------------------------------

.PHONY: lint lint-all lint-cppcheck asan valgrind coverage fuzz fuzz-one format tags
# Readers of the sources. Each leaves a mark a file, so that what was found clean is read again only when it or one of its headers has changed. gcc's analyzer is for the program; tests end by longjmp
# where it does not look for it. What they are not to find is said with its reason: in .clang-tidy, tests/lint/cppcheck.txt, and here. It never installs anything.
GCC ?= gcc
CLANG_TIDY ?= clang-tidy
CPPCHECK ?= cppcheck
LINT_SRC := $(LIB_SRC) $(MAIN_SRC)
LINT_TESTS := $(TESTLIB_SRC) $(FUZZ_SRC)
LINT_FLAGS = $(CPPFLAGS) -D_GNU_SOURCE -Iinclude -Isrc $(PKG_CFLAGS) $(TEST_CPPFLAGS) -DGENGFU_VERSION='"lint"' -std=gnu17 -O1
# gcc 12 loses what is stored in a member behind a pointer ("leak of <unknown>" right after `w->ring = ring`). Leaks are looked for by clang-tidy's analyzer, by the sanitizers, and by the tests in which
# every allocation fails.
# It takes bytes of a union that were not set, because another member was, for values that are used; clang-tidy's analyzer, the compilers and valgrind look for those.
ANALYZER_LESS := -Wno-analyzer-malloc-leak -Wno-analyzer-use-of-uninitialized-value

lint: ## gcc -fanalyzer, clang-tidy and cppcheck; takes its time, and the second time only what has changed (make deps LINT=1 brings the tools)
	@missing=$$(for t in $(GCC) $(CLANG_TIDY) $(CPPCHECK); do command -v $$t >/dev/null || echo $$t; done); \
		test -z "$$missing" || { echo "lint: not installed:" $$missing"; make deps LINT=1 brings it from Debian" >&2; exit 2; }
	@$(SUBMAKE) $(JOBS) -k lint-all

# What else decides what they find: not the whole Makefile.
$(BUILD)/lint/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','"'"',$(LINT_FLAGS) $(ANALYZER_LESS))' >$@.$$$$; cmp -s $@.$$$$ $@ && rm -f $@.$$$$ || mv -f $@.$$$$ $@

lint-all: $(LINT_SRC:%.c=$(BUILD)/lint/%.gcc) $(patsubst %.c,$(BUILD)/lint/%.tidy,$(LINT_SRC) $(LINT_TESTS)) lint-cppcheck

$(BUILD)/lint/%.gcc: %.c $(BUILD)/lint/flags
	$(call say,GCC,$<)
	@mkdir -p $(@D)
	$(Q)$(GCC) $(LINT_FLAGS) -Wall -Wextra -Werror -fanalyzer $(ANALYZER_LESS) -MMD -MP -MT $@ -MF $@.d -c -o /dev/null $< && touch $@

$(BUILD)/lint/%.tidy: %.c .clang-tidy $(BUILD)/lint/flags
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	@$(CC) $(LINT_FLAGS) -MM -MP -MT $@ -MF $@.d $<
	$(Q)$(CLANG_TIDY) --quiet $< -- $(LINT_FLAGS) 2>$@.log || { cat $@.log >&2; exit 1; }; touch $@

lint-cppcheck:
	$(call say,CHECK,src include tests)
	@mkdir -p $(BUILD)/lint/cppcheck
	$(Q)$(CPPCHECK) -q --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 --template=gcc --library=tests/lint/cppcheck.cfg \
		--suppressions-list=tests/lint/cppcheck.txt --cppcheck-build-dir=$(BUILD)/lint/cppcheck -D_GNU_SOURCE -Iinclude -Isrc -Itests/lib include src tests

# Tests preload libraries of their own before the sanitizer's.
ASAN_ENV = ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:verify_asan_link_order=0 UBSAN_OPTIONS=print_stacktrace=1
ASAN_BUILD ?= build-asan
PARTS ?= unit fuzz rules cli e2e
asan: ## the tests with address and undefined-behaviour sanitizers (PARTS='unit fuzz': the short ones; ONLY=part of a name)
	@$(SUBMAKE) $(JOBS) BUILD=$(ASAN_BUILD) SAN=address,undefined all unit-programs fuzz-programs torture-programs $(SECCOMP_LAUNCH:$(BUILD)/%=$(ASAN_BUILD)/%)
	@for p in $(PARTS); do $(ASAN_ENV) $(PYTHON) tests/run --build $(ASAN_BUILD) --patience 10 $(if $(ONLY),--only $(ONLY)) --modules '$(MODULES)' $$p || failed=1; done; test -z "$$failed"

# The platform's timeouts and Retry-After of forward/test_https are seconds of a real clock, in which a slow machine under valgrind has not even shaken hands. The sanitizers run it,
# and forward/test_memory asks the same code for every allocation.
VALGRIND_NOT := unit/forward/test_https
valgrind: unit-programs ## unit tests under valgrind
	@$(RUN) --without '$(VALGRIND_NOT)' $(if $(ONLY),--only $(ONLY)) --modules '$(MODULES)' --patience 10 --wrap 'valgrind -q --suppressions=tests/lint/valgrind.supp --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect' unit

coverage: ## lines covered by the unit tests, a module a line
	@$(SUBMAKE) BUILD=build-coverage CFLAGS='-O0 -g --coverage' all unit-programs
	@find build-coverage -name '*.gcda' -exec rm -f {} +
	@$(PYTHON) tests/run --build build-coverage --modules '$(MODULES)' unit >build-coverage/tests.log || { cat build-coverage/tests.log; false; }
	@$(PYTHON) tests/coverage build-coverage

# fuzz FUZZ=name TIME=seconds: what libFuzzer finds lands in tests/fuzz/work/<name>; what breaks goes to the corpus with its fix.
fuzz: ## let libFuzzer search: make fuzz FUZZ=json TIME=60 (needs clang)
	@test -f tests/fuzz/fuzz_$(FUZZ).c || { echo 'make fuzz FUZZ=name, one of: $(patsubst tests/fuzz/fuzz_%.c,%,$(FUZZ_SRC))' >&2; exit 2; }
	@$(SUBMAKE) BUILD=build-fuzz CC=$(CLANG) SAN=fuzzer-no-link,address,undefined fuzz-one FUZZ=$(FUZZ)
	@mkdir -p tests/fuzz/work/$(FUZZ) tests/fuzz/corpus/$(FUZZ)
	build-fuzz/fuzz_$(FUZZ) -max_total_time=$(TIME) -timeout=10 -rss_limit_mb=2048 -artifact_prefix=tests/fuzz/work/$(FUZZ)- \
		$(wildcard tests/fuzz/$(FUZZ).dict:%=-dict=%) tests/fuzz/work/$(FUZZ) tests/fuzz/corpus/$(FUZZ)

fuzz-one: $(BUILD)/tests/fuzz/fuzz_$(FUZZ).o $(if $(filter $(FUZZ),$(STILL_FUZZ)),$(call obj,$(STILL_LINK))) $(TESTLIB) $(LIB)
	$(call say,LD,$(BUILD)/fuzz_$(FUZZ))
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer,address,undefined -o $(BUILD)/fuzz_$(FUZZ) $^ $(LIBS)

format: ## rewrite the sources as .clang-format says
	$(CLANG_FORMAT) -i $(wildcard include/gengfu/*/*.h src/*.c src/*/*.[ch] tests/*/*.[ch] tests/unit/*/*.[ch])

tags: ## for editors
	ctags -R include src tests

compile_commands.json: FORCE ## for clangd and clang-tidy
	@$(PYTHON) tests/compile-commands '$(CC) $(CPPFLAGS) $(GF_CPPFLAGS) $(TEST_CPPFLAGS) $(CFLAGS) $(GF_CFLAGS)' \
		$(LIB_SRC) $(MAIN_SRC) $(TESTLIB_SRC) $(UNIT_SRC) $(FUZZ_SRC) $(wildcard tests/fuzz/replay_main.c) $(CONFORMANCE_SRC) >$@

# ---- install ------------------------------------------------------------------------------------------------------------------

.PHONY: install uninstall clean help
BINDIR = $(DESTDIR)$(PREFIX)/bin
DATADIR = $(DESTDIR)$(PREFIX)/share/gengfu
DOCDIR = $(DESTDIR)$(PREFIX)/share/doc/gengfu
UNITDIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
SYSUSERSDIR = $(DESTDIR)$(PREFIX)/lib/sysusers.d
TMPFILESDIR = $(DESTDIR)$(PREFIX)/lib/tmpfiles.d
UNITS := $(wildcard systemd/*.service systemd/*.socket systemd/*.timer)
SYSUSERS := $(wildcard systemd/*sysusers*)
TMPFILES := $(wildcard systemd/*tmpfiles*)
SNIPPETS := $(filter-out $(SYSUSERS) $(TMPFILES),$(wildcard systemd/*.conf systemd/*.example))

# The program writes its own manual, completions and schemas; a program for another machine cannot: HELPER=path of one for this machine.
HELPER ?= $(abspath $(BIN))
MANDIR = $(DESTDIR)$(PREFIX)/share/man/man1
BASHDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR = $(DESTDIR)$(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)

# Each file of the tree $(1) to the directory $(2).
copy_tree = (cd $(1) && find . -type f) | while read -r f; do install -D -m 644 "$(1)/$$f" "$(2)/$$f" || exit 1; done

install: all ## DESTDIR=… PREFIX=/usr: program, units, rules as examples, schemas, documentation, man pages, completion
	install -D -m 755 $(BIN) $(BINDIR)/gengfu
	@for f in $(UNITS); do install -d $(UNITDIR) && \
		sed 's|/usr/bin/gengfu|$(PREFIX)/bin/gengfu|g' $$f >$(UNITDIR)/$${f##*/} && chmod 644 $(UNITDIR)/$${f##*/} || exit 1; done
	@$(if $(SYSUSERS),install -D -m 644 $(SYSUSERS) $(SYSUSERSDIR)/gengfu.conf)
	@$(if $(TMPFILES),install -D -m 644 $(TMPFILES) $(TMPFILESDIR)/gengfu.conf)
	@for f in $(SNIPPETS); do install -D -m 644 $$f $(DATADIR)/$${f##*/} || exit 1; done
	@$(call copy_tree,rules,$(DATADIR)/rules)
	@find $(DATADIR)/rules -name '*.yaml' -exec sed -i '1s|/usr/share/gengfu/schema|$(PREFIX)/share/gengfu/schema|' {} +
	@$(call copy_tree,docs,$(DOCDIR))
	@for f in README.md LICENSE; do test ! -f $$f || install -D -m 644 $$f $(DOCDIR)/$$f || exit 1; done
	@install -d $(MANDIR) $(BASHDIR) $(ZSHDIR)
	@$(HELPER) help --man >$(MANDIR)/gengfu.1 && chmod 644 $(MANDIR)/gengfu.1
	@for c in $$($(HELPER) help --names); do $(HELPER) help --man $$c >$(MANDIR)/gengfu-$$c.1 && chmod 644 $(MANDIR)/gengfu-$$c.1 || exit 1; done
	@install -d $(DATADIR)/schema
	@for s in rules config tests; do f=$(DATADIR)/schema/$$s.json; $(HELPER) schema $$s >$$f && chmod 644 $$f || exit 1; done
	@$(HELPER) completion bash >$(BASHDIR)/gengfu && chmod 644 $(BASHDIR)/gengfu
	@$(HELPER) completion zsh >$(ZSHDIR)/_gengfu && chmod 644 $(ZSHDIR)/_gengfu

uninstall: ## what install put there; settings and state stay
	rm -f $(BINDIR)/gengfu $(SYSUSERSDIR)/gengfu.conf $(TMPFILESDIR)/gengfu.conf
	rm -f $(patsubst systemd/%,$(UNITDIR)/%,$(UNITS))
	rm -f $(MANDIR)/gengfu.1 $(MANDIR)/gengfu-*.1 $(BASHDIR)/gengfu $(ZSHDIR)/_gengfu
	rm -rf $(DATADIR) $(DOCDIR)

clean: ## remove what was built
	rm -rf $(BUILD) $(BUILD)-systemd build-asan build-fuzz build-coverage compile_commands.json

help: ## this list
	@awk -F ':.*## ' '/^[a-z._-]+:.*## /{printf "  %-22s %s\n", $$1, $$2}' Makefile
	@sed -n '4,8s/^#//p' Makefile

-include $(shell find $(BUILD) -type f -name '*.d' 2>/dev/null)
