#include "server/ollama/ollama.hpp"
#include "server/openai/openai.hpp"
#include "server/protocols/common.hpp"
#include "server/protocols/members.hpp"

#include <cstdint>
#include <format>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

namespace dspy::server::ollama {
namespace {

void read_options(Members& body, Sampling& sampling) {
  const auto* const given = body.object("options");
  if (given == nullptr) return;
  Members options(*given, "options");
  sampling.temperature = options.number("temperature");
  sampling.top_p = options.number("top_p");
  sampling.top_k = options.count("top_k", 0);
  sampling.min_p = options.number("min_p");
  sampling.repeat_penalty = options.number("repeat_penalty");
  sampling.repeat_last_n = options.count("repeat_last_n", -1);
  sampling.frequency_penalty = options.number("frequency_penalty");
  sampling.presence_penalty = options.number("presence_penalty");
  if (const auto seed =
          options.whole("seed", std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()))
    sampling.seed = static_cast<std::uint64_t>(*seed);
  // -1 is as much as there is room for.
  if (const auto most = options.whole("num_predict", -1, std::numeric_limits<int>::max()); most && *most != -1) {
    if (*most < 1) wrong("options.num_predict", "must be -1 or at least 1");
    sampling.max_tokens = static_cast<int>(*most);
  } else if (most) {
    not_honoured("options.num_predict", "say how many tokens a reply may have");
  }
  sampling.stop = openai::read_stops(options, "stop");
  // How a model is loaded is the server's business.
  options.ignore(
      {"num_thread", "num_gpu", "main_gpu", "num_batch", "use_mmap", "numa", "num_keep", "low_vram", "num_ctx"});
  options.finish();
}

void read_format(Members& body, Request& request) {
  const auto* const given = body.find("format");
  if (given == nullptr) return;
  if (given->is_object()) {
    request.contract = held_to(*given, "", std::nullopt);
  } else if (*given == Json("json")) {
    request.contract = held_to_json();
  } else if (*given != Json("")) {
    wrong("format", "must be `json` or a JSON Schema");
  }
}

void read_think(Members& body, ProviderOptions& options) {
  const auto* const given = body.find("think");
  if (given == nullptr) return;
  if (given->is_bool()) {
    if (!given->get_bool()) options.reasoning.effort = ReasoningOptions::Effort::off;
  } else {
    openai::read_effort(*body.text("think"), "think", options);
  }
}

void add_images(Members& object, std::vector<Part>& parts) {
  const auto* const images = object.list("images");
  if (images == nullptr) return;
  for (std::size_t i = 0; i < images->size(); ++i) {
    const auto place = indexed(object.at("images"), i);
    if (!(*images)[i].is_string()) wrong(place, "must be base64");
    parts.emplace_back(
        MediaPart{.kind = MediaPart::Kind::image, .data = bytes_of(view((*images)[i].get_string()), place)});
  }
}

/// The calls have no ids of their own in older clients; results then follow in the order of the calls.
std::string call_id(std::size_t message, std::size_t call) {
  return std::format("call_{}_{}", message, call);
}

struct Pending {
  std::vector<ToolCallPart> calls = {};
  std::size_t next = 0;
};

void read_calls(Members& message, std::size_t number, std::vector<Part>& parts, Pending& pending) {
  const auto* const calls = message.list("tool_calls");
  if (calls == nullptr) return;
  pending = {};
  for (std::size_t i = 0; i < calls->size(); ++i) {
    const auto place = indexed(message.at("tool_calls"), i);
    Members call(object_of((*calls)[i], place), place);
    call.ignore({"type"});
    Members function(object_of(call.require("function"), call.at("function")), call.at("function"));
    function.ignore({"index"});
    const auto* const arguments = function.object("arguments");
    ToolCallPart out{.id = call.text("id").value_or(call_id(number, i)),
                     .name = function.required_text("name"),
                     .input = arguments != nullptr ? *arguments : JsonObject()};
    function.finish();
    call.finish();
    pending.calls.push_back(out);
    parts.emplace_back(std::move(out));
  }
}

Message result_of(Members& message, Pending& pending) {
  ToolResultPart result{
      .id = message.text("tool_call_id").value_or(""), .name = message.text("tool_name").value_or(""), .content = {}};
  for (std::size_t i = 0; result.id.empty() && i < pending.calls.size(); ++i) {
    const auto& call = pending.calls[i];
    if (i >= pending.next && (result.name.empty() || call.name == result.name)) {
      result.id = call.id;
      pending.next = i + 1;
    }
  }
  for (const auto& call : pending.calls)
    if (call.id == result.id && result.name.empty()) result.name = call.name;
  if (result.id.empty() || result.name.empty()) wrong(message.place(), "is the result of no call that came before");
  result.content.emplace_back(TextPart{message.text("content").value_or("")});
  return {Role::tool, std::vector<Part>{std::move(result)}};
}

Message read_message(const JsonObject& object, std::size_t number, Pending& pending) {
  const auto place = indexed("messages", number);
  Members message(object, place);
  const auto role = message.required_text("role");
  if (role == "tool") {
    auto out = result_of(message, pending);
    message.finish();
    return out;
  }
  std::vector<Part> parts;
  if (const auto thoughts = message.text("thinking"); thoughts && !thoughts->empty())
    parts.emplace_back(ReasoningPart{*thoughts});
  if (auto content = message.text("content"); content && (!content->empty() || role != "assistant"))
    parts.emplace_back(TextPart{*std::move(content)});
  add_images(message, parts);
  read_calls(message, number, parts, pending);
  message.finish();
  if (role == "system") return {Role::system, std::move(parts)};
  if (role == "user") return {Role::user, std::move(parts)};
  if (role == "assistant") return {Role::assistant, std::move(parts)};
  wrong(message.at("role"), "must be system, user, assistant or tool");
}

void read_tools(Members& body, Request& request) {
  const auto* const tools = body.list("tools");
  if (tools == nullptr) return;
  std::vector<ToolDefinition> read;
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const auto place = indexed("tools", i);
    Members tool(object_of((*tools)[i], place), place);
    tool.expect("type", {"function"}, "only functions are tools here");
    Members function(object_of(tool.require("function"), tool.at("function")), tool.at("function"));
    read.push_back(openai::read_function(function));
    tool.finish();
  }
  request.tools = std::move(read);
}

/// What both endpoints take.
void read_common(Members& body, Asked& out) {
  if (const auto* const inputs = body.object("inputs")) out.inputs = *inputs;
  auto& request = out.request;
  read_options(body, request.sampling);
  read_format(body, request);
  ProviderOptions options;
  read_think(body, options);
  if (options != ProviderOptions()) request.provider = std::make_shared<const ProviderOptions>(std::move(options));
  const bool wants_logprobs = body.flag("logprobs").value_or(false);
  const auto top = body.whole("top_logprobs", 0, 20);
  if (wants_logprobs) request.sampling.logprobs = static_cast<int>(top.value_or(0));
  if (!wants_logprobs && top.value_or(0) != 0) wrong("top_logprobs", "needs `logprobs`: true");
  out.is_stream = body.flag("stream").value_or(true);
  // Models stay loaded, and a prompt that is too long is always an error.
  body.ignore({"keep_alive"});
  body.expect("truncate", {false}, "a prompt that is too long is an error");
  body.expect("shift", {false}, "a reply that is too long ends");
}

}  // namespace

std::string plain_name(std::string name) {
  constexpr std::string_view latest = ":latest";
  if (name.ends_with(latest)) name.resize(name.size() - latest.size());
  return name;
}

Asked read_chat(const JsonObject& object) {
  Members body(object);
  Asked out{.model = plain_name(body.required_text("model"))};
  const auto* const messages = body.list("messages");
  Pending pending;
  for (std::size_t i = 0; messages != nullptr && i < messages->size(); ++i)
    out.request.messages.push_back(read_message(object_of((*messages)[i], indexed("messages", i)), i, pending));
  read_common(body, out);
  if (out.request.messages.empty() && !out.inputs) wrong("messages", "must have a message");
  read_tools(body, out.request);
  body.finish();
  return out;
}

Asked read_generate(const JsonObject& object) {
  Members body(object);
  Asked out{.model = plain_name(body.required_text("model"))};
  if (const auto system = body.text("system"); system && !system->empty())
    out.request.messages.push_back({Role::system, *system});
  std::vector<Part> parts;
  parts.emplace_back(TextPart{body.text("prompt").value_or("")});
  add_images(body, parts);
  read_common(body, out);
  if (parts.size() == 1 && parts.front().get<TextPart>()->text.empty() && !out.inputs) wrong("prompt", "is required");
  if (!out.inputs) out.request.messages.push_back({Role::user, std::move(parts)});
  body.expect("suffix", {""}, "text is not written into a gap");
  body.expect("raw", {false}, "ask /v1/completions for a text without a chat template");
  body.expect("template", {""}, "a model's chat template is its own");
  body.expect("context", {JsonArray()}, "send the conversation to /api/chat");
  body.finish();
  return out;
}

}  // namespace dspy::server::ollama
