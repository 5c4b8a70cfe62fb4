#include "dspy/lm/sampling.hpp"
#include "server/openai/openai.hpp"
#include "server/protocols/common.hpp"

#include <array>
#include <cstdint>
#include <format>
#include <limits>
#include <utility>

namespace dspy::server::openai {

void read_sampling(Members& body, Sampling& sampling) {
  sampling.temperature = body.number("temperature");
  sampling.top_p = body.number("top_p");
  sampling.frequency_penalty = body.number("frequency_penalty");
  sampling.presence_penalty = body.number("presence_penalty");
  sampling.top_k = body.count("top_k", 0);
  sampling.min_p = body.number("min_p");
  sampling.repeat_penalty = body.number("repetition_penalty");
  if (const auto seed =
          body.whole("seed", std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()))
    sampling.seed = static_cast<std::uint64_t>(*seed);
}

void read_effort(const std::string& effort, std::string_view place, ProviderOptions& options) {
  using Effort = ReasoningOptions::Effort;
  static constexpr auto known = std::to_array<std::pair<std::string_view, Effort>>({{"none", Effort::off},
                                                                                    {"minimal", Effort::minimal},
                                                                                    {"low", Effort::low},
                                                                                    {"medium", Effort::medium},
                                                                                    {"high", Effort::high},
                                                                                    {"xhigh", Effort::xhigh},
                                                                                    {"max", Effort::max}});
  for (const auto& [name, value] : known) {
    if (effort != name) continue;
    options.reasoning.effort = value;
    return;
  }
  wrong(place, "must be none, minimal, low, medium, high, xhigh or max");
}

std::vector<std::string> read_stops(Members& body, std::string_view name) {
  const auto* const given = body.find(name);
  if (given == nullptr) return {};
  if (given->is_string()) return {std::string(view(given->get_string()))};
  const auto* const list = body.list(name);
  std::vector<std::string> out;
  for (const auto& each : *list) {
    if (!each.is_string()) wrong(body.at(name), "must be a text or a list of texts");
    out.emplace_back(view(each.get_string()));
  }
  return out;
}

OutputContract read_schema(Members& inner) {
  auto name = inner.text("name").value_or("");
  inner.ignore({"description"});
  const auto strict = inner.flag("strict");
  const auto* const schema = inner.object("schema");
  if (schema == nullptr) wrong(inner.at("schema"), "is required");
  return held_to(*schema, std::move(name), strict);
}

namespace {

Part image_of(Members& part) {
  auto inner = Members(object_of(part.require("image_url"), part.at("image_url")), part.at("image_url"));
  auto media = media_at(MediaPart::Kind::image, inner.required_text("url"), inner.at("url"));
  media.detail = inner.text("detail").value_or("");
  inner.finish();
  return media;
}

Part audio_of(Members& part) {
  auto inner = Members(object_of(part.require("input_audio"), part.at("input_audio")), part.at("input_audio"));
  MediaPart media{.kind = MediaPart::Kind::audio, .data = bytes_of(inner.required_text("data"), inner.at("data"))};
  const auto format = inner.required_text("format");
  media.media_type = format == "mp3" ? "audio/mpeg" : std::format("audio/{}", format);
  inner.finish();
  return media;
}

Part file_of(Members& inner) {
  MediaPart media{.kind = MediaPart::Kind::document};
  if (const auto data = inner.text("file_data"))
    media = media_at(media.kind, *data, inner.at("file_data"));
  else if (const auto url = inner.text("file_url"))
    media = media_at(media.kind, *url, inner.at("file_url"));
  else
    media.file_id = inner.required_text("file_id");
  media.name = inner.text("filename").value_or("");
  inner.finish();
  return media;
}

}  // namespace

Part read_part(const JsonObject& object, const std::string& place) {
  Members part(object, place);
  const auto type = part.required_text("type");
  part.ignore({"annotations", "logprobs", "prompt_cache_breakpoint"});
  if (type == "text" || type == "input_text" || type == "output_text") {
    TextPart text{part.required_text("text")};
    part.finish();
    return text;
  }
  if (type == "refusal") {
    RefusalPart refusal{part.required_text("refusal")};
    part.finish();
    return refusal;
  }
  if (type == "image_url") return image_of(part);
  if (type == "input_image") {
    if (const auto id = part.text("file_id")) {
      MediaPart by_id{.kind = MediaPart::Kind::image, .file_id = *id};
      by_id.detail = part.text("detail").value_or("");
      part.finish();
      return by_id;
    }
    auto media = media_at(MediaPart::Kind::image, part.required_text("image_url"), part.at("image_url"));
    media.detail = part.text("detail").value_or("");
    part.finish();
    return media;
  }
  if (type == "input_audio") return audio_of(part);
  if (type == "file") {
    Members inner(object_of(part.require("file"), part.at("file")), part.at("file"));
    return file_of(inner);
  }
  if (type == "input_file") return file_of(part);
  not_honoured(part.at("type"), std::format("there is no content part `{}`", type));
}

std::vector<Part> read_content(const Json& content, const std::string& place) {
  std::vector<Part> out;
  if (content.is_string()) {
    out.emplace_back(TextPart{std::string(view(content.get_string()))});
    return out;
  }
  if (!content.is_array()) wrong(place, "must be a text or a list of parts");
  std::size_t number = 0;
  for (const auto& each : content.get_array()) {
    const auto at = indexed(place, number++);
    out.push_back(read_part(object_of(each, at), at));
  }
  return out;
}

ToolDefinition read_function(Members& function) {
  ToolDefinition out{.name = function.required_text("name"),
                     .description = function.text("description").value_or(""),
                     .strict = function.flag("strict")};
  if (const auto* const parameters = function.object("parameters")) out.parameters = *parameters;
  function.finish();
  return out;
}

ToolChoice::Mode read_mode(std::string_view word, std::string_view place) {
  if (word == "auto") return ToolChoice::Mode::automatic;
  if (word == "required") return ToolChoice::Mode::required;
  if (word == "none") return ToolChoice::Mode::none;
  wrong(place, "must be auto, required, none or a tool");
}

void ignore_common(Members& body) {
  body.ignore({"user", "metadata", "safety_identifier", "service_tier", "prompt_cache_key", "prompt_cache_retention",
               "prompt_cache_options"});
  body.expect("store", {false}, "replies are not stored for the API");
  body.expect("background", {false}, "ask for a job at /v1/jobs");
}

std::string_view finish_reason_of(const Completion& completion) {
  switch (completion.finish) {
    case FinishReason::stop: return completion.tool_calls.empty() ? "stop" : "tool_calls";
    case FinishReason::length: return "length";
    case FinishReason::tool_calls: return "tool_calls";
    case FinishReason::content_filter: return "content_filter";
    case FinishReason::error: break;
  }
  return "error";
}

Json usage_of(const Usage& usage) {
  if (!usage.prompt_tokens && !usage.completion_tokens) return nullptr;
  JsonObject out;
  const auto put = [](JsonObject& into, std::string_view name, const Usage::Count& count) {
    if (count) into[name] = *count;
  };
  put(out, "prompt_tokens", usage.prompt_tokens);
  put(out, "completion_tokens", usage.completion_tokens);
  put(out, "total_tokens", usage.total_tokens());
  JsonObject prompt;
  put(prompt, "cached_tokens", usage.cache_read_tokens);
  put(prompt, "cache_write_tokens", usage.cache_write_tokens);
  put(prompt, "audio_tokens", usage.audio_prompt_tokens);
  if (!prompt.empty()) out["prompt_tokens_details"] = std::move(prompt);
  JsonObject completion;
  put(completion, "reasoning_tokens", usage.reasoning_tokens);
  put(completion, "audio_tokens", usage.audio_completion_tokens);
  if (!completion.empty()) out["completion_tokens_details"] = std::move(completion);
  if (const auto cost = dollars(usage)) out["cost"] = *cost;
  return out;
}

JsonArray logprobs_of(const std::vector<TokenLogprob>& tokens) {
  const auto entry = [](std::string_view bytes, double logprob) {
    JsonArray all;
    for (const char c : bytes) all.push_back(static_cast<unsigned char>(c));
    return JsonObject{{"token", shown(bytes)}, {"logprob", logprob}, {"bytes", std::move(all)}};
  };
  JsonArray out;
  for (const auto& token : tokens) {
    auto each = entry(token.text, token.logprob);
    auto& top = each["top_logprobs"].emplace_array();
    for (const auto& [text, logprob] : token.top) top.push_back(entry(text, logprob));
    out.push_back(std::move(each));
  }
  return out;
}

}  // namespace dspy::server::openai
