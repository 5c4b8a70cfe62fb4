# What the library of agents needs beside its files: the runner of interpreters, a Python program, as text; the library
# that filters system calls.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS src/agents/sandbox/runner.py)
file(READ src/agents/sandbox/runner.py runner_text)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/runner.cpp @ONLY CONTENT [[
#include "agents/sandbox/runner.hpp"

namespace dspy::sandbox {
const std::string_view runner = R"runner(@runner_text@)runner";
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
