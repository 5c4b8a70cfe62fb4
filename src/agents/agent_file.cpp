#include "dspy/agents/agent_file.hpp"

#include "dspy/agents/command_tool.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <format>
#include <optional>
#include <utility>

namespace dspy {
namespace {

constexpr std::uintmax_t longest = std::uintmax_t{16} << 20;

[[noreturn]] void refuse(const std::string& place, std::string_view complaint) {
  throw Error(Errc::config_error, std::format("the agent's file: `{}` {}", place, complaint));
}

/// An object whose members are taken one by one; what is left is a mistake.
class Members {
 public:
  Members(const Json& value, std::string place) : place_(std::move(place)) {
    if (!value.is_object()) refuse(place_.empty() ? "the whole" : place_, "must be an object");
    object_ = &value.get_object();
  }

  std::string at(std::string_view name) const {
    return place_.empty() ? std::string(name) : std::format("{}.{}", place_, name);
  }

  const Json* take(std::string_view name) {
    known_.emplace_back(name);
    return object_->if_contains(name);
  }
  std::string text(std::string_view name, std::optional<std::string> otherwise = {}) {
    const auto* const value = take(name);
    if (value == nullptr && otherwise) return *std::move(otherwise);
    if (value == nullptr) refuse(at(name), "is missing");
    if (!value->is_string()) refuse(at(name), "must be a text");
    return std::string(view(value->get_string()));
  }
  bool flag(std::string_view name) {
    const auto* const value = take(name);
    if (value != nullptr && !value->is_bool()) refuse(at(name), "must be true or false");
    return value != nullptr && value->get_bool();
  }
  std::optional<double> number(std::string_view name, double least) {
    const auto* const value = take(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number() || value->to_number<double>() < least)
      refuse(at(name), std::format("must be a number, at least {:g}", least));
    return value->to_number<double>();
  }
  std::optional<std::int64_t> whole(std::string_view name, std::int64_t least) {
    const auto* const value = take(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_int64() || value->get_int64() < least)
      refuse(at(name), std::format("must be a whole number, at least {}", least));
    return value->get_int64();
  }
  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> out;
    const auto* const value = take(name);
    if (value == nullptr) return out;
    if (!value->is_array()) refuse(at(name), "must be a list of texts");
    for (const auto& each : value->get_array()) {
      if (!each.is_string()) refuse(at(name), "must be a list of texts");
      out.emplace_back(view(each.get_string()));
    }
    return out;
  }
  void end() const {
    for (const auto& [key, value] : *object_) {
      if (std::ranges::contains(known_, std::string_view(key))) continue;
      const auto meant = text::nearest(key, known_);
      refuse(at(key), meant ? std::format("is not known; is `{}` meant?", *meant) : "is not known; take it out");
    }
  }

 private:
  std::string place_;
  const JsonObject* object_ = nullptr;
  std::vector<std::string> known_;
};

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
  const bool is_beside = command.front().starts_with("./") || command.front().starts_with("../");
  is_relative = is_relative || is_beside;
  // Absolute, as a bare name would be looked for on PATH.
  if (is_beside) command.front() = std::filesystem::absolute(folder / command.front()).lexically_normal().string();
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
  if (const auto* const tools = members.take("tools")) {
    if (!tools->is_array()) refuse("tools", "must be a list");
    std::size_t i = 0;
    bool is_relative = false;
    for (const auto& each : tools->get_array())
      file.tools.add(tool_of(each, std::format("tools[{}]", i++), folder, is_relative));
    if (is_relative) file.folder = std::filesystem::absolute(folder.empty() ? "." : folder);
  }
  file.options.name = file.name;
  file.options.limits = limits_of(members.take("limits"));
  file.options.approval.tools = members.texts("approve");
  file.options.protocol = protocol_of(members.text("protocol", "automatic"));
  members.end();
  return file;
}

AgentFile load_agent(const std::filesystem::path& path) {
  return parse_agent(read_text(path, longest), path.parent_path());
}

}  // namespace dspy
