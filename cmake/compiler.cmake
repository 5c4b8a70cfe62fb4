# Included before project().  GCC 14 is the floor; where nobody chose a compiler and the default one is older, or is
# Clang, with which we do not test, take one that is new enough and installed.
# (The builder of Python wheels sets CXX by itself, to what Python was compiled with.)
if(NOT CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR OR CMAKE_CXX_COMPILER OR WIN32 OR (DEFINED ENV{CXX} AND NOT SKBUILD))
  return()
endif()

set(default c++)
if(DEFINED ENV{CXX})
  separate_arguments(default UNIX_COMMAND "$ENV{CXX}")
endif()
execute_process(COMMAND ${default} -dumpfullversion -dumpversion
  OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
execute_process(COMMAND ${default} --version OUTPUT_VARIABLE about ERROR_QUIET)
if(NOT status EQUAL 0 OR version VERSION_LESS 14 OR about MATCHES "clang")
  find_program(newer NAMES g++-14 g++-15 g++-16 NO_CACHE)
  if(newer)
    set(CMAKE_CXX_COMPILER ${newer})
  endif()
endif()
