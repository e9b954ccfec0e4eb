# MPI, where its headers are: a module of its own, lib/cclip/cclip_mpi.so, so that neither library nor program
# needs an MPI to run. Any MPI will do; with several installed, -DMPI_C_COMPILER=... chooses.
target_compile_definitions(cclip_distributed PRIVATE
  CCLIP_BUILT_MODULES="${PROJECT_BINARY_DIR}/lib/cclip"
  CCLIP_INSTALLED_MODULES="${CMAKE_INSTALL_FULL_LIBDIR}/cclip")
if(MPI_C_FOUND)
  add_library(cclip_mpi MODULE ${CMAKE_CURRENT_SOURCE_DIR}/distributed/mpi/mpi_transport.c)
  target_include_directories(cclip_mpi PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(cclip_mpi PRIVATE MPI::MPI_C)
  target_compile_options(cclip_mpi PRIVATE -Wno-conversion) # its header's macros
  set_target_properties(cclip_mpi PROPERTIES PREFIX "" OUTPUT_NAME cclip_mpi
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/cclip)
endif()
