# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# fdscope: settings, BPF, skeleton, programs, tests, tools, help. `make help` lists the targets.

VERSION   := 0.1.0
comma     := ,
HOST      := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
ARCH      := $(if $(filter arm64-%,$(KERNEL)),arm64,$(HOST))
B         := .build$(patsubst %,-%,$(filter-out $(HOST),$(ARCH)))$(if $(SAN),-$(subst $(comma),-,$(SAN)))
CC        := gcc
CLANG     ?= clang
BPFTOOL   ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PREFIX    ?= /usr/local
Q         := $(if $(V),,@)
say        = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

# ARCH=arm64 on x86-64: against the packages that tests/vm/sysroot fetches.
ifneq ($(ARCH),$(HOST))
TRIPLE    := aarch64-linux-gnu
SYSROOT   := $(or $(shell tests/vm/sysroot $(ARCH)),$(error there is nothing to build against))
CC        := $(TRIPLE)-gcc --sysroot=$(SYSROOT)
export PKG_CONFIG_SYSROOT_DIR := $(SYSROOT)
export PKG_CONFIG_LIBDIR := $(SYSROOT)/usr/lib/$(TRIPLE)/pkgconfig
endif

PKGS       = libbpf jansson
CFLAGS    ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -Iinclude -Iuser -I$(B) \
	     -DFDSCOPE_VERSION='"$(VERSION)"' $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) \
	     $(shell pkg-config --cflags $(PKGS)) $(CFLAGS)
LIBS       = $(shell pkg-config --libs $(PKGS)) -lelf -lz -lm
BPF_CFLAGS = -target bpf -mcpu=v3 -O2 -g -Wall -Werror -D__TARGET_ARCH_$(ARCH) -Ivmlinux -Iinclude \
	     $(SYSROOT:%=--sysroot=%) \
	     -idirafter $(SYSROOT)/usr/include/$(shell $(CC) -print-multiarch)
DEP        = -MMD -MP		# both compilers: a stale BPF object is wrong numbers, not an error

BPF_OBJS    := $(patsubst %.c,$(B)/%.o,$(wildcard bpf/*.bpf.c))
TOOL_OBJS   := $(patsubst %.c,$(B)/%.o,$(wildcard user/*.c user/base/*.c user/source/*.c \
		 user/model/*.c user/view/*.c user/report/*.c user/commands/*.c))
SERVER_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard user/server/*.c))
LOAD_OBJS   := $(patsubst %.c,$(B)/%.o,$(wildcard user/load/*.c))
PROGRAMS    := $(B)/fdscope $(B)/fdscope-server $(B)/fdscope-load

all: $(PROGRAMS)	## build the three programs into .build/

# ---- BPF ----------------------------------------------------------------------------------------

$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) $(DEP) -c $< -o $@

$(B)/fdscope.skel.h: $(BPF_OBJS)
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen object $(B)/fdscope.bpf.o $^
	$(Q)$(BPFTOOL) gen skeleton $(B)/fdscope.bpf.o name fdscope_bpf > $@

# ---- programs -----------------------------------------------------------------------------------

$(B)/user/%.o: user/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(DEP) -c $< -o $@

$(patsubst %,$(B)/user/source/%.o,probes probes_read doors epolls epolls_read epolls_retire wakeups): | $(B)/fdscope.skel.h

$(B)/fdscope: $(TOOL_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $^ $(LIBS) -o $@

$(B)/fdscope-server: $(SERVER_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $^ -pthread $(shell pkg-config --libs jansson) -o $@

$(B)/fdscope-load: $(LOAD_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $^ $(shell pkg-config --libs jansson) -o $@

# Without any library of the machine they run on: to be copied to a server.
STATIC := $(PROGRAMS:$(B)/%=$(B)/static/%)

$(B)/static/fdscope: $(TOOL_OBJS)
$(B)/static/fdscope-server: $(SERVER_OBJS)
$(B)/static/fdscope-load: $(LOAD_OBJS)
$(STATIC):
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -static $^ -pthread $(shell pkg-config --static --libs $(PKGS)) -lm -s -o $@

static: $(STATIC)	## programs that need no library, in .build/static/

# ---- tests --------------------------------------------------------------------------------------

# A unit test is one file beside the objects it needs: those of a program but its main.
UNIT_TESTS  := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
UNIT_SHARED := $(addprefix $(B)/tests/unit/,failing.o samples.o comparisons.o readings.o)
SERVER_TESTS = $(B)/tests/unit/test_http
LOAD_TESTS   = $(B)/tests/unit/test_response
TOOL_TESTS   = $(filter-out $(SERVER_TESTS) $(LOAD_TESTS),$(UNIT_TESTS))
WRAPPED      = malloc calloc realloc reallocarray strdup asprintf vasprintf
WRAP         = $(WRAPPED:%=-Wl,--wrap=%)
# What runs without a kernel to look at; the rest of user/source needs libbpf.
PURE_OBJS    = $(filter $(addprefix $(B)/user/,options.o refusal.o base/% model/% view/% report/% \
		 commands/measure.o commands/output.o source/source.o source/saved.o source/decode% \
		 source/wakeup_hooks.o),$(TOOL_OBJS))

$(B)/tests/%.o: tests/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(DEP) -c $< -o $@

$(B)/tests/tool.a: $(PURE_OBJS)
$(B)/tests/server.a: $(filter-out %/main.o,$(SERVER_OBJS))
$(B)/tests/load.a: $(filter-out %/main.o,$(LOAD_OBJS))
$(B)/tests/%.a:
	$(call say,AR,$@)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

$(TOOL_TESTS): $(UNIT_SHARED) $(B)/tests/tool.a
$(SERVER_TESTS): $(B)/tests/server.a
$(LOAD_TESTS): $(B)/tests/load.a
$(TOOL_TESTS): LDFLAGS += $(WRAP)
$(UNIT_TESTS): %: %.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LDFLAGS) -pthread -lcmocka \
		$(shell pkg-config --libs jansson) -lm -o $@

test: lint unit golden	## lint, unit and golden: no root, to run all day

unit: $(UNIT_TESTS)	## unit tests
	$(Q)tests/unit/run $^

golden: $(B)/fdscope	## saved profiles against the bytes they render to
	$(Q)tests/golden/run $<

golden-update: $(B)/fdscope	## accept what golden finds as what is expected
	$(Q)tests/golden/run --update $<

lint: $(B)/fdscope.skel.h	## format, layers, scripts, licences, stack of BPF
	$(Q)FDSCOPE_BUILD=$(B) tests/lint/run

asan:			## unit tests under the sanitizers
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined unit

coverage:		## which lines the unit tests reach
	$(Q)$(MAKE) --no-print-directory B=.build-coverage CFLAGS='-O0 -g --coverage' unit
	$(Q)tests/unit/coverage .build-coverage

BPF_TEST_OBJS = $(patsubst %.c,$(B)/%.o,$(wildcard tests/bpf/*.c)) \
		$(filter $(addprefix $(B)/user/,base/% model/% source/%),$(TOOL_OBJS))

$(B)/tests/bpf/run: $(BPF_TEST_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $^ -pthread -lutil -lcmocka $(LIBS) -o $@

test-bpf: $(B)/tests/bpf/run	## each probe loads and counts exactly (root)
	$(Q)$<

test-e2e: all		## the programs as a user runs them (root)
	$(Q)FDSCOPE_BUILD=$(B) tests/run

# The flags are those of tests/e2e/lib.sh.
WORKLOADS := $(patsubst tests/workload/%.c,$(B)/vm/workload/%,$(wildcard tests/workload/*.c))
$(WORKLOADS): $(B)/vm/workload/%: tests/workload/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O1 -Wall -Wextra -Werror -D_GNU_SOURCE -static -pthread $(DEP) $< -o $@

KERNEL  ?= 6.12
KERNELS := 5.10 6.1 6.12 sid

# LAYERS="bpf known": what to run there, instead of tests/vm/run's choice.
test-vm: static $(B)/tests/bpf/run $(WORKLOADS)	## bpf and e2e in QEMU: KERNEL=5.10|6.1|6.12|sid|arm64-*
	$(Q)FDSCOPE_BUILD=$(B) tests/vm/run $(KERNEL) $(LAYERS)

# As many at a time as there are processors, of which an emulator takes one.
test-vms: static $(B)/tests/bpf/run $(WORKLOADS)	## test-vm with each of KERNELS="5.10 6.1 6.12 sid"
	$(Q)MAKEFLAGS= $(MAKE) --no-print-directory -k -j$$(nproc) -Otarget $(KERNELS:%=vm-%) \
		B=$(B) LAYERS="$(LAYERS)"

vm-%:
	$(Q)FDSCOPE_BUILD=$(B) tests/vm/run $* $(LAYERS)

# A make of its own, as for demo.
check: deps		## everything that this kernel can show (root)
	$(Q)$(MAKE) --no-print-directory test asan test-bpf test-e2e

$(B)/bench/turn: tests/bench/turn.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $< -o $@

# Without libraries, for the emulated machine.
$(B)/static/bench/turn: tests/bench/turn.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -static $(DEP) $< -o $@

$(B)/bench/empty.bpf.o: tests/bench/empty.bpf.c
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) $(DEP) -c $< -o $@

$(B)/bench/empty.skel.h: $(B)/bench/empty.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name empty_bpf > $@

$(B)/static/bench/empty: tests/bench/empty.c $(B)/bench/empty.skel.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -I$(B)/bench -static $(DEP) $< $(shell pkg-config --static --libs libbpf) -s -o $@

bench: all $(B)/bench/turn	## its cost beside bpftrace, perf and strace (root)
	$(Q)FDSCOPE_BUILD=$(B) tests/bench/run

# ARGS=--json, --check or --record.
bench-instructions: $(B)/static/fdscope $(B)/static/bench/turn $(B)/static/bench/empty	## its cost in instructions, in an emulator
	$(Q)FDSCOPE_BUILD=$(B) tests/bench/instructions $(ARGS)

# ---- tools --------------------------------------------------------------------------------------

# By name, for Debian 12: to build, to test, and what the bench holds itself against.
DEB_PACKAGES = clang llvm bpftool libbpf-dev libelf-dev zlib1g-dev libjansson-dev libcmocka-dev \
	       pkg-config gcc make \
	       nginx-light redis-server haproxy memcached \
	       curl wrk apache2-utils strace jq iproute2 shellcheck clang-format procps \
	       bpftrace linux-perf \
	       qemu-system-x86 busybox-static cpio \
	       $(if $(SYSROOT),gcc-aarch64-linux-gnu qemu-system-arm)

deps:			## install what all of this needs (Debian)
	@missing=; \
	for package in $(DEB_PACKAGES); do \
		dpkg-query -W -f '$${db:Status-Status}\n' $$package 2> /dev/null | \
			grep -qx installed || missing="$$missing $$package"; \
	done; \
	[ -z "$$missing" ] && exit; \
	echo "  DEPS $$missing"; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get -q update && apt-get -q -y install --no-install-recommends $$missing

# A make of its own: what is built may need what deps has just installed.
demo: deps		## compare select, poll and epoll (root, 30 s)
	$(Q)$(MAKE) --no-print-directory all
	$(B)/fdscope compare

install: all		## copy the programs and the manual page below PREFIX
	install -D -t $(DESTDIR)$(PREFIX)/bin $(PROGRAMS)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 user/man/fdscope.8

uninstall:		## remove what install copied
	rm -f $(PROGRAMS:$(B)/%=$(DESTDIR)$(PREFIX)/bin/%)
	rm -f $(DESTDIR)$(PREFIX)/share/man/man8/fdscope.8

readme: all		## run the commands of the README again, into it (root)
	$(Q)tests/readme

format:			## clang-format for all sources
	$(Q)tests/lint/format --fix

compile_commands.json:	## for editors and clang-tidy
	$(Q)bear -- $(MAKE) --no-print-directory -B all

clean:			## remove everything that was built
	rm -rf .build .build-*

help:			## show this
	@sed -n 's/^\([a-z0-9_.-]*\):.*## */  \1\t/p' $(MAKEFILE_LIST) | expand -t 26

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all static check deps demo test test-bpf test-e2e test-vm test-vms unit golden golden-update lint asan coverage install uninstall readme format bench bench-instructions clean help
