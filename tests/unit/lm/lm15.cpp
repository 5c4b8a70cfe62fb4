#include "unit/lm/lm15.hpp"

#include "dspy/base/base64.hpp"

#include <boost/json/value_to.hpp>

#include <stdexcept>
#include <utility>

namespace dspy::lm15 {
namespace {

const Json* get(const JsonObject& in, std::string_view name) {
  const auto* const found = in.if_contains(name);
  return found == nullptr || found->is_null() ? nullptr : found;
}

std::string text(const JsonObject& in, std::string_view name) {
  const auto* const found = get(in, name);
  return found ? std::string(view(found->as_string())) : std::string();
}

void put(JsonObject& out, std::string_view name, const std::string& value) {
  if (!value.empty()) out[name] = value;
}

template <class T>
void put(JsonObject& out, std::string_view name, const std::optional<T>& value) {
  if (value) out[name] = *value;
}

template <class T>
void take(const JsonObject& in, std::string_view name, std::optional<T>& value) {
  if (const auto* const found = get(in, name)) value = boost::json::value_to<T>(*found);
}

Part part(const JsonObject& in);

std::vector<Part> parts(const JsonArray& in) {
  std::vector<Part> out;
  for (const auto& each : in) out.push_back(part(each.as_object()));
  return out;
}

Part::Content content(const JsonObject& in, const std::string& type) {
  if (type == "text") return TextPart{text(in, "text")};
  if (type == "thinking") return ReasoningPart{text(in, "text")};
  if (type == "refusal") return RefusalPart{text(in, "text")};
  if (type == "tool_call") return ToolCallPart{text(in, "id"), text(in, "name"), in.at("input").as_object()};
  if (type == "tool_result") {
    const auto* const error = get(in, "is_error");
    return ToolResultPart{text(in, "id"), text(in, "name"), parts(in.at("content").as_array()),
                          error != nullptr && error->as_bool()};
  }
  if (type == "citation") return CitationPart{text(in, "url"), text(in, "title"), text(in, "text"), {}};
  if (type == "data") {
    DataPart data{.value = in.at("value"), .probabilities = {}, .method = text(in, "method")};
    if (const auto* const found = get(in, "probabilities")) data.probabilities = found->as_object();
    return data;
  }
  using Kind = MediaPart::Kind;
  for (const auto kind : {Kind::image, Kind::audio, Kind::video, Kind::document, Kind::binary}) {
    if (type != to_string(kind)) continue;
    MediaPart media{.kind = kind};
    if (const auto* const data = get(in, "data")) media.data = base64::decode(view(data->as_string()));
    media.url = text(in, "url");
    media.file_id = text(in, "file_id");
    media.path = text(in, "path");
    media.media_type = text(in, "media_type");
    return media;
  }
  throw std::runtime_error("no such part: " + type);
}

Part part(const JsonObject& in) {
  Part out(content(in, text(in, "type")));
  if (const auto* const state = get(in, "continuation")) out.continuation = *state;
  return out;
}

JsonObject to_lm15(const Part& part);

JsonArray to_lm15(const std::vector<Part>& parts) {
  JsonArray out;
  for (const auto& each : parts) out.push_back(to_lm15(each));
  return out;
}

struct Write {
  JsonObject& out;

  void operator()(const TextPart& part) const { out = {{"type", "text"}, {"text", part.text}}; }
  void operator()(const ReasoningPart& part) const { out = {{"type", "thinking"}, {"text", part.text}}; }
  void operator()(const RefusalPart& part) const { out = {{"type", "refusal"}, {"text", part.text}}; }
  void operator()(const ToolCallPart& part) const {
    out = {{"type", "tool_call"}, {"id", part.id}, {"name", part.name}, {"input", part.input}};
  }
  void operator()(const ToolResultPart& part) const {
    out = {{"type", "tool_result"}, {"id", part.id}, {"content", to_lm15(part.content)}};
    put(out, "name", part.name);
    if (part.is_error) out["is_error"] = true;
  }
  void operator()(const CitationPart& part) const {
    out = {{"type", "citation"}};
    put(out, "url", part.url);
    put(out, "title", part.title);
    put(out, "text", part.text);
  }
  void operator()(const DataPart& part) const {
    out = {{"type", "data"}, {"value", part.value}};
    put(out, "probabilities", part.probabilities);
    put(out, "method", part.method);
  }
  void operator()(const MediaPart& part) const {
    out = {{"type", to_string(part.kind)}};
    if (part.data) out["data"] = base64::encode(*part.data);
    put(out, "url", part.url);
    put(out, "file_id", part.file_id);
    put(out, "path", part.path);
    put(out, "media_type", part.media_type);
  }
};

JsonObject to_lm15(const Part& part) {
  JsonObject out;
  std::visit(Write{out}, part.content);
  if (!part.continuation.is_null()) out["continuation"] = part.continuation;
  return out;
}

Message message(const JsonObject& in) {
  const auto role = text(in, "role");
  const auto who = role == "user"        ? Role::user
                   : role == "assistant" ? Role::assistant
                   : role == "tool"      ? Role::tool
                                         : Role::developer;
  Message out(who, parts(in.at("parts").as_array()));
  if (const auto* const state = get(in, "continuation")) out.continuation = *state;
  return out;
}

JsonObject to_lm15(const Message& message) {
  JsonObject out{{"role", to_string(message.role)}, {"parts", to_lm15(message.parts)}};
  if (!message.continuation.is_null()) out["continuation"] = message.continuation;
  return out;
}

void read_config(const JsonObject& in, Request& out) {
  auto& sampling = out.sampling;
  ProviderOptions provider;
  take(in, "max_tokens", sampling.max_tokens);
  take(in, "temperature", sampling.temperature);
  take(in, "top_p", sampling.top_p);
  take(in, "top_k", sampling.top_k);
  take(in, "seed", sampling.seed);
  take(in, "frequency_penalty", sampling.frequency_penalty);
  take(in, "presence_penalty", sampling.presence_penalty);
  take(in, "logprobs", sampling.logprobs);
  if (const auto* const stop = get(in, "stop")) sampling.stop = boost::json::value_to<std::vector<std::string>>(*stop);
  if (const auto* const found = get(in, "response_format")) {
    const auto& format = found->as_object();
    out.contract.form = OutputContract::Form::json;
    if (const auto* const schema = get(format, "schema")) {
      out.contract.form = OutputContract::Form::schema;
      out.contract.grammar = to_text(*schema);
      out.contract.name = text(format, "name");
      take(format, "strict", out.contract.strict);
    }
  }
  if (const auto* const found = get(in, "tool_choice")) {
    const auto& choice = found->as_object();
    const auto mode = text(choice, "mode");
    out.tool_choice.mode = mode == "required" ? ToolChoice::Mode::required
                           : mode == "none"   ? ToolChoice::Mode::none
                                              : ToolChoice::Mode::automatic;
    if (const auto* const names = get(choice, "allowed"))
      out.tool_choice.allowed = boost::json::value_to<std::vector<std::string>>(*names);
    take(choice, "parallel", out.tool_choice.parallel);
  }
  if (const auto* const found = get(in, "reasoning")) {
    const auto& reasoning = found->as_object();
    using Effort = ReasoningOptions::Effort;
    for (const auto effort :
         {Effort::off, Effort::minimal, Effort::low, Effort::medium, Effort::high, Effort::xhigh, Effort::max})
      if (text(reasoning, "effort") == to_string(effort)) provider.reasoning.effort = effort;
    take(reasoning, "thinking_budget", provider.reasoning.budget_tokens);
    provider.reasoning.summary = text(reasoning, "summary");
  }
  if (const auto* const found = get(in, "cache")) {
    const auto& cache = found->as_object();
    if (const auto mode = text(cache, "mode"); !mode.empty()) provider.prompt_cache.enabled = mode == "auto";
    provider.prompt_cache.retention = text(cache, "retention");
    provider.prompt_cache.key = text(cache, "key");
    provider.prompt_cache.prefix = text(cache, "prefix");
    take(cache, "prefix_until_index", provider.prompt_cache.prefix_until);
    provider.prompt_cache.resource = text(cache, "resource");
  }
  provider.probabilities = text(in, "probabilities");
  provider.service_tier = text(in, "service_tier");
  provider.user_id = text(in, "user_id");
  take(in, "store", provider.store);
  if (const auto* const found = get(in, "extensions")) provider.extensions = found->as_object();
  if (provider != ProviderOptions()) out.provider = std::make_shared<const ProviderOptions>(std::move(provider));
}

JsonObject config_of(const Request& request) {
  JsonObject out;
  const auto& sampling = request.sampling;
  const auto& provider = request.provider_options();
  put(out, "max_tokens", sampling.max_tokens);
  put(out, "temperature", sampling.temperature);
  put(out, "top_p", sampling.top_p);
  put(out, "top_k", sampling.top_k);
  put(out, "seed", sampling.seed);
  put(out, "frequency_penalty", sampling.frequency_penalty);
  put(out, "presence_penalty", sampling.presence_penalty);
  put(out, "logprobs", sampling.logprobs);
  if (!sampling.stop.empty()) out["stop"] = JsonArray(sampling.stop.begin(), sampling.stop.end());
  if (request.contract.form != OutputContract::Form::text) {
    JsonObject format;
    if (request.contract.form == OutputContract::Form::schema)
      format["schema"] = parse_json(request.contract.grammar).value();
    put(format, "name", request.contract.name);
    put(format, "strict", request.contract.strict);
    out["response_format"] = format;
  }
  if (request.tool_choice != ToolChoice()) {
    JsonObject choice{{"mode", to_string(request.tool_choice.mode)}};
    const auto& allowed = request.tool_choice.allowed;
    if (!allowed.empty()) choice["allowed"] = JsonArray(allowed.begin(), allowed.end());
    put(choice, "parallel", request.tool_choice.parallel);
    out["tool_choice"] = choice;
  }
  if (provider.reasoning != ReasoningOptions()) {
    JsonObject reasoning;
    if (provider.reasoning.effort) reasoning["effort"] = to_string(*provider.reasoning.effort);
    put(reasoning, "thinking_budget", provider.reasoning.budget_tokens);
    put(reasoning, "summary", provider.reasoning.summary);
    out["reasoning"] = reasoning;
  }
  if (provider.prompt_cache != PromptCacheOptions()) {
    JsonObject cache;
    if (provider.prompt_cache.enabled) cache["mode"] = *provider.prompt_cache.enabled ? "auto" : "off";
    put(cache, "retention", provider.prompt_cache.retention);
    put(cache, "key", provider.prompt_cache.key);
    put(cache, "prefix", provider.prompt_cache.prefix);
    put(cache, "prefix_until_index", provider.prompt_cache.prefix_until);
    put(cache, "resource", provider.prompt_cache.resource);
    out["cache"] = cache;
  }
  put(out, "probabilities", provider.probabilities);
  put(out, "service_tier", provider.service_tier);
  put(out, "user_id", provider.user_id);
  put(out, "store", provider.store);
  if (!provider.extensions.empty()) out["extensions"] = provider.extensions;
  return out;
}

constexpr std::pair<const char*, Usage::Count Usage::*> counts[] = {{"input", &Usage::prompt_tokens},
                                                                    {"output", &Usage::completion_tokens},
                                                                    {"total", &Usage::reported_total},
                                                                    {"cache_read", &Usage::cache_read_tokens},
                                                                    {"cache_write", &Usage::cache_write_tokens},
                                                                    {"reasoning", &Usage::reasoning_tokens},
                                                                    {"input_audio", &Usage::audio_prompt_tokens},
                                                                    {"output_audio", &Usage::audio_completion_tokens}};

}  // namespace

Request request(const JsonObject& in) {
  Request out;
  if (const auto* const system = get(in, "system"))
    out.messages.push_back(system->is_string() ? Message(Role::system, std::string(view(system->as_string())))
                                               : Message(Role::system, parts(system->as_array())));
  for (const auto& each : in.at("messages").as_array()) out.messages.push_back(message(each.as_object()));
  if (const auto* const tools = get(in, "tools")) {
    for (const auto& each : tools->as_array()) {
      const auto& tool = each.as_object();
      ToolDefinition definition{.name = text(tool, "name"), .description = text(tool, "description")};
      if (const auto* const found = get(tool, "parameters")) definition.parameters = found->as_object();
      out.tools.push_back(std::move(definition));
    }
  }
  if (const auto* const config = get(in, "config")) read_config(config->as_object(), out);
  return out;
}

JsonObject to_lm15(const Request& request, const std::string& model) {
  JsonObject out{{"model", model}};
  JsonArray messages, tools;
  for (const auto& message : request.messages) {
    if (message.role != Role::system) {
      messages.push_back(to_lm15(message));
    } else if (const auto* const only = message.only_text()) {
      out["system"] = *only;
    } else {
      out["system"] = to_lm15(message.parts);
    }
  }
  out["messages"] = std::move(messages);
  for (const auto& tool : request.tools)
    tools.push_back(
        JsonObject{{"name", tool.name}, {"description", tool.description}, {"parameters", tool.parameters}});
  if (!tools.empty()) out["tools"] = std::move(tools);
  if (auto config = config_of(request); !config.empty()) out["config"] = std::move(config);
  return out;
}

Reply response(const JsonObject& in) {
  auto completion = to_completion(message(in.at("message").as_object()));
  const auto finish = text(in, "finish_reason");
  completion.finish = finish_reason(finish == "tool_call" ? "tool_calls" : finish);
  take(in, "logprobs_complete", completion.logprobs_complete);
  if (const auto* const logprobs = get(in, "logprobs")) {
    for (const auto& each : logprobs->as_array()) {
      auto& token = completion.logprobs.emplace_back();
      token.text = text(each.as_object(), "token");
      token.logprob = each.at("logprob").as_double();
    }
  }
  Reply out(std::move(completion));
  out.id = text(in, "id");
  out.model = text(in, "model");
  out.usage.requests = 1;
  for (const auto& [name, count] : counts) take(in.at("usage").as_object(), name, out.usage.*count);
  if (const auto* const data = get(in, "provider_data")) out.provider_data = *data;
  if (const auto* const all = get(in, "adaptations")) {
    using Action = Adaptation::Action;
    for (const auto& each : all->as_array()) {
      const auto& one = each.as_object();
      auto& adaptation = out.adaptations.emplace_back();
      adaptation.field = text(one, "field");
      for (const auto action : {Action::dropped, Action::clamped, Action::substituted, Action::client_side,
                                Action::satisfied, Action::defaulted})
        if (text(one, "action") == to_string(action)) adaptation.action = action;
      adaptation.reason = text(one, "reason");
      adaptation.asked = one.at("asked");
      adaptation.applied = one.at("applied");
    }
  }
  return out;
}

JsonObject to_lm15(const Reply& reply) {
  const auto& completion = reply.completion();
  JsonObject out{
      {"id", reply.id},
      {"model", reply.model},
      {"message", to_lm15(to_message(completion))},
      {"finish_reason", completion.finish == FinishReason::tool_calls ? "tool_call" : to_string(completion.finish)}};
  JsonObject usage;
  for (const auto& [name, count] : counts) put(usage, name, reply.usage.*count);
  out["usage"] = std::move(usage);
  if (!completion.logprobs.empty()) {
    JsonArray logprobs;
    for (const auto& token : completion.logprobs)
      logprobs.push_back(JsonObject{{"token", token.text}, {"logprob", token.logprob}});
    out["logprobs"] = std::move(logprobs);
  }
  put(out, "logprobs_complete", completion.logprobs_complete);
  if (!reply.provider_data.is_null()) out["provider_data"] = reply.provider_data;
  if (!reply.adaptations.empty()) {
    JsonArray all;
    for (const auto& each : reply.adaptations)
      all.push_back(JsonObject{{"field", each.field},
                               {"action", to_string(each.action)},
                               {"reason", each.reason},
                               {"asked", each.asked},
                               {"applied", each.applied}});
    out["adaptations"] = std::move(all);
  }
  return out;
}

}  // namespace dspy::lm15
