# Every system library, its minimum version, and the one room that may include its header.
# Reasons and licences are in docs/dependencies.md.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.13)         # formats
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib>=1.2.11)             # formats
pkg_check_modules(LIBARCHIVE REQUIRED IMPORTED_TARGET libarchive>=3.4)    # formats
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc>=2.5)     # text
pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg>=2.0)             # image (libjpeg-turbo)
pkg_check_modules(PNG REQUIRED IMPORTED_TARGET libpng>=1.6)               # image
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp>=1.0)             # image
find_package(GIF 5.1 REQUIRED)                                            # image

# Optional: without them their format is refused by name.
pkg_check_modules(RSVG IMPORTED_TARGET librsvg-2.0>=2.50)                 # image: SVG
pkg_check_modules(HEIF IMPORTED_TARGET libheif>=1.11)                     # image: HEIC, AVIF
pkg_check_modules(TIFF IMPORTED_TARGET libtiff-4>=4.2)                    # image: TIFF
pkg_check_modules(EXIF IMPORTED_TARGET libexif>=0.6.22)                   # image: orientation

if(CCLIP_BUILD_TESTS)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka>=1.1.5)
endif()
