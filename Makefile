# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# fdscope: settings, BPF, skeleton, programs, tests, tools, help. `make help` lists the targets.

VERSION   := 0.1.0
comma     := ,
B         := .build$(if $(SAN),-$(subst $(comma),-,$(SAN)))
ARCH      := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
CC        := gcc
CLANG     ?= clang
BPFTOOL   ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PREFIX    ?= /usr/local
Q         := $(if $(V),,@)
say        = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

PKGS       = libbpf jansson
CFLAGS    ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -Iinclude -Iuser -I$(B) \
	     -DFDSCOPE_VERSION='"$(VERSION)"' $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) \
	     $(shell pkg-config --cflags $(PKGS)) $(CFLAGS)
LIBS       = $(shell pkg-config --libs $(PKGS)) -lelf -lz -lm
BPF_CFLAGS = -target bpf -mcpu=v3 -O2 -g -Wall -Werror -D__TARGET_ARCH_$(ARCH) -Ivmlinux -Iinclude \
	     -idirafter /usr/include/$(shell $(CC) -print-multiarch)
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

$(filter $(B)/user/source/%,$(TOOL_OBJS)): | $(B)/fdscope.skel.h

$(B)/fdscope: $(TOOL_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $^ $(LIBS) -o $@

$(B)/fdscope-server: $(SERVER_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $^ -pthread $(shell pkg-config --libs jansson) -o $@

$(B)/fdscope-load: $(LOAD_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $^ $(shell pkg-config --libs jansson) -o $@

# ---- tools --------------------------------------------------------------------------------------

clean:			## remove everything that was built
	rm -rf .build .build-*

help:			## show this
	@sed -n 's/^\([a-z-]*\):.*## */  \1\t/p' $(MAKEFILE_LIST) | expand -t 18

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all clean help
