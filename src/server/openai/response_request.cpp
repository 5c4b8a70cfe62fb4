#include "server/openai/openai.hpp"
#include "server/protocols/common.hpp"

#include <array>
#include <format>
#include <memory>
#include <string_view>
#include <utility>

// Responses: `{"model", "input", …}`.

namespace dspy::server::openai {
namespace {

Role role_of(std::string_view word, std::string_view place) {
  if (word == "user") return Role::user;
  if (word == "assistant") return Role::assistant;
  if (word == "system") return Role::system;
  if (word == "developer") return Role::developer;
  wrong(place, "must be user, assistant, system or developer");
}

/// Items of one turn of the model are one message.
std::vector<Part>& turn_of_model(Chat& chat) {
  if (chat.empty() || chat.back().role != Role::assistant) chat.push_back({Role::assistant, std::vector<Part>()});
  return chat[chat.size() - 1].parts;
}

std::string thoughts_of(Members& item) {
  std::string out;
  for (const auto* const name : {"content", "summary"}) {
    const auto* const list = item.list(name);
    if (list == nullptr || !out.empty()) continue;
    for (const auto& each : *list)
      if (const auto* const text = each.is_object() ? each.get_object().if_contains("text") : nullptr)
        if (text->is_string()) out += view(text->get_string());
  }
  return out;
}

void read_item(Chat& chat, const JsonObject& object, const std::string& place) {
  Members item(object, place);
  item.ignore({"id", "status", "phase"});
  const auto type = item.text("type").value_or("message");
  if (type == "message") {
    const auto role = role_of(item.required_text("role"), item.at("role"));
    auto parts = read_content(item.require("content"), item.at("content"));
    item.finish();
    if (role != Role::assistant) return chat.push_back({role, std::move(parts)});
    auto& turn = turn_of_model(chat);
    for (auto& part : parts) turn.push_back(std::move(part));
  } else if (type == "function_call") {
    turn_of_model(chat).emplace_back(
        ToolCallPart{.id = item.required_text("call_id"),
                     .name = item.required_text("name"),
                     .input = arguments_of(item.text("arguments").value_or(""), item.at("arguments"))});
    item.finish();
  } else if (type == "function_call_output") {
    auto id = item.required_text("call_id");
    auto name = tool_called(chat, id);
    if (name.empty()) wrong(item.at("call_id"), "is not the id of a call that came before");
    ToolResultPart result{.id = std::move(id),
                          .name = std::move(name),
                          .content = read_content(item.require("output"), item.at("output"))};
    item.finish();
    chat.push_back({Role::tool, std::vector<Part>{std::move(result)}});
  } else if (type == "reasoning") {
    item.expect("encrypted_content", {}, "no thoughts are encrypted here");
    if (auto text = thoughts_of(item); !text.empty()) turn_of_model(chat).emplace_back(ReasoningPart{std::move(text)});
    item.finish();
  } else {
    not_honoured(item.at("type"), std::format("there are no items `{}`", type));
  }
}

void read_input(Members& body, Request& request, bool may_be_empty) {
  if (const auto instructions = body.text("instructions"); instructions && !instructions->empty())
    request.messages.push_back({Role::system, *instructions});
  const auto* const input = body.find("input");
  if (input == nullptr) {
    if (!may_be_empty) wrong("input", "is required");
    return;
  }
  if (input->is_string()) {
    request.messages.push_back({Role::user, std::string(view(input->get_string()))});
    return;
  }
  if (!input->is_array()) wrong("input", "must be a text or a list of items");
  std::size_t number = 0;
  for (const auto& each : input->get_array()) {
    const auto place = indexed("input", number++);
    read_item(request.messages, object_of(each, place), place);
  }
}

void read_text(Members& body, Request& request) {
  const auto* const given = body.object("text");
  if (given == nullptr) return;
  Members text(*given, "text");
  text.expect("verbosity", {"medium"}, "say it in the instructions");
  if (const auto* const object = text.object("format")) {
    Members format(*object, "text.format");
    const auto type = format.required_text("type");
    if (type == "json_object") {
      request.contract = held_to_json();
    } else if (type == "json_schema") {
      request.contract = read_schema(format);
    } else if (type != "text") {
      wrong(format.at("type"), "must be text, json_object or json_schema");
    }
    format.finish();
  }
  text.finish();
}

void read_choice(Members& body, ToolChoice& choice) {
  const auto* const given = body.find("tool_choice");
  if (given == nullptr) return;
  if (given->is_string()) {
    choice.mode = read_mode(view(given->get_string()), "tool_choice");
    return;
  }
  Members chosen(object_of(*given, "tool_choice"), "tool_choice");
  const auto type = chosen.required_text("type");
  if (type == "function") {
    choice.mode = ToolChoice::Mode::required;
    choice.allowed = {chosen.required_text("name")};
  } else if (type == "allowed_tools") {
    choice.mode = read_mode(chosen.required_text("mode"), chosen.at("mode"));
    const auto* const tools = chosen.list("tools");
    if (tools == nullptr) wrong(chosen.at("tools"), "is required");
    for (std::size_t i = 0; i < tools->size(); ++i) {
      const auto at = indexed(chosen.at("tools"), i);
      Members tool(object_of((*tools)[i], at), at);
      tool.expect("type", {"function"}, "only functions can be called");
      choice.allowed.push_back(tool.required_text("name"));
      tool.finish();
    }
  } else {
    not_honoured(chosen.at("type"), "only functions can be called");
  }
  chosen.finish();
}

void read_tools(Members& body, Request& request) {
  if (const auto* const tools = body.list("tools")) {
    std::vector<ToolDefinition> read;
    std::size_t number = 0;
    for (const auto& each : *tools) {
      const auto at = indexed("tools", number++);
      Members tool(object_of(each, at), at);
      tool.expect("type", {"function"}, "only functions are tools here");
      read.push_back(read_function(tool));
    }
    request.tools = std::move(read);
  }
  read_choice(body, request.tool_choice);
  request.tool_choice.parallel = body.flag("parallel_tool_calls");
}

void read_reasoning(Members& body, Request& request) {
  const auto* const given = body.object("reasoning");
  if (given == nullptr) return;
  Members reasoning(*given, "reasoning");
  ProviderOptions options;
  if (const auto effort = reasoning.text("effort")) read_effort(*effort, "reasoning.effort", options);
  options.reasoning.summary = reasoning.text("summary").value_or("");
  reasoning.finish();
  if (options != ProviderOptions()) request.provider = std::make_shared<const ProviderOptions>(std::move(options));
}

void read_logprobs(Members& body, Sampling& sampling) {
  bool wanted = false;
  if (const auto* const include = body.list("include")) {
    for (std::size_t i = 0; i < include->size(); ++i) {
      const auto& each = (*include)[i];
      if (each == Json("message.output_text.logprobs")) {
        wanted = true;
      } else if (each != Json("reasoning.encrypted_content")) {
        not_honoured(indexed("include", i), "only `message.output_text.logprobs` can be included");
      }
    }
  }
  const auto top = body.whole("top_logprobs", 0, 20);
  if (wanted || top.value_or(0) != 0) sampling.logprobs = static_cast<int>(top.value_or(0));
}

/// What replies repeat, with the defaults that are in force.
JsonObject echo_of(const JsonObject& body) {
  static const std::array<std::pair<std::string_view, Json>, 13> members{
      {{"instructions", nullptr},
       {"max_output_tokens", nullptr},
       {"metadata", JsonObject()},
       {"parallel_tool_calls", true},
       {"previous_response_id", nullptr},
       {"reasoning", nullptr},
       {"store", false},
       {"temperature", nullptr},
       {"text", JsonObject{{"format", JsonObject{{"type", "text"}}}}},
       {"tool_choice", "auto"},
       {"tools", JsonArray()},
       {"top_p", nullptr},
       {"truncation", "disabled"}}};
  JsonObject out;
  for (const auto& [name, usual] : members) {
    const auto* const given = body.if_contains(name);
    out[name] = given != nullptr && !given->is_null() ? *given : usual;
  }
  return out;
}

}  // namespace

Asked read_response(const JsonObject& object) {
  Members body(object);
  Asked out{.model = body.required_text("model")};
  auto& request = out.request;
  if (const auto* const inputs = body.object("inputs")) out.inputs = *inputs;
  read_input(body, request, out.inputs.has_value());
  read_sampling(body, request.sampling);
  request.sampling.max_tokens = body.count("max_output_tokens");
  read_logprobs(body, request.sampling);
  read_text(body, request);
  read_tools(body, request);
  read_reasoning(body, request);
  out.is_stream = body.flag("stream").value_or(false);
  if (const auto* const given = body.object("stream_options")) {
    Members stream(*given, "stream_options");
    stream.ignore({"include_obfuscation"});
    stream.finish();
  }
  ignore_common(body);
  body.expect("truncation", {"disabled"}, "a prompt that is too long is an error");
  for (const auto* const name : {"previous_response_id", "conversation"})
    body.expect(name, {}, "nothing is kept between requests; send the whole conversation as `input`");
  body.finish();
  out.echoed = echo_of(object);
  return out;
}

}  // namespace dspy::server::openai
