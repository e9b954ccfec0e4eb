# cclip_room(NAME [USES room...] [LIBRARIES target...]): one folder under src/ becomes the static
# library cclip_NAME made of all its .c files. USES is the column "may include" of docs/architecture.md;
# tools/check_includes.py holds the code to it. CCLIP_ROOMS lists the rooms in that order.
set_property(GLOBAL PROPERTY CCLIP_ROOMS "")
function(cclip_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.c)
  add_library(cclip_${name} STATIC ${sources})
  target_include_directories(cclip_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  foreach(used ${ROOM_USES})
    target_link_libraries(cclip_${name} PUBLIC cclip_${used})
  endforeach()
  target_link_libraries(cclip_${name} PUBLIC ${ROOM_LIBRARIES})
  set_property(GLOBAL APPEND PROPERTY CCLIP_ROOMS cclip_${name})
endfunction()
