# Every system library, its minimum version, and the one room that may include its header.
# Reasons and licences are in docs/dependencies.md, package names in cmake/debian-packages.txt.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# cclip_dependency(NAME module version [OPTIONAL]): makes PkgConfig::NAME and remembers its libraries for
# those who link libcclip.a. An optional one that is absent only leaves NAME_FOUND false.
set(CCLIP_SYSTEM_LIBRARIES "")
function(cclip_dependency name module version)
  if("OPTIONAL" IN_LIST ARGN)
    pkg_check_modules(${name} IMPORTED_TARGET GLOBAL ${module}>=${version})
    if(NOT ${name}_FOUND)
      message(STATUS "  ${module} ${version} is not there: its part will say so by name")
    endif()
  else()
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${module}>=${version})
  endif()
  set(${name}_FOUND "${${name}_FOUND}" PARENT_SCOPE)
  if(${name}_FOUND)
    set(CCLIP_SYSTEM_LIBRARIES ${CCLIP_SYSTEM_LIBRARIES} ${${name}_LIBRARIES} PARENT_SCOPE)
  endif()
endfunction()

cclip_dependency(JANSSON jansson 2.13)          # formats
cclip_dependency(ZLIB zlib 1.2.11)              # formats
cclip_dependency(LIBARCHIVE libarchive 3.4)     # formats
cclip_dependency(UTF8PROC libutf8proc 2.5)      # text
cclip_dependency(JPEG libjpeg 2.0)              # image (libjpeg-turbo)
cclip_dependency(PNG libpng 1.6)                # image
cclip_dependency(WEBP libwebp 1.0)              # image
cclip_dependency(WEBPDEMUX libwebpdemux 1.0)    # image: animations, EXIF of WebP
find_package(GIF 5.1 REQUIRED)                  # image (no pkg-config file everywhere)

# Optional: without them their format is refused by name.
cclip_dependency(RSVG librsvg-2.0 2.50 OPTIONAL) # image: SVG
cclip_dependency(HEIF libheif 1.11 OPTIONAL)     # image: HEIC, AVIF
cclip_dependency(TIFF libtiff-4 4.2 OPTIONAL)    # image: TIFF
cclip_dependency(EXIF libexif 0.6.22 OPTIONAL)   # image: orientation

# Optional: without it a training run is one process.
set(MPI_CXX_SKIP_MPICXX TRUE)
find_package(MPI 3.0 QUIET COMPONENTS C)          # distributed (a module of its own)
if(NOT MPI_C_FOUND)
  message(STATUS "  MPI 3.0 is not there: its part will say so by name")
endif()

list(APPEND CCLIP_SYSTEM_LIBRARIES gif m)
list(REMOVE_DUPLICATES CCLIP_SYSTEM_LIBRARIES)

if(CCLIP_BUILD_TESTS)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka>=1.1.5)
endif()
