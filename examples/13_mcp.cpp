// Tools over the Model Context Protocol, in both directions.  Without arguments this program starts itself as a server
// and calls it; with `--serve` (or `--http`) it is that server for any MCP host, and with `--client COMMAND-OR-URL` it
// looks at another one; `--latency` measures a call.

#include "dspy/agents/mcp/client.hpp"
#include "dspy/agents/mcp/server.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"

#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

namespace {

using dspy::Async;
using dspy::JsonObject;
using dspy::McpResult;
using dspy::McpServedCall;

McpResult said(std::string_view text) {
  return {.content = {JsonObject{{"type", "text"}, {"text", text}}}};
}

Async<McpResult> add(McpServedCall call) {
  const auto sum = call.arguments.at("a").to_number<double>() + call.arguments.at("b").to_number<double>();
  auto out = said(dspy::to_text(dspy::Json(sum)));
  out.structured = JsonObject{{"sum", sum}};
  co_return out;
}

Async<McpResult> count(McpServedCall call) {
  for (int i = 1; i <= 3; ++i) call.progress({.progress = static_cast<double>(i), .total = 3.0});
  co_return said("counted");
}

Async<McpResult> sleep(McpServedCall call) {
  co_await dspy::sleep(std::chrono::hours(1), call.stop);
  co_return said("slept");
}

dspy::McpServer server() {
  const JsonObject number{{"type", "number"}};
  const JsonObject two{
      {"type", "object"}, {"properties", {{"a", number}, {"b", number}}}, {"required", dspy::JsonArray{"a", "b"}}};
  dspy::McpServer out("example");
  out.add({.name = "add", .description = "Adds two numbers.", .input_schema = two}, add);
  out.add({.name = "count", .description = "Counts to three, and tells.", .input_schema = {{"type", "object"}}}, count);
  out.add({.name = "sleep", .description = "Sleeps for an hour.", .input_schema = {{"type", "object"}}}, sleep);
  out.add({.uri = "note://today", .name = "today", .read = [] { return std::string("Water the plants."); }});
  return out;
}

void look_at(const std::string& target) {
  const dspy::McpClient client(target);
  const auto info = dspy::wait(client.connect());
  std::cout << info.name << " speaks " << info.protocol << '\n';
  for (const auto& tool : dspy::wait(client.list_tools()))
    std::cout << "tool " << tool.name << ": " << tool.description << '\n';
  std::cout << "2 + 40 = " << dspy::wait(client.call_tool("add", {{"a", 2}, {"b", 40}})).text() << '\n';

  dspy::McpCallOptions watched;
  watched.on_progress = [](const dspy::McpProgress& at) {
    std::cout << at.progress << " of " << at.total.value_or(0) << '\n';
  };
  std::cout << dspy::wait(client.call_tool("count", {}, watched)).text() << '\n';

  dspy::McpCallOptions hurried{.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200)};
  try {
    dspy::wait(client.call_tool("sleep", {}, hurried));
  } catch (const dspy::Error& error) {
    std::cout << "sleep: " << to_string(error.code()) << '\n';
  }
  std::cout << (dspy::wait(client.call_tool("add", {{"a", "x"}})).is_error ? "add: refused what is not a number\n"
                                                                           : "");
}

/// Measures the latency of a call over pipes.
void measure(const std::string& target) {
  const dspy::McpClient client(target);
  dspy::wait(client.call_tool("add", {{"a", 1}, {"b", 1}}));
  constexpr int calls = 2'000;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; ++i) dspy::wait(client.call_tool("add", {{"a", i}, {"b", 1}}));
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begun;
  std::cout << "our client, our server: " << static_cast<long>(took.count() / calls) << " us a call\n";
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  try {
    if (mode == "--serve") {
      server().serve_stdio();
    } else if (mode == "--http") {
      const dspy::McpHttpServer http(server());
      std::cout << http.url() << std::endl;
      std::getchar();
    } else if (mode == "--latency") {
      measure(std::string(argv[0]) + " --serve");
    } else {
      look_at(mode == "--client" && argc > 2 ? argv[2] : std::string(argv[0]) + " --serve");
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
