# What single tests need beyond the usual: the label "slow" keeps a test out of the sanitized builds of
# `make test`, PROCESSORS says how many of ctest's slots it fills, TIMEOUT is in seconds, and what has a
# high COST is started first.

# cclip_test_properties(NAME-REGEX PROPERTY VALUE...): a name without a test is fine.
get_property(all_tests DIRECTORY PROPERTY TESTS)
function(cclip_test_properties regex)
  foreach(test ${all_tests})
    if(test MATCHES "^(${regex})$")
      set_tests_properties(${test} PROPERTIES ${ARGN})
    endif()
  endforeach()
endfunction()

# The full-size architectures: up to 1.7 GB of weights each, and threads of their own. One at a time.
cclip_test_properties("golden\\..*full_?size.*" LABELS "golden\\;slow" PROCESSORS 2 TIMEOUT 1800 COST 500
                      RESOURCE_LOCK large_model)
cclip_test_properties("builds\\..*" COST 1000)
cclip_test_properties("kernels\\.(emulated.*|neon)" TIMEOUT 1800 COST 300)
cclip_test_properties("kernels\\.emulated\\.Haswell\\.cpu_product" COST 600) # the longest of all: it begins first
# 7,000 pictures and 14,000 sentences through the shipped model: 15 seconds without a sanitizer.
cclip_test_properties("golden\\.evaluation\\.starter_sets" LABELS "golden\\;slow" PROCESSORS 2 TIMEOUT 900 COST 200)
# Two fits of a calibration over thousands of pictures: 20 seconds, minutes with a sanitizer.
cclip_test_properties("api\\.classification\\.independent" LABELS "api\\;slow" TIMEOUT 1800 COST 200)
# Up to four processes each under mpirun, forty runs: half a minute on two free cores.
cclip_test_properties("distributed\\..*" LABELS "distributed\\;slow" PROCESSORS 2 TIMEOUT 900 COST 150)
