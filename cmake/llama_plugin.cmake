# dspy::llama links no libllama: it opens the plug-in at run time, since libllama reads its thread settings when it is
# loaded and everything else must build, start and be tested without it.
#
# The plug-in is found through the environment variable DSPY_LLAMA_PLUGIN, else beside the program (../lib/dspy), else in
# the folders given here.
set(DSPY_PLUGIN_FILE dspy-llama-plugin${CMAKE_SHARED_MODULE_SUFFIX})
set(DSPY_PLUGIN_DIR ${PROJECT_BINARY_DIR}/lib/dspy)
# Only this file gets the paths, so that everything else is the same for the compiler cache in any folder.
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/llama/model/loader.cpp PROPERTIES COMPILE_DEFINITIONS
  "DSPY_PLUGIN_FILE=\"${DSPY_PLUGIN_FILE}\";DSPY_PLUGIN_BUILD_DIR=\"${DSPY_PLUGIN_DIR}\";DSPY_PLUGIN_INSTALL_DIR=\"${CMAKE_INSTALL_FULL_LIBDIR}/dspy\"")

# What the plug-in puts into libllama's graphs; tests link it without libllama.
include(${CMAKE_CURRENT_LIST_DIR}/llama_kernels.cmake)

if(NOT TARGET llama)
  return()
endif()

file(GLOB plugin_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/llama/plugin/*.cpp ${PROJECT_SOURCE_DIR}/src/llama/plugin/graph/*.cpp)
add_library(dspy-llama-plugin MODULE ${plugin_sources})
target_include_directories(dspy-llama-plugin PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(dspy-llama-plugin PRIVATE llama dspy_kernels dspy_warnings)
# Pictures and sounds: a library of llama.cpp's own, which Debian has in the same packages.
find_library(MTMD_LIBRARY mtmd)
find_path(MTMD_INCLUDE_DIR mtmd.h)
if(MTMD_LIBRARY AND MTMD_INCLUDE_DIR)
  target_link_libraries(dspy-llama-plugin PRIVATE ${MTMD_LIBRARY})
  target_include_directories(dspy-llama-plugin SYSTEM PRIVATE ${MTMD_INCLUDE_DIR})
  target_compile_definitions(dspy-llama-plugin PRIVATE DSPY_HAS_MTMD)
else()
  message(STATUS "libmtmd was not found: local models will read no pictures and no sounds")
endif()
target_compile_features(dspy-llama-plugin PRIVATE cxx_std_23)
# The headers do not say which version they are; the plug-in compares it with the library it meets at run time.
target_compile_definitions(dspy-llama-plugin PRIVATE DSPY_LLAMA_VERSION="${LLAMA_VERSION}")
set_target_properties(dspy-llama-plugin PROPERTIES
  PREFIX ""
  CXX_EXTENSIONS OFF
  CXX_VISIBILITY_PRESET hidden
  LIBRARY_OUTPUT_DIRECTORY ${DSPY_PLUGIN_DIR})
