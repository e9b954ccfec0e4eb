# Man pages and shell completions are written by the program itself, from the tables it reads its options
# by, at build time. A build that cannot run its program has none.
set(CCLIP_PAGES "")
if(NOT CMAKE_CROSSCOMPILING AND NOT CCLIP_SANITIZE)
  set(CCLIP_PAGES ${PROJECT_BINARY_DIR}/share)
  add_custom_command(OUTPUT ${CCLIP_PAGES}/pages.stamp
    COMMAND sh ${PROJECT_SOURCE_DIR}/tools/make_pages.sh $<TARGET_FILE:cclip_program> ${CCLIP_PAGES}
    COMMAND ${CMAKE_COMMAND} -E touch ${CCLIP_PAGES}/pages.stamp
    DEPENDS cclip_program ${PROJECT_SOURCE_DIR}/tools/make_pages.sh
    COMMENT "Writing man pages and completions" VERBATIM)
  add_custom_target(cclip_pages ALL DEPENDS ${CCLIP_PAGES}/pages.stamp)
endif()
