#include "dspy/agents/agent_file.hpp"

#include "agents/agent_servers.hpp"
#include "agents/file_members.hpp"
#include "dspy/agents/command_tool.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <format>
#include <utility>

namespace dspy {
namespace {

using agent_file::Members;
using agent_file::refuse;

constexpr std::uintmax_t longest = std::uintmax_t{16} << 20;

std::chrono::nanoseconds seconds(double count) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::llround(count * 1e9)));
}

FunctionTool tool_of(const Json& written, const std::string& place, const std::filesystem::path& folder,
                     bool& is_relative) {
  Members members(written, place);
  ToolDefinition definition{.name = members.text("name"), .description = members.text("description")};
  if (const auto* const parameters = members.take("parameters")) {
    if (!parameters->is_object()) refuse(members.at("parameters"), "must be a JSON Schema, an object");
    definition.parameters = parameters->get_object();
  }
  auto command = members.texts("command");
  if (command.empty()) refuse(members.at("command"), "is missing: a list of the program and its arguments");
  is_relative = agent_file::place_beside(command.front(), folder) || is_relative;
  ToolOptions options{.idempotent = members.flag("idempotent"), .needs_approval = members.flag("needs_approval")};
  if (const auto most = members.whole("max_observation", 64)) options.max_observation = static_cast<std::size_t>(*most);
  if (const auto most = members.number("timeout", 0.001)) options.timeout = seconds(*most);
  if (const auto most = members.whole("max_concurrent", 1)) options.max_concurrent = static_cast<std::size_t>(*most);
  members.end();
  return command_tool(std::move(definition), std::move(command), options);
}

AgentLimits limits_of(const Json* written) {
  AgentLimits limits;
  if (written == nullptr) return limits;
  Members members(*written, "limits");
  if (const auto most = members.whole("max_iters", 1))
    limits.max_iters = static_cast<int>(std::min<std::int64_t>(*most, 100'000));
  if (const auto most = members.whole("max_tokens", 1)) limits.max_tokens = static_cast<std::uint64_t>(*most);
  if (const auto most = members.number("max_dollars", 0)) limits.max_nanodollars = std::llround(*most * 1e9);
  if (const auto most = members.number("max_seconds", 0.001)) limits.max_time = seconds(*most);
  if (const auto most = members.whole("max_repeats", 1))
    limits.max_repeats = static_cast<int>(std::min<std::int64_t>(*most, 100'000));
  members.end();
  return limits;
}

ReActOptions::Protocol protocol_of(const std::string& name) {
  using Protocol = ReActOptions::Protocol;
  if (name == "automatic") return Protocol::automatic;
  if (name == "text") return Protocol::text;
  if (name == "native") return Protocol::native;
  refuse("protocol", "must be `automatic`, `text` or `native`");
}

}  // namespace

ReActAgent AgentFile::agent(PredictorOptions predictor) const {
  if (!servers.empty()) {
    auto connected = *this;
    connected.connect();
    return connected.agent(std::move(predictor));
  }
  auto chosen = options;
  chosen.predictor = std::move(predictor);
  return {signature, tools, std::move(chosen)};
}

AgentFile parse_agent(std::string_view text, const std::filesystem::path& folder) {
  const auto json = parse_json(text);
  if (!json) {
    throw Error(Errc::config_error, std::format("the agent's file is not JSON: {} at byte {}", json.error().message,
                                                json.error().position));
  }
  if (const auto repeated = repeated_member(text))
    throw Error(Errc::config_error, std::format("the agent's file: {}", repeated->message));
  Members members(*json, "");
  if (members.text("format") != "dspy.agent") refuse("format", "must be `dspy.agent`");
  if (members.whole("version", 1).value_or(0) != 1) refuse("version", "must be 1, the one that this library knows");
  AgentFile file{.name = members.text("name"), .source = json->get_object()};
  file.signature = Signature::parse(members.text("signature"), members.text("instructions", ""));
  bool is_relative = false;
  if (const auto* const tools = members.take("tools")) {
    if (!tools->is_array()) refuse("tools", "must be a list");
    std::size_t i = 0;
    for (const auto& each : tools->get_array())
      file.tools.add(tool_of(each, std::format("tools[{}]", i++), folder, is_relative));
  }
  file.servers = agent_file::servers_of(members.take("mcp"), folder, is_relative);
  if (is_relative) file.folder = std::filesystem::absolute(folder.empty() ? "." : folder);
  file.options.name = file.name;
  file.options.limits = limits_of(members.take("limits"));
  file.options.approval.tools = members.texts("approve");
  file.options.protocol = protocol_of(members.text("protocol", "automatic"));
  members.end();
  return file;
}

AgentFile load_agent(const std::filesystem::path& path) {
  auto file = parse_agent(read_text(path, longest), path.parent_path());
  file.connect();
  return file;
}

}  // namespace dspy
