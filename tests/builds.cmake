# The project built again, as tests, so that one ctest run judges all of it: with clang, warnings as
# errors; and with AddressSanitizer and UBSan. Each runs its own ctest over the labels named here.
if(NOT CCLIP_TEST_BUILDS)
  return()
endif()
set(script ${PROJECT_SOURCE_DIR}/tools/second_build.sh)
cclip_test(builds.clang builds sh ${script} clang "unit|api" "")
cclip_test(builds.asan builds sh ${script} asan "unit|kernels|api|fuzz|fault|cli" "slow")
set_tests_properties(builds.clang builds.asan PROPERTIES PROCESSORS 2 TIMEOUT 3600)
