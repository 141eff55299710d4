# Makefile - builds ./pandok and everything around it. `make help` lists the targets.
#
#   SAN=address,undefined   a sanitizer build in a folder of its own (also SAN=thread)
#   ARGS='...'              what `make run` hands to the guest kernel
#   PREFIX, DESTDIR         where `make install` puts things

VERSION := 0.1.0
PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?=
ARGS    ?=

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
SHELL     := /bin/sh
comma     := ,
# One word a file is enough, unless V=1.
V         ?=
say        = @$(if $(V),,printf '  %-5s %s\n' $1 $2;)$(if $(V),set -x;)

B    := build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
RUN   = $(if $(filter /%,$(PROG)),,./)$(PROG)
PROG := $(if $(SAN),$(B)/pandok,pandok)

CC      := gcc
CLANG   := clang
WARN    := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Werror
CFLAGS  := -std=gnu17 -O2 -g $(WARN) -fno-strict-aliasing $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer$(if $(findstring thread,$(SAN)), -Wno-tsan))
# Quoted names are ours: <xen/xen.h> is the system's, "xen/xen.h" is not.
CPPFLAGS := -iquote src -I$(B) -DPANDOK_VERSION='"$(VERSION)"'
LDFLAGS := -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN))
LDLIBS  := -lslirp -luring -lnbd -lZydis -llzma -lzstd -llz4 -lz -lbz2 -lxxhash -larchive -ldw -lpng -ledit -ljansson \
	-lpthread

# Code that runs while the guest's vector registers are live in the host's: it may not touch one. Where
# the compiler calls memset and the like by itself, it gets those of src/base/light.S.
LIGHT := src/mem/walk.c src/mem/find.c $(wildcard src/soft/sys_*.c) $(addprefix src/soft/, \
	access.c breaks.c cache.c call.c mode.c run.c slow.c sync.c tlb.c seg.c stack.c intr.c string.c legacy.c)

# The thread sanitizer calls its run time at every access; that uses vector registers.
LIGHTFLAGS := -mgeneral-regs-only $(if $(findstring thread,$(SAN)),-fno-sanitize=thread)

lighten     = @$(if $(filter $<,$(LIGHT)),objcopy $(foreach f,memset memcpy memmove,--redefine-sym $1$f=light_$f) $@)

SRC  := $(wildcard src/*/*.c)
ASM  := $(wildcard src/*/*.S)
ASL  := $(wildcard src/*/*.asl)
OBJ  := $(SRC:src/%.c=$(B)/obj/%.o) $(ASM:src/%.S=$(B)/obj/%.S.o)
GEN  := $(foreach f,$(ASL),$(B)/gen/$(basename $(notdir $f)).h)
LIB  := $(B)/libpandok.a

.DELETE_ON_ERROR:
.SECONDEXPANSION:
.SECONDARY:
.PHONY: all guests help run deps test check soak test-fresh bench install uninstall tour Beer Puppy clean FORCE unit fuzz lib light

all: $(PROG) guests ## build ./pandok and the small kernels in guest/ (the default)

help: ## this list
	@awk -F ':.*## ' '/^[A-Za-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

# ---- packages ---------------------------------------------------------------------------
# tools/deps.sh installs what is missing of one group in tools/deps.txt; a stamp remembers.

build/deps/%: tools/deps.txt tools/deps.sh
	@tools/deps.sh $*
	@mkdir -p build/deps && touch $@

deps: ## install every package that any target needs
	@tools/deps.sh build run test fresh soak bench

# ---- the program ------------------------------------------------------------------------

# Everything is rebuilt when the flags change, not whenever this file does.
$(B)/flags: FORCE
	@mkdir -p $(B)
	@printf '%s\n' '$(subst ','\'',$(CC) $(CFLAGS) $(CPPFLAGS) $(LIGHTFLAGS) $(LIGHT))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(CC) $(CFLAGS) $(CPPFLAGS) $(LIGHTFLAGS) $(LIGHT))' >$@

$(B)/obj/%.o: src/%.c $(B)/flags | build/deps/build $(GEN)
	@mkdir -p $(@D)
	$(call say,cc,$<) $(CC) $(CFLAGS) $(if $(filter $<,$(LIGHT)),$(LIGHTFLAGS)) $(CPPFLAGS) -MMD -MP -c -o $@ $<
	$(call lighten)

$(B)/obj/%.S.o: src/%.S $(B)/flags | build/deps/build
	@mkdir -p $(@D)
	$(call say,as,$<) $(CC) $(CPPFLAGS) -g -MMD -MP -c -o $@ $<

# ACPI source becomes an array: #include "gen/dsdt.h" declares dsdt_aml_code[].
define asl_rule
$(B)/gen/$(basename $(notdir $1)).h: $1 | build/deps/build
	@mkdir -p $$(@D)
	$$(call say,iasl,$$<) iasl -vs -vr -va -tc -p $$(@:.h=) $$< >$$(@:.h=.log) || { cat $$(@:.h=.log); exit 1; }
	@sed 's/^unsigned char/static const unsigned char/' $$(@:.h=.hex) >$$@
endef
$(foreach f,$(ASL),$(eval $(call asl_rule,$f)))

# The first program in a guest of run --rootfs: static, and without a C library.
GUESTFLAGS := -std=gnu17 -Os $(WARN) -ffreestanding -fno-stack-protector -fno-pic -fcf-protection=none \
	-fno-asynchronous-unwind-tables -static -no-pie -nostdlib -Wl,--build-id=none -Wl,-z,noseparate-code -s

$(B)/gen/init.elf: guest/init/init.c guest/init/sys.h $(B)/flags | build/deps/build
	@mkdir -p $(@D)
	$(call say,cc,$<) $(CC) $(GUESTFLAGS) -o $@ $<

$(B)/obj/rootfs/init.S.o $(B)/fuzz/obj/rootfs/init.S.o: $(B)/gen/init.elf

# Everything but main(), for tests to link with.
$(LIB): $(filter-out $(B)/obj/cli/main.o,$(OBJ))
	@rm -f $@
	@ar rcs $@ $^

lib: $(LIB)

light: $(patsubst src/%.c,$(B)/obj/%.o,$(wildcard $(LIGHT))) $(wildcard src/soft/light*.S)
	@tools/light $(filter %.o,$^)

$(PROG): $(OBJ)
	$(call say,ld,$@) $(CC) $(LDFLAGS) -o $@ $(OBJ) $(LDLIBS)

# ---- the small kernels of guest/ ----------------------------------------------------------

guests: | build/deps/build ## the small kernels, into $(B)/guest
	@$(MAKE) -s --no-print-directory -C guest OUT=$(CURDIR)/$(B)/guest

# ---- tests ------------------------------------------------------------------------------
# A test says which sources it stands on in a comment: "@links src/base src/mem/walk.c" (a folder is
# all of its files).
# Without one it is linked with everything but main().

links     = $(foreach f,$(shell sed -n '/@links/{s/^.*@links *//;s/ *\*\/ *$$//;p}' $1 2>/dev/null),\
	$(if $(filter %.c %.S,$f),$(wildcard $f),$(wildcard $f/*.c $f/*.S)))
objects   = $(patsubst src/%.S,$1/%.S.o,$(patsubst src/%.c,$1/%.o,$2))
unit_objs = $(sort $(if $(call links,$1),$(call objects,$(B)/obj,$(call links,$1)) $(B)/obj/base/light.S.o,$(LIB)))
fuzz_objs = $(sort $(call objects,$(B)/fuzz/obj,$(or $(call links,$1),$(filter-out src/cli/%,$(SRC) $(ASM)))) \
	$(B)/fuzz/obj/base/light.S.o)

-include $(wildcard $(B)/diff/*.d $(B)/diff/tiny/*/*.d)

UNIT := $(patsubst test/unit/%.c,$(B)/unit/%,$(wildcard test/unit/*.c))
FUZZ := $(patsubst test/fuzz/%.c,$(B)/fuzz/%,$(wildcard test/fuzz/fuzz_*.c))

unit: $(UNIT)
fuzz: $(FUZZ)

$(B)/unit/%: test/unit/%.c $$(call unit_objs,test/unit/$$*.c) $(B)/flags | build/deps/test $(GEN)
	@mkdir -p $(@D)
	$(call say,cc,$<) $(CC) $(CFLAGS) $(CPPFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(filter %.o %.a,$^) -lcmocka $(LDLIBS)

FUZZFLAGS := -std=gnu17 -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
	-fno-strict-aliasing

$(B)/fuzz/obj/%.o: src/%.c $(B)/flags | build/deps/test $(GEN)
	@mkdir -p $(@D)
	$(call say,clang,$<) $(CLANG) $(FUZZFLAGS) $(if $(filter $<,$(LIGHT)),$(LIGHTFLAGS)) $(CPPFLAGS) -MMD -MP -c -o $@ $<
	$(call lighten,__asan_)

$(B)/fuzz/obj/%.S.o: src/%.S | build/deps/test
	@mkdir -p $(@D)
	$(call say,clang,$<) $(CLANG) $(CPPFLAGS) -g -MMD -MP -c -o $@ $<

$(B)/fuzz/%: test/fuzz/%.c $$(call fuzz_objs,test/fuzz/$$*.c) | build/deps/test $(GEN)
	@mkdir -p $(@D)
	$(call say,clang,$<) $(CLANG) $(FUZZFLAGS) -fsanitize=fuzzer $(CPPFLAGS) -MMD -MP -MF $@.d -o $@ $< $(filter %.o,$^) $(LDLIBS)

# The differential test runs the engine without the rest of the program.
# tiny-tlb is the same with an engine whose software TLB has two entries.
DIFF     := $(patsubst test/diff/%.c,$(B)/diff/%.o,$(wildcard test/diff/*.c))
DIFF_SRC := $(foreach d,base x86 mem soft,$(wildcard src/$d/*.c src/$d/*.S))

$(B)/diff/%.o: test/diff/%.c $(B)/flags | build/deps/test
	@mkdir -p $(@D)
	$(call say,cc,$<) $(CC) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(B)/diff/tiny/%.o: src/%.c $(B)/flags | build/deps/build
	@mkdir -p $(@D)
	$(call say,cc,$<) $(CC) $(CFLAGS) $(if $(filter $<,$(LIGHT)),$(LIGHTFLAGS)) $(CPPFLAGS) \
		-DTLB_BITS=1 -DCACHE_BITS=21 -MMD -MP -c -o $@ $<
	$(call lighten)

$(B)/diff/tiny/%.S.o: src/%.S $(B)/flags | build/deps/build
	@mkdir -p $(@D)
	$(call say,as,$<) $(CC) $(CPPFLAGS) -g -MMD -MP -c -o $@ $<

$(B)/diff/diff: $(DIFF) $(call objects,$(B)/obj,$(DIFF_SRC))
	$(call say,ld,$@) $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/diff/tiny-tlb: $(DIFF) $(call objects,$(B)/diff/tiny,$(DIFF_SRC))
	$(call say,ld,$@) $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Small programs that tests use, over the program's own code.
$(B)/tools/%: test/tools/%.c $$(call unit_objs,test/tools/$$*.c) $(B)/flags | build/deps/build $(GEN)
	@mkdir -p $(@D)
	$(call say,cc,$<) $(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) -o $@ $< $(filter %.o %.a,$^) $(LDLIBS)

test: $(PROG) guests build/deps/test build/deps/run ## every test; the last line counts them
	@PROG=$(PROG) B=$(B) SAN='$(SAN)' tools/test.sh full

check: $(PROG) guests build/deps/test build/deps/run ## the fast tests (a minute or two), layers and tour
	@PROG=$(PROG) B=$(B) SAN='$(SAN)' tools/test.sh fast

soak: $(PROG) guests build/deps/test build/deps/run ## the long tests (hours)
	@PROG=$(PROG) B=$(B) SAN='$(SAN)' tools/test.sh soak

test-fresh: build/deps/fresh ## the README's commands in a fresh minimal Debian
	@tools/test-fresh.sh

bench: $(PROG) build/deps/run build/deps/bench ## speed against QEMU's TCG and the bare host
	@PROG=$(PROG) B=$(B) test/bench/run

# ---- use --------------------------------------------------------------------------------

run: $(PROG) build/deps/run ## boot Debian's stock kernel to a shell on this terminal
	@PROG=$(PROG) tools/run.sh $(ARGS)

# Options in the manual page and the completion come from the program's own tables.
$(B)/pandok.1: man/pandok.1.in $(PROG)
	@$(RUN) help --as roff >$@.commands
	@sed -e '/^@COMMANDS@/{r $@.commands' -e 'd;}' -e 's/@VERSION@/$(VERSION)/' $< >$@

$(B)/completion.bash: $(PROG)
	@$(RUN) help --as bash >$@

install: $(PROG) $(B)/pandok.1 $(B)/completion.bash ## install under PREFIX (and DESTDIR)
	install -D -m 755 $(PROG) $(DESTDIR)$(PREFIX)/bin/pandok
	install -D -m 644 $(B)/pandok.1 $(DESTDIR)$(PREFIX)/share/man/man1/pandok.1
	install -D -m 644 $(B)/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/pandok

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/pandok $(DESTDIR)$(PREFIX)/share/man/man1/pandok.1 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/pandok

tour: ## the annotated tour of the source, as pages in build/tour
	@tools/tour html build/tour

Beer: ## the same tour, printed
	@tools/tour text

Puppy:
	@tools/tour check && echo "It sits at the door of the inn and wags: the tour is true."

clean: ## remove what was built
	rm -rf build pandok

-include $(patsubst %.o,%.d,$(OBJ)) $(UNIT:=.d) $(FUZZ:=.d) $(wildcard $(B)/fuzz/obj/*/*.d)
