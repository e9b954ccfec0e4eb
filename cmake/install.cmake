# `cmake --install`: program, both libraries, headers, CMake package, pkg-config file, man pages,
# completions, the shipped model, templates and the demonstration.
include(CMakePackageConfigHelpers)

install(TARGETS cclip_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS cclip_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(CCLIP_BUILD_SHARED)
  install(TARGETS cclip_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
if(TARGET cclip_mpi)
  install(TARGETS cclip_mpi LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/cclip)
endif()
install(DIRECTORY include/cclip DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
foreach(folder demo model templates rules)
  if(EXISTS ${PROJECT_SOURCE_DIR}/share/${folder})
    install(DIRECTORY share/${folder} DESTINATION ${CMAKE_INSTALL_DATADIR}/cclip)
  endif()
endforeach()

# Those who link libcclip.a need the system libraries; those who link libcclip.so need none.
list(TRANSFORM CCLIP_SYSTEM_LIBRARIES PREPEND -l OUTPUT_VARIABLE CCLIP_PC_LIBS_PRIVATE)
list(JOIN CCLIP_PC_LIBS_PRIVATE " " CCLIP_PC_LIBS_PRIVATE)
file(RELATIVE_PATH CCLIP_PC_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /) # the file may be moved with its prefix
string(REGEX REPLACE "/$" "" CCLIP_PC_UP "${CCLIP_PC_UP}")
configure_file(cmake/cclip.pc.in ${PROJECT_BINARY_DIR}/cmake/cclip.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cmake/cclip.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/cclip)
configure_package_config_file(cmake/cclipConfig.cmake.in ${PROJECT_BINARY_DIR}/cmake/cclipConfig.cmake
  INSTALL_DESTINATION ${package} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
set(compatibility SameMajorVersion)
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(compatibility SameMinorVersion)
endif()
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/cclipConfigVersion.cmake
  COMPATIBILITY ${compatibility})
install(FILES ${PROJECT_BINARY_DIR}/cmake/cclipConfig.cmake
  ${PROJECT_BINARY_DIR}/cmake/cclipConfigVersion.cmake DESTINATION ${package})

if(CCLIP_PAGES)
  install(DIRECTORY ${CCLIP_PAGES}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR})
  install(FILES ${CCLIP_PAGES}/completions/cclip.bash RENAME cclip
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${CCLIP_PAGES}/completions/_cclip
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${CCLIP_PAGES}/completions/cclip.fish
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()

# Removes what the last `cmake --install` of this build folder wrote.
add_custom_target(uninstall
  COMMAND sh ${PROJECT_SOURCE_DIR}/tools/uninstall.sh ${PROJECT_BINARY_DIR}/install_manifest.txt VERBATIM)
