target_link_libraries(cclip_image PRIVATE PkgConfig::WEBPDEMUX)

# A codec whose library is absent refuses its format by name at run time.
foreach(codec RSVG HEIF TIFF EXIF)
  if(${codec}_FOUND)
    target_link_libraries(cclip_image PRIVATE PkgConfig::${codec})
    target_compile_definitions(cclip_image PRIVATE CCLIP_WITH_${codec}=1)
  else()
    target_compile_definitions(cclip_image PRIVATE CCLIP_WITH_${codec}=0)
  endif()
endforeach()
