# dspy_library(<part> FOLDERS <folder>... [LINKS <public>...] [PRIVATE_LINKS <private>...])
#
# One part of the library: src/<folder>/*.cpp and include/dspy/<folder>/*.hpp of each folder.  Makes the target
# dspy_<part>, its alias dspy::<part>, and adds it to DSPY_PARTS (the umbrella and the install rules read that).
function(dspy_library part)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "FOLDERS;LINKS;PRIVATE_LINKS")
  list(TRANSFORM arg_FOLDERS REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/src/\\1/*.cpp" OUTPUT_VARIABLE source_globs)
  list(TRANSFORM arg_FOLDERS REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/include/dspy/\\1/*.hpp" OUTPUT_VARIABLE header_globs)
  file(GLOB sources CONFIGURE_DEPENDS ${source_globs})
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${header_globs})
  add_library(dspy_${part} ${sources})
  add_library(dspy::${part} ALIAS dspy_${part})
  target_sources(dspy_${part} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${headers})
  target_include_directories(dspy_${part} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(dspy_${part}
    PUBLIC ${arg_LINKS}
    PRIVATE ${arg_PRIVATE_LINKS} $<BUILD_LOCAL_INTERFACE:dspy_warnings>)
  target_compile_features(dspy_${part} PUBLIC cxx_std_23)
  dspy_use_reflection(dspy_${part})
  set_target_properties(dspy_${part} PROPERTIES
    EXPORT_NAME ${part}
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    CXX_EXTENSIONS OFF
    POSITION_INDEPENDENT_CODE ON
    VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})
  set(DSPY_PARTS ${DSPY_PARTS} dspy_${part} PARENT_SCOPE)
endfunction()

# dspy_precompile(<target> [<header>...]) - the target's files start from the precompiled foreign headers, and these.
# dspy_precompile(<target> REUSE_FROM <other>) - shares what was compiled for another target of the same flags.
function(dspy_precompile target)
  if(NOT DSPY_PRECOMPILED_HEADERS)
    return()
  elseif(ARGV1 STREQUAL "REUSE_FROM")
    target_precompile_headers(${target} ${ARGN})
  else()
    target_precompile_headers(${target} PRIVATE ${DSPY_FOREIGN_HEADERS} ${ARGN})
  endif()
endfunction()

# AUTO leaves it to the headers, which look at what the compiler was asked for.  ON also gives the flags to whoever links
# the library; OFF keeps the C++23 path everywhere.
function(dspy_use_reflection target)
  if(DSPY_REFLECTION STREQUAL "AUTO")
    return()
  elseif(NOT DSPY_REFLECTION)
    target_compile_definitions(${target} PUBLIC DSPY_REFLECTION=0)
    return()
  endif()
  include(CheckCXXCompilerFlag)
  check_cxx_compiler_flag("-std=c++26 -freflection" DSPY_HAS_REFLECTION)
  if(NOT DSPY_HAS_REFLECTION)
    message(FATAL_ERROR "DSPY_REFLECTION=ON needs a compiler that takes `-std=c++26 -freflection` (g++ 16); "
      "${CMAKE_CXX_COMPILER} does not. Use the preset `cxx26`, or leave DSPY_REFLECTION at AUTO.")
  endif()
  target_compile_features(${target} PUBLIC cxx_std_26)
  target_compile_options(${target} PUBLIC -freflection)
endfunction()

# dspy_program(<target> <source>... ) - an executable of ours: warnings, no extensions.
function(dspy_program target)
  add_executable(${target} ${ARGN})
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_link_libraries(${target} PRIVATE dspy_warnings)
endfunction()
