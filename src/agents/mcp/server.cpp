#include "dspy/agents/mcp/server.hpp"

#include "agents/mcp/json_rpc.hpp"
#include "agents/mcp/service.hpp"
#include "dspy/agents/tool.hpp"
#include "dspy/agents/tool_outcome.hpp"
#include "dspy/base/base64.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/json_schema.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <format>
#include <future>
#include <mutex>
#include <utility>

namespace dspy {
namespace {

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

McpResult to_result(const ToolOutcome& outcome) {
  McpResult out{.content = {JsonObject{{"type", "text"}, {"text", observation(outcome)}}},
                .is_error = outcome.is_error};
  if (outcome.value.is_object() && !outcome.is_error) out.structured = outcome.value;
  return out;
}

Async<McpResult> called(FunctionTool tool, McpServedCall call) {
  ToolContext context;
  context.call.stop = call.stop;
  co_return to_result(co_await tool.call(std::move(call.arguments), std::move(context)));
}

/// A program, and the outputs that its schema promises: an agent's trajectory is not among them.
struct ServedProgram {
  Program program;
  std::vector<std::string> outputs;
};

Async<McpResult> run(std::shared_ptr<const ServedProgram> served, McpServedCall call) {
  Run how;
  how.options.stop = call.stop;
  auto prediction = co_await served->program.run(std::move(call.arguments), std::move(how));
  JsonObject data;
  for (const auto& name : served->outputs)
    if (auto* const value = prediction.data.if_contains(name)) data[name] = std::move(*value);
  McpResult out{.content = {JsonObject{{"type", "text"}, {"text", to_text(data)}}}};
  out.structured = std::move(data);
  co_return out;
}

/// Whole messages to the standard output, from any thread.
class Output {
 public:
  void write(const JsonObject& message) {
    auto text = to_text(message);
    text += '\n';
    const std::lock_guard lock(mutex_);
    std::string_view left = text;
    while (!left.empty()) {
      const auto count = ::write(STDOUT_FILENO, left.data(), left.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return;  // the reader is gone; the input ends too
      left.remove_prefix(static_cast<std::size_t>(count));
    }
  }

 private:
  std::mutex mutex_;
};

Async<void> answer(std::shared_ptr<const McpServer::State> server, std::shared_ptr<rpc::Session> session,
                   rpc::Call call, std::shared_ptr<Output> output) {
  auto note = [output](const rpc::Call& what) { output->write(rpc::to_json(what)); };
  if (auto made = co_await rpc::served(std::move(server), std::move(session), std::move(call), std::move(note)))
    output->write(rpc::to_json(*made));
}

/// What came of calls that have ended is forgotten.
void forget_ended(std::vector<std::future<void>>& running) {
  std::erase_if(running,
                [](const auto& each) { return each.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
}

constexpr std::size_t most_line_bytes = std::size_t{16} << 20;

}  // namespace

McpServer::McpServer(std::string name, std::string version, std::string instructions)
    : state_(std::make_shared<State>()) {
  state_->name = std::move(name);
  state_->version = std::move(version);
  state_->instructions = std::move(instructions);
}

void McpServer::add(McpTool tool, std::function<Async<McpResult>(McpServedCall call)> function) {
  if (!is_name(tool.name))
    throw Error(Errc::invalid_parameter,
                std::format("`{}` cannot be a tool's name: 1 to 128 letters, digits, `_`, `-` and `.`", tool.name));
  if (std::ranges::contains(state_->tools, tool.name, [](const auto& each) { return each.tool.name; }))
    throw Error(Errc::invalid_parameter, std::format("there are two tools `{}`; rename one of them", tool.name));
  auto state = std::make_shared<State>(*state_);  // calls that are under way, and copies, keep what they have
  state->tools.push_back({.tool = std::move(tool), .function = std::move(function)});
  state_ = std::move(state);
}

void McpServer::add(const Tools& tools) {
  for (const auto& tool : tools)
    add({.name = tool.name(),
         .description = tool.definition().description,
         .input_schema = tool.definition().parameters},
        [tool](McpServedCall call) { return called(tool, std::move(call)); });
}

void McpServer::add(std::string name, std::string description, const Signature& signature, Program program) {
  McpTool tool{.name = std::move(name), .description = std::move(description)};
  tool.input_schema = to_json_schema(signature, SchemaDialect::json_schema, Direction::input).schema;
  tool.output_schema = to_json_schema(signature, SchemaDialect::json_schema, Direction::output).schema;
  auto served = std::make_shared<ServedProgram>(ServedProgram{.program = std::move(program), .outputs = {}});
  for (const auto& field : signature.outputs) served->outputs.push_back(field.name);
  const std::shared_ptr<const ServedProgram> shared = std::move(served);
  add(std::move(tool), [shared](McpServedCall call) { return run(shared, std::move(call)); });
}

void McpServer::add(McpResource resource) {
  if (resource.uri.empty() || !resource.read ||
      std::ranges::contains(state_->resources, resource.uri, &McpResource::uri))
    throw Error(Errc::invalid_parameter,
                std::format("the resource `{}` needs a URI of its own and something to read", resource.uri));
  auto state = std::make_shared<State>(*state_);
  state->resources.push_back(std::move(resource));
  state_ = std::move(state);
}

void McpServer::add(McpPrompt prompt) {
  if (!is_name(prompt.name) || !prompt.render || std::ranges::contains(state_->prompts, prompt.name, &McpPrompt::name))
    throw Error(Errc::invalid_parameter,
                std::format("the prompt `{}` needs a name of its own and something to say", prompt.name));
  auto state = std::make_shared<State>(*state_);
  state->prompts.push_back(std::move(prompt));
  state_ = std::move(state);
}

void McpServer::serve_stdio() const {
  const auto session = std::make_shared<rpc::Session>();
  const auto output = std::make_shared<Output>();
  std::vector<std::future<void>> running;
  std::string line;
  std::array<char, std::size_t{64} << 10> buffer{};
  bool is_skipped = false;
  const auto take_line = [&] {
    auto text = std::exchange(line, {});
    if (text::trim(text).empty()) return;
    auto message = rpc::read(text);
    if (!message) {
      output->write(rpc::to_json(rpc::Answer{.outcome = message.error()}));
    } else if (auto* const call = std::get_if<rpc::Call>(&*message)) {
      running.push_back(spawn(answer(state_, session, std::move(*call), output)));
    }
    if (running.size() > 64) forget_ended(running);
  };
  while (true) {
    const auto count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    std::string_view piece(buffer.data(), static_cast<std::size_t>(count));
    while (!piece.empty()) {
      const auto end = piece.find('\n');
      if (!is_skipped) line += piece.substr(0, end);
      if (line.size() > most_line_bytes) {
        output->write(rpc::to_json(
            rpc::Answer{.outcome = rpc::Fault{.code = rpc::invalid_request, .message = "the message is too long"}}));
        line.clear();
        is_skipped = true;
      }
      if (end == std::string_view::npos) break;
      piece.remove_prefix(end + 1);
      if (!std::exchange(is_skipped, false)) take_line();
    }
  }
  std::vector<std::stop_source> stops;
  {
    const std::lock_guard lock(session->mutex);
    for (const auto& [id, stop] : session->running) stops.push_back(stop);
  }
  for (auto& stop : stops) stop.request_stop();
  for (auto& each : running) each.wait();
}

}  // namespace dspy
