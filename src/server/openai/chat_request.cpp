#include "server/openai/openai.hpp"
#include "server/protocols/common.hpp"

#include <memory>
#include <utility>

// Chat Completions: `{"model", "messages", …}`.

namespace dspy::server::openai {
namespace {

void read_calls(Members& message, std::vector<Part>& parts) {
  const auto* const calls = message.list("tool_calls");
  if (calls == nullptr) return;
  std::size_t number = 0;
  for (const auto& each : *calls) {
    const auto at = indexed(message.at("tool_calls"), number++);
    Members call(object_of(each, at), at);
    call.expect("type", {"function"}, "only functions can be called");
    call.ignore({"index"});
    Members function(object_of(call.require("function"), call.at("function")), call.at("function"));
    const auto arguments = function.text("arguments").value_or("");
    parts.emplace_back(ToolCallPart{.id = call.required_text("id"),
                                    .name = function.required_text("name"),
                                    .input = arguments_of(arguments, function.at("arguments"))});
    function.finish();
    call.finish();
  }
}

Message read_message(const JsonObject& object, const std::string& place, const Chat& before) {
  Members message(object, place);
  const auto role = message.required_text("role");
  message.expect("name", {}, "messages have no names here");
  std::vector<Part> parts;
  if (role == "assistant") {
    if (const auto thoughts = message.text("reasoning_content"); thoughts && !thoughts->empty())
      parts.emplace_back(ReasoningPart{*thoughts});
    if (const auto* const content = message.find("content")) {
      for (auto& part : read_content(*content, message.at("content"))) parts.push_back(std::move(part));
    }
    if (const auto refusal = message.text("refusal"); refusal && !refusal->empty())
      parts.emplace_back(RefusalPart{*refusal});
    read_calls(message, parts);
    message.ignore({"annotations", "function_call"});
    message.expect("audio", {}, "recordings are not kept");
    message.finish();
    return {Role::assistant, std::move(parts)};
  }
  parts = read_content(message.require("content"), message.at("content"));
  if (role == "tool") {
    auto id = message.required_text("tool_call_id");
    auto name = tool_called(before, id);
    if (name.empty()) wrong(message.at("tool_call_id"), "is not the id of a call that came before");
    message.finish();
    ToolResultPart result{.id = std::move(id), .name = std::move(name), .content = std::move(parts)};
    return {Role::tool, std::vector<Part>{std::move(result)}};
  }
  message.finish();
  if (role == "system") return {Role::system, std::move(parts)};
  if (role == "developer") return {Role::developer, std::move(parts)};
  if (role == "user") return {Role::user, std::move(parts)};
  wrong(message.at("role"), "must be system, developer, user, assistant or tool");
}

void read_format(Members& body, Request& request) {
  const auto* const given = body.object("response_format");
  if (given == nullptr) return;
  Members format(*given, body.at("response_format"));
  const auto type = format.required_text("type");
  if (type == "json_object") {
    request.contract = held_to_json();
  } else if (type == "json_schema") {
    Members inner(object_of(format.require("json_schema"), format.at("json_schema")), format.at("json_schema"));
    request.contract = read_schema(inner);
    inner.finish();
  } else if (type != "text") {
    wrong(format.at("type"), "must be text, json_object or json_schema");
  }
  format.finish();
}

/// vLLM's `structured_outputs`: one of a choice, a regular expression, a grammar, a schema.
void read_structured(Members& body, Request& request) {
  const auto* const given = body.object("structured_outputs");
  if (given == nullptr) return;
  if (request.contract.form != OutputContract::Form::text)
    wrong(body.at("structured_outputs"), "cannot stand beside `response_format`");
  Members held(*given, body.at("structured_outputs"));
  if (const auto* const choice = held.list("choice")) {
    request.contract.form = OutputContract::Form::choices;
    for (const auto& each : *choice) {
      if (!each.is_string()) wrong(held.at("choice"), "must be a list of texts");
      request.contract.choices.emplace_back(view(each.get_string()));
    }
  } else if (const auto regex = held.text("regex")) {
    request.contract = {.form = OutputContract::Form::regex, .grammar = *regex};
  } else if (const auto grammar = held.text("grammar")) {
    request.contract = {.form = OutputContract::Form::gbnf, .grammar = *grammar};
  } else if (const auto* const schema = held.object("json")) {
    request.contract = held_to(*schema, "", std::nullopt);
  }
  held.finish();
}

std::string named_function(const Json& value, const std::string& place) {
  Members named(object_of(value, place), place);
  named.expect("type", {"function"}, "only functions can be called");
  Members function(object_of(named.require("function"), named.at("function")), named.at("function"));
  auto name = function.required_text("name");
  function.finish();
  named.finish();
  return name;
}

void read_choice(Members& body, ToolChoice& choice) {
  const auto* const given = body.find("tool_choice");
  if (given == nullptr) return;
  const auto place = body.at("tool_choice");
  if (given->is_string()) {
    choice.mode = read_mode(view(given->get_string()), place);
    return;
  }
  Members chosen(object_of(*given, place), place);
  if (chosen.required_text("type") != "allowed_tools") {
    choice.mode = ToolChoice::Mode::required;
    choice.allowed = {named_function(*given, place)};
    return;
  }
  const auto at = chosen.at("allowed_tools");
  Members allowed(object_of(chosen.require("allowed_tools"), at), at);
  choice.mode = read_mode(allowed.required_text("mode"), allowed.at("mode"));
  const auto* const tools = allowed.list("tools");
  if (tools == nullptr) wrong(allowed.at("tools"), "is required");
  for (std::size_t i = 0; i < tools->size(); ++i)
    choice.allowed.push_back(named_function((*tools)[i], indexed(allowed.at("tools"), i)));
  allowed.finish();
  chosen.finish();
}

void read_tools(Members& body, Request& request) {
  if (const auto* const tools = body.list("tools")) {
    std::vector<ToolDefinition> read;
    std::size_t number = 0;
    for (const auto& each : *tools) {
      const auto at = indexed(body.at("tools"), number++);
      Members tool(object_of(each, at), at);
      tool.expect("type", {"function"}, "only functions are tools here");
      Members function(object_of(tool.require("function"), tool.at("function")), tool.at("function"));
      read.push_back(read_function(function));
      tool.finish();
    }
    request.tools = std::move(read);
  }
  read_choice(body, request.tool_choice);
  request.tool_choice.parallel = body.flag("parallel_tool_calls");
}

void read_logprobs(Members& body, Sampling& sampling) {
  const auto wanted = body.flag("logprobs").value_or(false);
  const auto top = body.whole("top_logprobs", 0, 20);
  if (wanted) sampling.logprobs = static_cast<int>(top.value_or(0));
  if (!wanted && top.value_or(0) != 0) wrong(body.at("top_logprobs"), "needs `logprobs`: true");
}

}  // namespace

Asked read_chat(const JsonObject& object) {
  Members body(object);
  Asked out{.model = body.required_text("model")};
  auto& request = out.request;
  if (const auto* const inputs = body.object("inputs")) out.inputs = *inputs;
  const auto* const messages = body.list("messages");
  if ((messages == nullptr || messages->empty()) && !out.inputs) wrong("messages", "must have a message");
  for (std::size_t i = 0; messages != nullptr && i < messages->size(); ++i) {
    const auto place = indexed("messages", i);
    request.messages.push_back(read_message(object_of((*messages)[i], place), place, request.messages));
  }
  read_sampling(body, request.sampling);
  request.sampling.max_tokens = body.count("max_completion_tokens");
  if (const auto older = body.count("max_tokens"); !request.sampling.max_tokens) request.sampling.max_tokens = older;
  request.sampling.stop = read_stops(body, "stop");
  read_logprobs(body, request.sampling);
  request.n = static_cast<int>(body.whole("n", 1, 128).value_or(1));
  read_format(body, request);
  read_structured(body, request);
  read_tools(body, request);
  ProviderOptions options;
  if (const auto effort = body.text("reasoning_effort")) read_effort(*effort, "reasoning_effort", options);
  if (options != ProviderOptions()) request.provider = std::make_shared<const ProviderOptions>(std::move(options));
  out.is_stream = body.flag("stream").value_or(false);
  out.wants_usage = false;
  if (const auto* const given = body.object("stream_options")) {
    Members stream(*given, "stream_options");
    out.wants_usage = stream.flag("include_usage").value_or(false);
    stream.ignore({"include_obfuscation"});
    stream.finish();
  }
  ignore_common(body);
  body.expect("modalities", {JsonArray{"text"}}, "replies are text");
  body.expect("logit_bias", {JsonObject()}, "tokens have other numbers in other models; hold the reply to a schema");
  body.finish();
  return out;
}

}  // namespace dspy::server::openai
