# tests/fuzz/<room>/fuzz_<name>.c defines LLVMFuzzerTestOneInput; its corpus is tests/fuzz/corpora/<name>/.
#   usual build   fuzz_replay_<name>, with replay.c: CTest test fuzz.<name> replays the corpus and then a
#                 fixed sequence of mutated inputs
#   CCLIP_FUZZ    fuzz_<name>, with libFuzzer: `make fuzz`
file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/*/fuzz_*.c)
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  string(REGEX REPLACE "^fuzz_" "" name ${name})
  get_filename_component(room ${file} DIRECTORY)
  get_filename_component(room ${room} NAME)
  set(library cclip_${room})
  if(NOT TARGET ${library})
    set(library cclip_static)
  endif()
  if(CCLIP_FUZZ)
    set(target fuzz_${name})
    add_executable(${target} ${file})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/targets)
  else()
    set(target fuzz_replay_${name})
    add_executable(${target} ${file} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/replay.c)
    cclip_test(fuzz.${name} fuzz $<TARGET_FILE:${target}> ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpora/${name})
  endif()
  # libFuzzer fixes the name of the entry point, which no header declares.
  target_compile_options(${target} PRIVATE -Wno-missing-prototypes)
  target_link_libraries(${target} PRIVATE ${library})
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
endforeach()
