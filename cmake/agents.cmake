# What the library of agents needs beside its files: the runners of interpreters, programs in Python and JavaScript, as
# text; the library that filters system calls.
foreach(part IN ITEMS runner.py runner_wasm.py runner_wasm.mjs runner_code.py)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS src/agents/sandbox/${part})
  string(REPLACE "." "_" name ${part})
  file(READ src/agents/sandbox/${part} ${name})
endforeach()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/runner.cpp @ONLY CONTENT [[
#include "agents/sandbox/runner.hpp"

namespace dspy::sandbox {
const std::string_view runner = R"runner(@runner_py@@runner_code_py@)runner";
const std::string_view wasm_runner = R"runner(@runner_wasm_py@@runner_code_py@)runner";
const std::string_view wasm_loader = R"runner(@runner_wasm_mjs@)runner";
}  // namespace dspy::sandbox
]])
target_sources(dspy_agents PRIVATE ${PROJECT_BINARY_DIR}/generated/runner.cpp)

if(SECCOMP_LIBRARY)
  target_link_libraries(dspy_agents PRIVATE seccomp)  # by name, so that users of the installed library link it too
  set_source_files_properties(src/agents/sandbox/seccomp.cpp PROPERTIES COMPILE_DEFINITIONS DSPY_WITH_SECCOMP)
endif()

# MCP over HTTP.
if(CURL_FOUND)
  target_link_libraries(dspy_agents PRIVATE dspy::http)
  set_source_files_properties(src/agents/mcp/http_channel.cpp src/agents/sandbox/remote_interpreter.cpp PROPERTIES COMPILE_DEFINITIONS DSPY_WITH_HTTP)
endif()
