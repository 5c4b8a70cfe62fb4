# Included before project().  GCC 14 is the floor; where nobody chose a compiler and the default one is older, or is
# Clang, with which we do not test, take one that is new enough and installed.
if(NOT CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR OR CMAKE_CXX_COMPILER OR DEFINED ENV{CXX} OR WIN32)
  return()
endif()

execute_process(COMMAND c++ -dumpfullversion -dumpversion
  OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
execute_process(COMMAND c++ --version OUTPUT_VARIABLE about ERROR_QUIET)
if(NOT status EQUAL 0 OR version VERSION_LESS 14 OR about MATCHES "clang")
  find_program(newer NAMES g++-14 g++-15 g++-16 NO_CACHE)
  if(newer)
    set(CMAKE_CXX_COMPILER ${newer})
  endif()
endif()
