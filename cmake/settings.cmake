# How everything is compiled: the compiler floor, warnings, output folders, ccache and mold.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14
   OR CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR
    "${CMAKE_CXX_COMPILER} is ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}; dspy needs GCC 14 or Clang 19. "
    "Run `./dev setup` (installs one), or name a newer one: cmake -DCMAKE_CXX_COMPILER=g++-14 (in a fresh build folder).")
endif()

set(CMAKE_CXX_SCAN_FOR_MODULES OFF)

# Linked privately into everything of ours; errors only through the presets (CMAKE_COMPILE_WARNING_AS_ERROR).
add_library(dspy_warnings INTERFACE)
if(PROJECT_IS_TOP_LEVEL AND NOT MSVC)
  target_compile_options(dspy_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC takes Asio's recycled coroutine frames for a mismatch of new and delete.
    target_compile_options(dspy_warnings INTERFACE -Wno-mismatched-new-delete)
  endif()
endif()

if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

find_program(DSPY_CCACHE ccache)
if(DSPY_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${DSPY_CCACHE})
endif()

find_program(DSPY_MOLD mold)
if(DSPY_MOLD AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
  add_link_options(-fuse-ld=mold)
endif()
