# A thin front over CMake: everything is written under build/ (or BUILD=...).
#
#   make            build the program (build/cclip) and the library
#   make demo       install what is missing, build, classify a gallery of pictures
#   make test       install what is missing, build, run all tests
#   make deps       install the packages of cmake/debian-packages.txt that are missing
#   make install    to PREFIX (default /usr/local), below DESTDIR; make uninstall takes it away again
#   make interop    compare with open_clip and transformers, installed from PyPI under build/
#   make asan ubsan tsan valgrind clang   the tests once more, under that tool
#   make fuzz       every fuzz target for FUZZ_SECONDS (default 60)
#   make bench docs gates format-check clean

BUILD ?= build
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
JOBS ?= $(shell nproc 2>/dev/null || echo 1)
CMAKE_FLAGS ?=
ifdef CI
CMAKE_FLAGS += -DCCLIP_WERROR=ON -DCCLIP_TEST_BUILDS=ON
endif
CTEST = ctest --output-on-failure -j $(JOBS)
TESTS ?=

# A configured folder keeps its generator; a new one gets Ninja where it is there.
generator = $(if $(wildcard $(1)/CMakeCache.txt),,$(shell command -v ninja >/dev/null && echo -G Ninja))
configure = cmake -S . -B $(1) $(call generator,$(1)) $(2)

.PHONY: build demo test deps install uninstall interop asan ubsan tsan clang valgrind fuzz bench docs gates \
	format-check clean help

build:
	@command -v cmake >/dev/null || { echo "cmake is missing: run \"make deps\" first" >&2; exit 1; }
	$(call configure,$(BUILD),$(CMAKE_FLAGS))
	cmake --build $(BUILD) -j $(JOBS)

# Through a second make, so that what `deps` has just installed is seen.
demo: deps
	$(MAKE) build
	CCLIP=$(abspath $(BUILD))/cclip CCLIP_DEMO_PAGE=$(abspath $(BUILD))/demo.html sh share/demo/demo.sh

test: deps
	$(MAKE) build CMAKE_FLAGS="-DCCLIP_BUILD_TESTS=ON $(CMAKE_FLAGS)"
	cd $(BUILD) && $(CTEST) $(TESTS)

deps:
	@sh tools/deps.sh

install: build
	DESTDIR="$(DESTDIR)" cmake --install $(BUILD) --prefix "$(PREFIX)"

uninstall:
	DESTDIR="$(DESTDIR)" sh tools/uninstall.sh $(BUILD)/install_manifest.txt

interop: build
	test -d $(BUILD)/interop-venv || python3 -m venv $(BUILD)/interop-venv
	$(BUILD)/interop-venv/bin/pip install -q -r tests/interop/requirements.txt
	$(BUILD)/interop-venv/bin/python tests/interop/run.py --cclip $(abspath $(BUILD))/cclip

asan:
	sh tools/second_build.sh asan '.*' ''
ubsan:
	sh tools/second_build.sh ubsan '.*' ''
tsan:
	sh tools/second_build.sh tsan 'unit|kernels|api' ''
clang:
	sh tools/second_build.sh clang '.*' ''

valgrind: build
	sh tools/valgrind.sh $(BUILD)

fuzz:
	sh tools/fuzz.sh $(FUZZ_SECONDS) $(TARGET)

bench: build
	$(BUILD)/cclip bench
	@for program in $$(find $(BUILD)/benchmarks -type f -perm -u+x -name 'bench_*'); do \
		{ echo "== $$program"; $$program || exit 1; }; done

docs: build
	sh tools/bad_input_page.sh
	sh tools/verbs_page.sh $(abspath $(BUILD))/cclip
	sh tools/doxygen.sh $(BUILD)

gates: build
	cd $(BUILD) && $(CTEST) -L gates

format-check:
	sh tools/format_check.sh $(BASE)

clean:
	rm -rf $(BUILD)

help:
	@sed -n 's/^#   *//p' Makefile
