# tests/cli/<name>/cmd becomes the test cli.<name>; a line of bad_input.tsv the test bad_input.<name>.
file(GLOB commands CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cli/*/cmd)
foreach(command ${commands})
  get_filename_component(folder ${command} DIRECTORY)
  get_filename_component(name ${folder} NAME)
  cclip_test(cli.${name} cli sh ${CMAKE_CURRENT_SOURCE_DIR}/cli/run.sh ${folder})
endforeach()

set(table ${CMAKE_CURRENT_SOURCE_DIR}/cli/bad_input.tsv)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${table})
file(READ ${table} lines)
string(REGEX MATCHALL "\n[a-z0-9_]+\t" names "\n${lines}")
foreach(name ${names})
  string(STRIP "${name}" name)
  cclip_test(bad_input.${name} cli sh ${CMAKE_CURRENT_SOURCE_DIR}/cli/bad_input.sh ${name})
endforeach()

# Writes the broken files of bad_input.tsv; found on the PATH of those commands.
add_executable(make_broken ${CMAKE_CURRENT_SOURCE_DIR}/support/make_broken.c)
target_link_libraries(make_broken PRIVATE PkgConfig::ZLIB)
set_target_properties(make_broken PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
