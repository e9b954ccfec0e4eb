# Each folder's files are compiled with that instruction set and reached only through the tables.
# The plain C files are the reference: no contraction of a*b+c, so that their numbers do not move.
target_compile_options(cclip_cpu PRIVATE -O3 -ffp-contract=off)

string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" cclip_processor)
set(cclip_cpu_folder ${CMAKE_CURRENT_LIST_DIR})
if(cclip_processor MATCHES "^(x86_64|amd64)$")
  file(GLOB cclip_avx2 CONFIGURE_DEPENDS ${cclip_cpu_folder}/x86/*_avx2.c)
  file(GLOB cclip_avx512 CONFIGURE_DEPENDS ${cclip_cpu_folder}/x86/*_avx512.c)
  file(GLOB cclip_avx512bf16 CONFIGURE_DEPENDS ${cclip_cpu_folder}/x86/*_avx512bf16.c)
  file(GLOB cclip_amx CONFIGURE_DEPENDS ${cclip_cpu_folder}/x86/*_amx.c)
  set_source_files_properties(${cclip_avx2} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c;-mbmi2")
  set(cclip_avx512_flags
    "-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx2;-mfma;-mf16c;-mbmi2;-mprefer-vector-width=512")
  set_source_files_properties(${cclip_avx512} PROPERTIES COMPILE_OPTIONS "${cclip_avx512_flags}")
  set_source_files_properties(${cclip_avx512bf16} PROPERTIES COMPILE_OPTIONS "${cclip_avx512_flags};-mavx512bf16")
  set_source_files_properties(${cclip_amx} PROPERTIES COMPILE_OPTIONS
    "${cclip_avx512_flags};-mamx-tile;-mamx-bf16")
  target_sources(cclip_cpu PRIVATE ${cclip_avx2} ${cclip_avx512} ${cclip_avx512bf16} ${cclip_amx})
elseif(cclip_processor MATCHES "^(aarch64|arm64)$")
  file(GLOB cclip_neon CONFIGURE_DEPENDS ${cclip_cpu_folder}/arm/*_neon.c)
  target_sources(cclip_cpu PRIVATE ${cclip_neon})
endif()
