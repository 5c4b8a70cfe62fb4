#include "server/anthropic/anthropic.hpp"
#include "server/anthropic/blocks.hpp"
#include "server/openai/openai.hpp"
#include "server/protocols/members.hpp"

#include <memory>
#include <utility>

namespace dspy::server::anthropic {
namespace {

/// Results of tools are turns of their own with us, and come before what else the user says.
void add_turn(Chat& chat, Role role, std::vector<Part> parts) {
  std::vector<Part> own;
  for (auto& part : parts) {
    if (role == Role::user && part.get<ToolResultPart>() != nullptr) {
      chat.push_back({Role::tool, std::vector<Part>{std::move(part)}});
    } else {
      own.push_back(std::move(part));
    }
  }
  if (own.empty()) return;
  if (chat.empty() || chat.back().role != role) {
    chat.push_back({role, std::move(own)});
    return;
  }
  // Turns of one role that follow each other are one.
  auto& before = chat[chat.size() - 1].parts;
  for (auto& part : own) before.push_back(std::move(part));
}

void read_turns(Members& body, Request& request, bool has_inputs) {
  if (const auto* const system = body.find("system"))
    request.messages.push_back({Role::system, read_content(*system, "system", request.messages)});
  const auto* const messages = body.list("messages");
  if (messages == nullptr || messages->empty()) {
    if (!has_inputs) wrong("messages", "must have a message");
    return;
  }
  for (std::size_t i = 0; i < messages->size(); ++i) {
    const auto place = indexed("messages", i);
    Members message(object_of((*messages)[i], place), place);
    const auto role = message.required_text("role");
    if (role != "user" && role != "assistant" && role != "system")
      wrong(message.at("role"), "must be user or assistant");
    auto parts = read_content(message.require("content"), message.at("content"), request.messages);
    message.finish();
    add_turn(request.messages,
             role == "user"        ? Role::user
             : role == "assistant" ? Role::assistant
                                   : Role::system,
             std::move(parts));
  }
  if (!request.messages.empty() && request.messages.back().role == Role::assistant)
    not_honoured(indexed("messages", messages->size() - 1), "a reply cannot be begun by the client; end with the user");
}

void read_tools(Members& body, Request& request) {
  if (const auto* const tools = body.list("tools")) {
    std::vector<ToolDefinition> read;
    std::size_t number = 0;
    for (const auto& each : *tools) {
      const auto place = indexed("tools", number++);
      Members tool(object_of(each, place), place);
      tool.expect("type", {"custom"}, "tools of the provider are not run here");
      ToolDefinition out{.name = tool.required_text("name"),
                         .description = tool.text("description").value_or(""),
                         .strict = tool.flag("strict")};
      if (const auto* const schema = tool.object("input_schema")) out.parameters = *schema;
      tool.ignore({"cache_control", "eager_input_streaming", "input_examples"});
      tool.finish();
      read.push_back(std::move(out));
    }
    request.tools = std::move(read);
  }
  const auto* const given = body.object("tool_choice");
  if (given == nullptr) return;
  Members choice(*given, "tool_choice");
  const auto type = choice.required_text("type");
  auto& out = request.tool_choice;
  if (type == "any") {
    out.mode = ToolChoice::Mode::required;
  } else if (type == "none") {
    out.mode = ToolChoice::Mode::none;
  } else if (type == "tool") {
    out.mode = ToolChoice::Mode::required;
    out.allowed = {choice.required_text("name")};
  } else if (type != "auto") {
    wrong("tool_choice.type", "must be auto, any, tool or none");
  }
  if (const auto single = choice.flag("disable_parallel_tool_use")) out.parallel = !*single;
  choice.finish();
}

void read_thinking(Members& body, ProviderOptions& options) {
  const auto* const given = body.object("thinking");
  if (given == nullptr) return;
  Members thinking(*given, "thinking");
  const auto type = thinking.required_text("type");
  thinking.expect("display", {"summarized"}, "thoughts are returned unabridged");
  if (type == "disabled") {
    options.reasoning.effort = ReasoningOptions::Effort::off;
  } else if (type == "enabled") {
    options.reasoning.budget_tokens = thinking.count("budget_tokens");
  } else if (type != "adaptive") {
    wrong("thinking.type", "must be enabled, adaptive or disabled");
  }
  thinking.finish();
}

void read_output(Members& body, Request& request, ProviderOptions& options) {
  for (const auto* const name : {"output_config", "output_format"}) {
    const auto* const given = body.object(name);
    if (given == nullptr) continue;
    const bool is_older = std::string_view(name) == "output_format";
    Members config(*given, name);
    if (!is_older)
      if (const auto effort = config.text("effort")) openai::read_effort(*effort, config.at("effort"), options);
    const auto* const object = is_older ? given : config.object("format");
    if (object != nullptr) {
      const auto place = is_older ? std::string(name) : config.at("format");
      Members format(*object, place);
      format.expect("type", {"json_schema"}, "a reply is held to a JSON Schema, or to nothing");
      request.contract = openai::read_schema(format);
      format.finish();
    }
    if (!is_older) config.finish();
  }
}

Asked read_body(Members& body) {
  Asked out{.model = body.required_text("model")};
  if (const auto* const inputs = body.object("inputs")) out.inputs = *inputs;
  ProviderOptions options;
  read_turns(body, out.request, out.inputs.has_value());
  read_tools(body, out.request);
  read_thinking(body, options);
  read_output(body, out.request, options);
  if (options != ProviderOptions()) out.request.provider = std::make_shared<const ProviderOptions>(std::move(options));
  body.ignore({"metadata", "service_tier", "cache_control", "inference_geo"});
  body.expect("mcp_servers", {JsonArray()}, "no servers are asked");
  return out;
}

}  // namespace

Asked read_messages(const JsonObject& object) {
  Members body(object);
  auto out = read_body(body);
  auto& sampling = out.request.sampling;
  body.require("max_tokens");
  sampling.max_tokens = body.count("max_tokens");
  sampling.temperature = body.number("temperature");
  sampling.top_p = body.number("top_p");
  sampling.top_k = body.count("top_k", 0);
  sampling.stop = openai::read_stops(body, "stop_sequences");
  out.is_stream = body.flag("stream").value_or(false);
  body.finish();
  return out;
}

Asked read_count(const JsonObject& object) {
  Members body(object);
  auto out = read_body(body);
  body.finish();
  return out;
}

}  // namespace dspy::server::anthropic
