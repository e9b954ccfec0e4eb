# The library in its two forms, both made of the rooms' object files, so nothing is compiled twice:
#   cclip_static  libcclip.a   every room in one archive; what the program links, so that there is one
#                              copy of base (its per-thread message) in the process
#   cclip_shared  libcclip.so  the same objects; only CCLIP_API symbols are visible
get_property(rooms GLOBAL PROPERTY CCLIP_ROOMS)
set(objects "")
foreach(room ${rooms})
  list(APPEND objects $<TARGET_OBJECTS:${room}>)
endforeach()
set(CCLIP_SOVERSION ${PROJECT_VERSION_MAJOR})
if(PROJECT_VERSION_MAJOR EQUAL 0) # before 1.0 every minor release may break the binary interface
  set(CCLIP_SOVERSION 0.${PROJECT_VERSION_MINOR})
endif()

function(cclip_library target)
  # The rooms come along for their system libraries; their objects are already there.
  target_link_libraries(${target} PRIVATE ${rooms})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/include)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME cclip LINKER_LANGUAGE C
    ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
endfunction()

add_library(cclip_static STATIC ${objects})
cclip_library(cclip_static)
if(CCLIP_BUILD_SHARED)
  add_library(cclip_shared SHARED ${objects})
  cclip_library(cclip_shared)
  set_target_properties(cclip_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${CCLIP_SOVERSION})
  target_link_options(cclip_shared PRIVATE -Wl,--exclude-libs,ALL)
  if(NOT CCLIP_SANITIZE) # the sanitizers' own symbols are found in the program only
    target_link_options(cclip_shared PRIVATE -Wl,-z,defs)
  endif()
endif()
