#include "agents/mcp/channel.hpp"
#include "agents/mcp/headers.hpp"
#include "agents/mcp/json_rpc.hpp"
#include "dspy/agents/mcp/client.hpp"
#include "dspy/agents/mcp/server.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

using dspy::Json;
using dspy::JsonObject;
using dspy::McpClient;
using dspy::to_text;
using dspy::wait;
using namespace std::chrono_literals;

namespace {

McpClient scripted(const std::string& mode, dspy::McpOptions options = {}) {
  options.discover_limit = mode == "silent" ? std::chrono::milliseconds(500) : 20s;
  return McpClient("python3 tests/support/mcp_server.py " + mode, options);
}

std::string failure_of(const auto& work, dspy::Errc code) {
  try {
    work();
  } catch (const dspy::Error& error) {
    CHECK(to_string(error.code()) == to_string(code));
    return error.what();
  }
  FAIL("nothing was thrown");
  return {};
}

/// A server of ours with one tool of each kind.
dspy::McpServer example() {
  dspy::McpServer server("example", "2.0", "Use add.");
  server.add({.name = "add", .description = "Adds.", .input_schema = {{"type", "object"}}},
             [](dspy::McpServedCall call) -> dspy::Async<dspy::McpResult> {
               const auto sum = call.arguments.at("a").to_number<int>() + call.arguments.at("b").to_number<int>();
               co_return dspy::McpResult{.content = {JsonObject{{"type", "text"}, {"text", std::to_string(sum)}}},
                                         .structured = JsonObject{{"sum", sum}}};
             });
  server.add({.name = "steps", .description = "Tells its progress.", .input_schema = {{"type", "object"}}},
             [](dspy::McpServedCall call) -> dspy::Async<dspy::McpResult> {
               for (const auto at : {1, 2, 2, 3}) call.progress({.progress = static_cast<double>(at), .total = 3.0});
               co_return dspy::McpResult{.content = {JsonObject{{"type", "text"}, {"text", "done"}}}};
             });
  server.add({.name = "endless", .description = "Waits until it is stopped.", .input_schema = {{"type", "object"}}},
             [](dspy::McpServedCall call) -> dspy::Async<dspy::McpResult> {
               co_await dspy::sleep(1h, call.stop);
               co_return dspy::McpResult{};
             });
  server.add({.uri = "note://1", .name = "note", .read = [] { return std::string("remember"); }});
  server.add(dspy::McpPrompt{
      .name = "greet", .arguments = {{.name = "who", .is_required = true}}, .render = [](const JsonObject& given) {
        return "Greet " + std::string(dspy::view(given.at("who").as_string()));
      }});
  return server;
}

}  // namespace

TEST_CASE("JSON-RPC messages are read, or answered with what is wrong") {
  struct Case {
    std::string_view text;
    int code;
  };
  for (const auto& [text, code] :
       std::vector<Case>{{"{", -32700},
                         {"[]", -32600},
                         {R"({"method":"x"})", -32600},
                         {R"({"jsonrpc":"2.0","method":1})", -32600},
                         {R"({"jsonrpc":"2.0","method":"x","id":1.5})", -32600},
                         {R"({"jsonrpc":"2.0","method":"x","id":null})", -32600},
                         {R"({"jsonrpc":"2.0","method":"x","params":[1]})", -32600},
                         {R"({"jsonrpc":"2.0","id":1})", -32600},
                         {R"({"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1}})", -32600},
                         {R"({"jsonrpc":"2.0","result":{}})", -32600},
                         {R"({"jsonrpc":"2.0","id":1,"error":{"message":"x"}})", -32600}}) {
    CAPTURE(text);
    const auto message = dspy::rpc::read(text);
    REQUIRE_FALSE(message);
    CHECK(message.error().code == code);
  }
  const auto call = dspy::rpc::read(R"({"jsonrpc":"2.0","id":"a","method":"m","params":{"x":1}})");
  REQUIRE(call);
  CHECK(to_text(to_json(std::get<dspy::rpc::Call>(*call))) ==
        R"({"jsonrpc":"2.0","id":"a","method":"m","params":{"x":1}})");
  const auto answer = dspy::rpc::read(R"({"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"no","data":[1]}})");
  REQUIRE(answer);
  CHECK(to_text(to_json(std::get<dspy::rpc::Answer>(*answer))) ==
        R"({"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"no","data":[1]}})");
}

TEST_CASE("commands are taken apart as a shell does, and nothing in them is expanded") {
  using Words = std::vector<std::string>;
  CHECK(dspy::rpc::split_command("npx -y  @scope/server") == Words{"npx", "-y", "@scope/server"});
  CHECK(dspy::rpc::split_command(R"(a "b c" 'd "e' f\ g "")") == Words{"a", "b c", "d \"e", "f g", ""});
  CHECK(dspy::rpc::split_command("echo $HOME; rm *") == Words{"echo", "$HOME;", "rm", "*"});
  CHECK_THROWS_AS(dspy::rpc::split_command("a 'b"), dspy::Error);
  CHECK_THROWS_AS(McpClient(" "), dspy::Error);
}

TEST_CASE("names go into header fields in base64 where they would not survive") {
  for (const std::string text : {"plain", " padded ", "é", "a\r\nb", "=?base64?x?=", ""}) {
    CAPTURE(text);
    CHECK(dspy::rpc::read_header_value(dspy::rpc::header_value(text)) == text);
  }
  CHECK(dspy::rpc::header_value(" padded ") == "=?base64?IHBhZGRlZCA=?=");
  CHECK(dspy::rpc::header_value("plain") == "plain");
  CHECK_FALSE(dspy::rpc::read_header_value("=?base64?!?="));
}

TEST_CASE("a client finds out which protocol a program speaks, and calls its tools") {
  for (const std::string mode : {"modern", "legacy", "silent", "deaf"}) {
    CAPTURE(mode);
    const auto client = scripted(mode);
    const auto server = wait(client.connect());
    CHECK(server.name == "scripted");
    CHECK(server.protocol == (mode == "modern" ? "2026-07-28" : "2025-06-18"));
    const auto tools = wait(client.list_tools());
    REQUIRE(tools.size() == 3);  // on three pages
    CHECK(tools[2].read_only_hint);
    CHECK(tools[2].destructive_hint);
    const auto sum = wait(client.call_tool("add", {{"a", 2}, {"b", 40}}));
    CHECK(sum.text() == "42");
    CHECK(sum.structured == Json(JsonObject{{"sum", 42}}));
    CHECK(wait(client.call_tool("fails", {})).is_error);
    CHECK(failure_of([&] { wait(client.call_tool("nothing", {})); }, dspy::Errc::refused) ==
          "the MCP server refused `tools/call` with error -32602: unknown tool nothing");
    failure_of([&] { wait(client.request("no/such", {})); }, dspy::Errc::unsupported);
  }
}

TEST_CASE("progress reaches the call it belongs to") {
  for (const std::string mode : {"modern", "legacy"}) {
    std::vector<std::string> steps;
    const auto out = wait(scripted(mode).call_tool(
        "progress", {}, {.on_progress = [&](const dspy::McpProgress& at) { steps.push_back(at.message); }}));
    CHECK(out.text() == "done");
    CHECK(steps == std::vector<std::string>{"step 1", "step 2", "step 3"});
  }
}

TEST_CASE("a call that is stopped, or late, is taken back at the server") {
  const auto client = scripted("modern");
  wait(client.connect());
  std::stop_source stop;
  auto late = spawn(client.call_tool("slow", {}, {.stop = stop.get_token()}));
  std::this_thread::sleep_for(50ms);
  stop.request_stop();
  failure_of([&] { late.get(); }, dspy::Errc::cancelled);
  failure_of([&] { wait(client.call_tool("slow", {}, {.deadline = std::chrono::steady_clock::now() + 50ms})); },
             dspy::Errc::deadline_exceeded);
  CHECK(wait(client.call_tool("cancelled", {})).text() == "[1, 2]");
}

TEST_CASE("calls overlap from many threads") {
  const auto client = scripted("modern");
  std::vector<std::future<dspy::McpResult>> all;
  for (int i = 0; i < 100; ++i) all.push_back(spawn(client.call_tool("add", {{"a", i}, {"b", 1}})));
  for (int i = 0; i < 100; ++i) CHECK(all[static_cast<std::size_t>(i)].get().text() == std::to_string(i + 1));
}

TEST_CASE("a server that dies fails the call with its last words, and is started again for the next") {
  const auto client = scripted("legacy");
  const auto why = failure_of([&] { wait(client.call_tool("dies", {})); }, dspy::Errc::unavailable);
  CHECK(why.find("exited with code 7") != std::string::npos);
  CHECK(why.find("out of cheese") != std::string::npos);
  CHECK(wait(client.call_tool("add", {{"a", 1}, {"b", 1}})).text() == "2");
  const auto once = scripted("legacy", {.reconnects = false});
  failure_of([&] { wait(once.call_tool("dies", {})); }, dspy::Errc::unavailable);
  failure_of([&] { wait(once.call_tool("add", {})); }, dspy::Errc::unavailable);
}

TEST_CASE("what is not an MCP server is recognized as such, in bounded time and memory") {
  for (const std::string mode : {"nonsense", "flood", "huge"}) {
    CAPTURE(mode);
    failure_of([&] { wait(scripted(mode, {.message_bytes = std::size_t{1} << 20}).connect()); },
               dspy::Errc::unavailable);
  }
  failure_of([&] { wait(scripted("ancient").connect()); }, dspy::Errc::unsupported);
  failure_of([&] { wait(McpClient("/no/such/program").connect()); }, dspy::Errc::io_error);
  failure_of([&] { wait(McpClient("true").connect()); }, dspy::Errc::unavailable);
  const McpClient hanging("sleep 100", {.discover_limit = 100ms, .connect_limit = 100ms, .patience = 100ms});
  failure_of([&] { wait(hanging.connect()); }, dspy::Errc::deadline_exceeded);
}

TEST_CASE("a server may ask the user before it answers, if there is somebody to ask") {
  dspy::McpOptions options{.elicit = [](dspy::McpElicitation question) -> dspy::Async<dspy::McpElicitationAnswer> {
    CHECK(question.message == "Who?");
    co_return dspy::McpElicitationAnswer{.action = dspy::McpElicitationAnswer::Action::accept,
                                         .content = {{"name", "Ada"}}};
  }};
  CHECK(wait(scripted("modern", options).call_tool("asks", {})).text() == "hello Ada s1");
  CHECK(wait(scripted("legacy", options).call_tool("asks", {})).text() == "hello Ada");
  failure_of([&] { wait(scripted("modern").call_tool("asks", {})); }, dspy::Errc::unsupported);
  CHECK(wait(scripted("legacy").call_tool("asks", {})).text() == "hello nobody");
}

TEST_CASE("a server of ours answers a client of ours over HTTP") {
  const dspy::McpHttpServer http(example());
  const McpClient client(http.url());
  const auto info = wait(client.connect());
  CHECK(info.protocol == "2026-07-28");
  CHECK(info.name == "example");
  CHECK(info.instructions == "Use add.");
  CHECK(wait(client.list_tools()).size() == 3);
  CHECK(wait(client.call_tool("add", {{"a", 1}, {"b", 2}})).structured == Json(JsonObject{{"sum", 3}}));
  CHECK(wait(client.call_tool("add", {})).is_error);
  std::vector<double> steps;
  wait(client.call_tool("steps", {}, {.on_progress = [&](const auto& at) { steps.push_back(at.progress); }}));
  CHECK(steps == std::vector<double>{1, 2, 3});
  CHECK(wait(client.read_resource("note://1")).at(0).at("text") == Json("remember"));
  CHECK(wait(client.get_prompt("greet", {{"who", "Bo"}})).at("messages").at(0).at("content").at("text") ==
        Json("Greet Bo"));
  failure_of([&] { wait(client.get_prompt("greet", {})); }, dspy::Errc::refused);
  failure_of([&] { wait(client.call_tool("none", {})); }, dspy::Errc::refused);
  failure_of([&] { wait(client.request("no/such", {})); }, dspy::Errc::unsupported);
  failure_of([&] { wait(client.call_tool("endless", {}, {.deadline = std::chrono::steady_clock::now() + 100ms})); },
             dspy::Errc::deadline_exceeded);
  failure_of([&] { wait(McpClient("http://127.0.0.1:" + std::to_string(http.port()) + "/other").connect()); },
             dspy::Errc::refused);
}

TEST_CASE("a program is served as a tool with the schemas of its signature") {
  auto lm = std::make_shared<dspy::ScriptedLM>([](const dspy::Request&) { return std::string("Answer: 4"); });
  dspy::Predict ask("question -> answer: int", {.lm = lm});
  dspy::McpServer server("math");
  server.add("ask", "Answers.", ask.signature(), ask);
  CHECK_THROWS_AS(server.add("ask", "Again.", ask.signature(), ask), dspy::Error);
  const dspy::McpHttpServer http(server);
  const McpClient client(http.url());
  const auto tool = wait(client.list_tools()).at(0);
  CHECK(tool.input_schema.at("properties").as_object().contains("question"));
  REQUIRE(tool.output_schema);
  CHECK(wait(client.call_tool("ask", {{"question", "2+2?"}})).structured == Json(JsonObject{{"answer", 4}}));
  const auto wrong = wait(client.call_tool("ask", {{"nonsense", 1}}));
  CHECK(wrong.is_error);
  CHECK(wrong.text().find("question") != std::string::npos);
}

TEST_CASE("an agent is served with its outputs, and not with its trajectory") {
  auto lm = std::make_shared<dspy::ScriptedLM>([](const dspy::Request& request) -> std::string {
    return request.messages.back().text().contains("Next tool name")
               ? "Next thought: t\nNext tool name: finish\nNext tool args: {}"
               : "Reasoning: r\nTotal: 7";
  });
  const dspy::ReActAgent agent(dspy::Signature::parse("request -> total: int"),
                               {{"today", "The date.", [] { return 1; }}}, {.predictor = {.lm = lm}});
  dspy::McpServer server("agents");
  server.add("plan", "Plans.", agent.signature(), agent);
  const dspy::McpHttpServer http(server);
  const McpClient client(http.url());
  const auto out = wait(client.call_tool("plan", {{"request", "a night"}}));
  CHECK(out.structured == Json(JsonObject{{"total", 7}}));
  CHECK(out.text() == R"({"total":7})");
}
