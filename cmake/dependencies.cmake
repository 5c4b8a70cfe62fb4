# Everything we build on, in one place: an installed package first, else a download pinned by hash (DSPY_FETCH).
#
# The installed path is what development and CI use.  The hashes are those recorded by other package collections for the
# same archives (each seen in at least two of them); the downloads themselves were not exercised where this was written.
include(FetchContent)

# dspy_dependency(<package> <find_package arguments>... FETCH <FetchContent_Declare arguments>...)
macro(dspy_dependency package)
  cmake_parse_arguments(dep "" "" "FETCH" ${ARGN})
  if(DSPY_FETCH)
    FetchContent_Declare(${package} ${dep_FETCH} EXCLUDE_FROM_ALL SYSTEM FIND_PACKAGE_ARGS ${dep_UNPARSED_ARGUMENTS})
    FetchContent_MakeAvailable(${package})
  else()
    find_package(${package} ${dep_UNPARSED_ARGUMENTS} REQUIRED)
  endif()
endmacro()

find_package(Threads REQUIRED)

# Coroutines (Asio), the server (Beast), JSON (compiled), names of members (PFR).
set(BOOST_INCLUDE_LIBRARIES asio beast json pfr)
set(BOOST_ENABLE_CMAKE ON)
dspy_dependency(Boost 1.84 CONFIG COMPONENTS json
  FETCH URL https://github.com/boostorg/boost/releases/download/boost-1.92.0/boost-1.92.0-cmake.tar.xz
        URL_HASH SHA256=9bed76128d4e46755dbe818487788c6fceb6f72b378f4daa49b7e1e600d9088d)
if(NOT TARGET Boost::headers)
  # The fetched tree has one target per library instead of one for all headers.
  add_library(dspy_boost_headers INTERFACE)
  target_link_libraries(dspy_boost_headers INTERFACE Boost::asio Boost::beast Boost::pfr)
  add_library(Boost::headers ALIAS dspy_boost_headers)
endif()

# What is kept in files: caches, traces, registries.  Older versions can damage a file that two connections write to.
if(NOT DSPY_REFLECTION_ONLY)
  find_package(SQLite3 3.51.3 REQUIRED)
  if(NOT TARGET SQLite3::SQLite3)
    add_library(SQLite3::SQLite3 ALIAS SQLite::SQLite3)  # the name before CMake 4.3
  endif()
endif()

# Configuration files.
if(NOT DSPY_REFLECTION_ONLY)
  find_package(tomlplusplus 3.3 CONFIG REQUIRED)
endif()

if(DSPY_BUILD_APPS)
  dspy_dependency(CLI11 2.4 CONFIG
    FETCH URL https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.6.1.tar.gz
          URL_HASH SHA256=377691f3fac2b340f12a2f79f523c780564578ba3d6eaf5238e9f35895d5ba95)
endif()

if(DSPY_BUILD_TESTS)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  dspy_dependency(doctest 2.4.9 CONFIG
    FETCH URL https://github.com/doctest/doctest/archive/refs/tags/v2.5.3.tar.gz
          URL_HASH SHA256=174ebc4e769928959614789c5b4e9c3d0a0f81a62bb608756b127bfebfb21331)
endif()

if(DSPY_BUILD_BENCHMARKS)
  set(BENCHMARK_ENABLE_TESTING OFF)
  dspy_dependency(benchmark 1.7 CONFIG
    FETCH URL https://github.com/google/benchmark/archive/refs/tags/v1.9.5.tar.gz
          URL_HASH SHA256=9631341c82bac4a288bef951f8b26b41f69021794184ece969f8473977eaa340)
endif()

# HTTP, TLS and WebSocket: only src/http/ sees it.  Without it everything but remote models is built.
find_package(CURL 7.88 QUIET)
if(CURL_FOUND)
  message(STATUS "libcurl ${CURL_VERSION_STRING}: ${CURL_LIBRARIES}")
else()
  message(STATUS "libcurl 7.88 or newer was not found: building without remote models "
    "(install libcurl4-openssl-dev, for instance with `./dev setup`)")
endif()

# Filters of system calls, for the interpreter's sandbox.  Without it the interpreter is built, and refuses to run code.
find_library(SECCOMP_LIBRARY seccomp)
find_path(SECCOMP_INCLUDE_DIR seccomp.h)
if(NOT SECCOMP_LIBRARY OR NOT SECCOMP_INCLUDE_DIR)
  set(SECCOMP_LIBRARY "")
  message(STATUS "libseccomp was not found: building without the sandbox for code (install libseccomp-dev, for instance with `./dev setup`)")
endif()

# Logs of ours in files and as JSON lines: only src/telemetry/spdlog_sink.cpp sees it.  Without it the log sink is there, and
# what would write through spdlog says what is missing.
find_package(spdlog 1.14 CONFIG QUIET)
if(NOT spdlog_FOUND)
  message(STATUS "spdlog 1.14 or newer was not found: building without logs through it (install libspdlog-dev, for instance with `./dev setup`)")
endif()

# libllama: only the plug-in links it (cmake/llama_plugin.cmake), so everything else builds without.
if(DSPY_LLAMA)
  find_package(llama CONFIG QUIET)
  if(llama_FOUND)
    message(STATUS "llama.cpp ${LLAMA_VERSION}: ${llama_LIBRARY}")
  elseif(DSPY_FETCH_LLAMA)
    # The newest release whose hash could be confirmed; built for this machine's processor.  Not exercised yet.
    set(LLAMA_VERSION 0.5.0)
    set(LLAMA_BUILD_COMMON OFF)
    set(BUILD_SHARED_LIBS ON)
    FetchContent_Declare(llama
      URL https://github.com/ggml-org/llama.cpp/archive/refs/tags/v${LLAMA_VERSION}.tar.gz
      URL_HASH SHA256=fef9ed754f4e031fb5c663c29260feda4ebc241abb68d64a81c0f1df5f1748e2
      EXCLUDE_FROM_ALL SYSTEM)
    FetchContent_MakeAvailable(llama)
    unset(BUILD_SHARED_LIBS)
  elseif(DSPY_LLAMA STREQUAL "AUTO")
    message(STATUS "libllama was not found: building without the in-process engine's plug-in "
      "(install libllama-dev, for instance with `./dev setup`, or set DSPY_FETCH_LLAMA=ON)")
  else()
    message(FATAL_ERROR "DSPY_LLAMA is ON and libllama was not found. Install libllama-dev (`./dev setup`), "
      "give its place with -Dllama_DIR=<folder of llama-config.cmake>, or set DSPY_FETCH_LLAMA=ON to build it.")
  endif()
endif()

# Documents: HTML by gumbo, DOCX by libzip and pugixml.  Without one of them everything but that format is read.
find_path(GUMBO_INCLUDE_DIR gumbo.h)
find_library(GUMBO_LIBRARY gumbo)
find_path(ZIP_INCLUDE_DIR zip.h)
find_library(ZIP_LIBRARY zip)
find_path(PUGIXML_INCLUDE_DIR pugixml.hpp)
find_library(PUGIXML_LIBRARY pugixml)
find_path(PQ_INCLUDE_DIR libpq-fe.h PATH_SUFFIXES postgresql)
find_library(PQ_LIBRARY pq)
mark_as_advanced(PQ_INCLUDE_DIR PQ_LIBRARY GUMBO_INCLUDE_DIR GUMBO_LIBRARY ZIP_INCLUDE_DIR ZIP_LIBRARY PUGIXML_INCLUDE_DIR PUGIXML_LIBRARY)
