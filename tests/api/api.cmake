# The library from outside: an installed copy used by strangers, and the examples.
if(CCLIP_BUILD_SHARED AND NOT CCLIP_SANITIZE)
  cclip_test(api.reference "api;slow" sh ${PROJECT_SOURCE_DIR}/tools/doxygen.sh ${PROJECT_BINARY_DIR})
  cclip_test(api.install "api;slow" sh ${CMAKE_CURRENT_SOURCE_DIR}/api/install.sh)
endif()
get_property(examples GLOBAL PROPERTY CCLIP_EXAMPLES)
foreach(example ${examples})
  cclip_test(api.example.${example} api sh ${CMAKE_CURRENT_SOURCE_DIR}/api/example.sh ${example}
             $<TARGET_FILE:example_${example}>)
endforeach()
