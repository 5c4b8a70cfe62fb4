#include "agents/mcp/json_rpc.hpp"
#include "dspy/agents/mcp/client.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/wait.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

using namespace dspy;

namespace fs = std::filesystem;

namespace {

/// The folder `examples` of a checkout of modelcontextprotocol/modelcontextprotocol:
/// DSPY_MCP_EXAMPLES=…/schema/2026-07-28/examples.
std::optional<fs::path> examples() {
  if (const char* const folder = std::getenv("DSPY_MCP_EXAMPLES")) return folder;
  MESSAGE("skipped: DSPY_MCP_EXAMPLES does not say where the specification's examples are");
  return {};
}

Json read(const fs::path& path) {
  auto json = parse_json(read_text(path, 1U << 20));
  REQUIRE_MESSAGE(json, path.string());
  return *std::move(json);
}

std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const auto& each : fs::recursive_directory_iterator(folder))
    if (each.path().extension() == ".json") out.push_back(each.path());
  return out;
}

}  // namespace

TEST_CASE("the messages among the specification's examples are read, and the same when written again") {
  const auto folder = examples();
  if (!folder) return;
  int messages = 0;
  for (const auto& path : files_of(*folder)) {
    const auto original = read(path);
    if (!original.is_object() || !original.get_object().contains("jsonrpc")) continue;
    CAPTURE(path.string());
    const auto message = rpc::read(to_text(original));
    REQUIRE(message);
    const auto again = std::visit([](const auto& each) { return rpc::to_json(each); }, *message);
    CHECK(Json(again) == original);
    ++messages;
  }
  CHECK(messages >= 30);
}

TEST_CASE("a client takes the specification's example results as a server's") {
  const auto folder = examples();
  if (!folder) return;
  const McpClient client(std::format("python3 tests/support/mcp_server.py examples '{}'", folder->string()));
  const auto server = wait(client.connect());
  CHECK(server.protocol == "2026-07-28");
  const auto tools = wait(client.list_tools());
  CHECK(tools.size() == files_of(*folder / "Tool").size());
  for (const auto& tool : tools) CHECK_FALSE(tool.input_schema.empty());
  CHECK(wait(mcp_tools(client)).size() == tools.size());  // all schemas can be used

  for (const auto& path : files_of(*folder / "CallToolResult")) {
    CAPTURE(path.string());
    const auto expected = read(path).as_object();
    const auto result = wait(client.call_tool(path.filename().string(), {}));
    CHECK(result.content == expected.at("content").as_array());
    CHECK(result.is_error == (expected.contains("isError") && expected.at("isError").as_bool()));
    const auto* const structured = expected.if_contains("structuredContent");
    CHECK(result.structured.has_value() == (structured != nullptr));
    if (structured != nullptr) CHECK(*result.structured == *structured);
  }
  for (const auto& path : files_of(*folder / "ReadResourceResult")) {
    const auto contents = wait(client.read_resource(path.filename().string()));
    CHECK(JsonArray(contents.begin(), contents.end()) == read(path).at("contents").as_array());
  }
  for (const auto& path : files_of(*folder / "GetPromptResult"))
    CHECK(wait(client.get_prompt(path.filename().string(), {})).at("messages") == read(path).at("messages"));
}
