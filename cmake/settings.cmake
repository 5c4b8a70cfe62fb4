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

# Foreign headers that nearly every file reads are compiled once.  Of our own there is only the one that names
# std::format's templates: a change of any other compiles what includes it and no more.  Precompiled headers hide a
# forgotten #include, as files compiled together do (unity.cmake); the preset `tidy` goes without both.
option(DSPY_PRECOMPILED_HEADERS "Compile foreign headers once" ON)
set(DSPY_FOREIGN_HEADERS
  ${PROJECT_SOURCE_DIR}/src/base/format_once.hpp
  <algorithm> <array> <chrono> <cmath> <expected> <filesystem> <format> <fstream> <functional> <map> <memory> <mutex>
  <optional> <ranges> <set> <span> <string> <string_view> <thread> <unordered_map> <utility> <vector>
  <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp> <boost/asio/steady_timer.hpp>
  <boost/asio/use_awaitable.hpp> <boost/json/value.hpp> <boost/pfr/core.hpp> <boost/pfr/core_name.hpp>)

find_program(DSPY_CCACHE ccache)
if(DSPY_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${DSPY_CCACHE})
  if(DSPY_PRECOMPILED_HEADERS)
    # What ccache asks for, to take and to give files compiled with a precompiled header; and no second run of the
    # preprocessor, which would read the precompiled headers once more.
    list(PREPEND CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_DEPEND=1)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      add_compile_options(-fpch-preprocess)
    endif()
  endif()
endif()

find_program(DSPY_MOLD mold)
if(DSPY_MOLD AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
  add_link_options(-fuse-ld=mold)
endif()
