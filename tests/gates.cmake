# The mechanical rules of docs/conventions.md, each a test. They look at the source and at the libraries
# of the usual build, so builds with sanitizers leave them out.
if(CCLIP_SANITIZE)
  return()
endif()
find_package(Python3 COMPONENTS Interpreter)
if(NOT Python3_FOUND)
  set(Python3_EXECUTABLE python3) # absent: the gates fail, and say why
endif()
set(tools ${PROJECT_SOURCE_DIR}/tools)
foreach(gate includes lengths whitespace functions links)
  cclip_test(gates.${gate} gates ${Python3_EXECUTABLE} ${tools}/check_${gate}.py)
endforeach()
cclip_test(gates.gates gates sh ${tools}/check_gates.sh)
cclip_test(gates.headers gates sh ${tools}/check_headers.sh ${CMAKE_C_COMPILER} ${CMAKE_CXX_COMPILER})
cclip_test(gates.bad_input_page gates sh ${tools}/bad_input_page.sh --check)
cclip_test(gates.verbs_page gates sh ${tools}/verbs_page.sh $<TARGET_FILE:cclip_program> --check)
if(CCLIP_BUILD_SHARED)
  cclip_test(gates.symbols gates ${Python3_EXECUTABLE} ${tools}/check_symbols.py
             $<TARGET_FILE:cclip_static> $<TARGET_FILE:cclip_shared>)
endif()
