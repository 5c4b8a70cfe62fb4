# The page that the server shows: TypeScript under src/server/page/, which Vite puts together and embed.js makes C++ of.
# Where node.js, npm or the packages cannot be had, the server is built without it, and `GET /` says so.
set(DSPY_PAGE AUTO CACHE STRING "The server's page: AUTO builds it where node.js >= 20.19 and npm are there; OFF leaves it out")
set_property(CACHE DSPY_PAGE PROPERTY STRINGS AUTO OFF)

set(page_source ${PROJECT_SOURCE_DIR}/src/server/page)
set(page_build ${PROJECT_BINARY_DIR}/page)
set(page_cpp ${PROJECT_BINARY_DIR}/generated/page_files.cpp)

set(page_missing "")
if(NOT DSPY_PAGE)
  set(page_missing "DSPY_PAGE is OFF")
else()
  find_program(NODE_EXECUTABLE node)
  find_program(NPM_EXECUTABLE npm)
  if(NODE_EXECUTABLE)
    execute_process(COMMAND ${NODE_EXECUTABLE} --version OUTPUT_VARIABLE node_version OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    string(REGEX REPLACE "^v" "" node_version "${node_version}")
  endif()
  if(NOT NODE_EXECUTABLE)
    set(page_missing "node.js was not found")
  elseif(node_version VERSION_LESS 20.19)
    set(page_missing "node.js ${node_version} is older than 20.19")
  elseif(NOT NPM_EXECUTABLE)
    set(page_missing "npm was not found")
  endif()
endif()

if(page_missing)
  message(STATUS "${page_missing}: building the server without its page")
  file(CONFIGURE OUTPUT ${page_cpp} @ONLY CONTENT [[
#include "dspy/server/page.hpp"

#include <span>

namespace dspy::server {

std::span<const PageFile> page_files() noexcept {
  return {};
}

}  // namespace dspy::server
]])
else()
  file(GLOB_RECURSE page_inputs CONFIGURE_DEPENDS ${page_source}/app/* ${page_source}/mock/*.ts ${page_source}/tests/*.ts)
  foreach(name IN ITEMS package.json package-lock.json .npmrc tsconfig.json vite.config.js index.html embed.js)
    list(APPEND page_inputs ${page_source}/${name})
  endforeach()
  add_custom_command(OUTPUT ${page_cpp}
    COMMAND ${CMAKE_COMMAND} -DNODE=${NODE_EXECUTABLE} -DNPM=${NPM_EXECUTABLE} -DSOURCE=${page_source} -DBUILD=${page_build} -DOUT=${page_cpp}
      -P ${PROJECT_SOURCE_DIR}/cmake/build_page.cmake
    DEPENDS ${page_inputs} ${PROJECT_SOURCE_DIR}/cmake/build_page.cmake
    COMMENT "Building the server's page"
    VERBATIM)
  add_custom_target(dspy_page DEPENDS ${page_cpp})
  add_dependencies(dspy_server dspy_page)
endif()

target_sources(dspy_server PRIVATE ${page_source}/page_routes.cpp ${page_cpp})
set_source_files_properties(${page_cpp} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
