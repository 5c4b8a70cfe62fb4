// JSON-RPC messages: what is read is written and read again as the same; a server answers any of them.

#include "agents/mcp/headers.hpp"
#include "agents/mcp/json_rpc.hpp"
#include "agents/mcp/service.hpp"
#include "dspy/base/wait.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace {

std::shared_ptr<const dspy::McpServer::State> server() {
  static const auto made = [] {
    auto out = std::make_shared<dspy::McpServer::State>();
    out->name = "fuzzed";
    out->tools.push_back({.tool = {.name = "echo", .input_schema = {{"type", "object"}}},
                          .function = [](dspy::McpServedCall call) -> dspy::Async<dspy::McpResult> {
                            co_return dspy::McpResult{.structured = dspy::Json(call.arguments)};
                          }});
    return out;
  }();
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  if (dspy::rpc::read_header_value(dspy::rpc::header_value(input)) != input) std::abort();
  auto message = dspy::rpc::read(input);
  if (!message) {
    if (message.error().code > -32600) std::abort();
    return 0;
  }
  const auto text = std::visit([](const auto& each) { return dspy::to_text(to_json(each)); }, *message);
  const auto again = dspy::rpc::read(text);
  if (!again || std::visit([](const auto& each) { return dspy::to_text(to_json(each)); }, *again) != text) std::abort();
  auto* const call = std::get_if<dspy::rpc::Call>(&*message);
  if (call == nullptr) return 0;
  const auto id = call->id;
  const auto session = std::make_shared<dspy::rpc::Session>();
  const auto answer = dspy::wait(dspy::rpc::served(server(), session, std::move(*call), {}));
  if (answer.has_value() == id.is_null()) std::abort();
  if (answer && answer->id != id) std::abort();
  return 0;
}
