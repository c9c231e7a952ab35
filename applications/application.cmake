# What the applications share: application(NAME MODEL SOURCE...) is a program of the sources and of the model `EXPORT`, a
# folder of `edge-tr export --as cmake`, on this computer or, with common/cortex-m4.cmake, on QEMU's mps2-an386
# (-DRECORDING=<folder of recording.h>, -DMEMORY_FUNCTIONS=<file> in place of a C library). AUDIO is a source for those
# that hear.
get_filename_component(applications ${CMAKE_CURRENT_LIST_DIR} ABSOLUTE)
set(AUDIO ${applications}/frontend/tr_frontend.c)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Werror)
add_subdirectory(${EXPORT} model)

function(application name model)
  add_executable(${name} ${ARGN} ${applications}/common/print.c)
  set_target_properties(${name} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON)
  target_include_directories(${name} PRIVATE ${applications}/frontend ${applications}/common)
  target_link_libraries(${name} PRIVATE ${model})
  if(CMAKE_SYSTEM_NAME STREQUAL Generic)
    target_sources(${name} PRIVATE ${applications}/common/recorded.c ${applications}/common/mps2.c ${MEMORY_FUNCTIONS})
    target_include_directories(${name} PRIVATE ${RECORDING})
    target_link_options(${name} PRIVATE -T ${applications}/common/mps2.ld)
    target_link_libraries(${name} PRIVATE gcc)
  else()
    target_sources(${name} PRIVATE ${applications}/common/host.c)
  endif()
endfunction()
