#include "dspy/base/error.hpp"
#include "providers/json_tools.hpp"
#include "providers/media_wire.hpp"
#include "providers/ollama/ollama.hpp"
#include "providers/structured.hpp"

#include <algorithm>
#include <format>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::providers::ollama {
namespace {

using Effort = ReasoningOptions::Effort;

class Writer {
 public:
  Writer(const Dialect& dialect, Notes& notes) : dialect_(dialect), notes_(notes) {}

  void write(const Message& message, std::size_t index, JsonArray& out) {
    JsonObject written{{"role", message.role == Role::developer ? "system" : to_string(message.role)}, {"content", ""}};
    bool is_any = message.parts.empty();
    for (std::size_t i = 0; i < message.parts.size(); ++i) {
      const auto& part = message.parts[i];
      const Place place{.message = index, .part = i};
      if (const auto* const result = part.get<ToolResultPart>()) {
        out.push_back(tool_result(*result, place));
        continue;
      }
      is_any = true;
      take(written, part, place);
    }
    if (is_any) out.push_back(std::move(written));
  }

 private:
  void take(JsonObject& out, const Part& part, const Place& place) {
    if (const auto* const text = part.get<TextPart>()) {
      append_text_at(out, "content", text->text);
    } else if (const auto* const media = part.get<MediaPart>()) {
      take_medium(out, *media, place);
    } else if (const auto* const call = part.get<ToolCallPart>()) {
      names_[call->id] = call->name;
      auto& calls = out["tool_calls"];
      if (!calls.is_array()) calls = JsonArray();
      calls.get_array().push_back(
          JsonObject{{"function", JsonObject{{"name", call->name}, {"arguments", call->input}}}});
    } else if (const auto* const thoughts = part.get<ReasoningPart>()) {
      append_text_at(out, "thinking", thoughts->text);
    } else if (const auto* const refusal = part.get<RefusalPart>()) {
      append_text_at(out, "content", refusal->text);
    } else if (const auto* const data = part.get<DataPart>()) {
      append_text_at(out, "content", to_text(data->value));
    }
  }

  void take_medium(JsonObject& out, const MediaPart& given, const Place& place) {
    const auto media = loaded(given);
    if (const auto text = document_text(media); !text.empty()) {
      append_text_at(out, "content", text);
      notes_.add(Adaptation::Action::substituted, place.text(), "a document of text is sent as text", "document",
                 "text");
      return;
    }
    if (media.kind != MediaPart::Kind::image)
      unsupported_part(place, dialect_, std::format("a part of the kind {}", to_string(media.kind)),
                       "write its content as text");
    if (!media.data) unsupported_part(place, dialect_, "a picture by its URL", "give its bytes");
    auto& images = out["images"];
    if (!images.is_array()) images = JsonArray();
    images.get_array().emplace_back(base64_of(media));
  }

  JsonObject tool_result(const ToolResultPart& result, const Place& place) {
    auto name = result.name;
    if (const auto known = names_.find(result.id); name.empty() && known != names_.end()) name = known->second;
    if (result.is_error)
      notes_.dropped(place.text("is_error"), "this provider has no mark for it; the content has to say it", true);
    return {{"role", "tool"}, {"tool_name", name}, {"content", only_texts(result.content, place, dialect_)}};
  }

  const Dialect& dialect_;
  Notes& notes_;
  std::map<std::string, std::string> names_;
};

JsonObject options_of(const Sampling& sampling) {
  JsonObject out;
  const auto write = [&](std::string_view name, const auto& value) {
    if (value) out[name] = *value;
  };
  write("num_predict", sampling.max_tokens);
  write("temperature", sampling.temperature);
  write("top_p", sampling.top_p);
  write("top_k", sampling.top_k);
  write("min_p", sampling.min_p);
  write("repeat_penalty", sampling.repeat_penalty);
  write("repeat_last_n", sampling.repeat_last_n);
  write("frequency_penalty", sampling.frequency_penalty);
  write("presence_penalty", sampling.presence_penalty);
  if (!sampling.stop.empty()) out["stop"] = JsonArray(sampling.stop.begin(), sampling.stop.end());
  return out;
}

void write_seed(JsonObject& options, const Sampling& sampling, Notes& notes) {
  if (!sampling.seed) return;
  const auto seed = *sampling.seed & 0x7FFF'FFFFU;
  options["seed"] = seed;
  if (seed != *sampling.seed)
    notes.add(Adaptation::Action::substituted, "sampling.seed", "seeds have 31 bits there", *sampling.seed, seed);
}

void write_tools(JsonObject& body, const Request& request, const Dialect& dialect, Notes& notes) {
  if (request.tools.empty()) return;
  using Mode = ToolChoice::Mode;
  const auto& choice = request.tool_choice;
  if (choice.mode == Mode::none) {
    notes.add(Adaptation::Action::client_side, "tool_choice", "the tools are not told of", "none", {});
    return;
  }
  if (choice.mode == Mode::required)
    notes.dropped("tool_choice", "this provider cannot make a model call a tool", "required");
  if (choice.parallel) notes.dropped("tool_choice.parallel", "this provider has no such option", *choice.parallel);
  JsonArray tools;
  for (const auto& tool : request.tools) {
    if (!tool.builtin.empty())
      throw Error(Errc::unsupported,
                  std::format("{} has no tools of its own such as `{}`; leave it out", dialect.title, tool.builtin),
                  {.provider = std::string(dialect.name), .feature = std::format("tools.{}", tool.builtin)});
    if (!choice.allowed.empty() && !std::ranges::contains(choice.allowed, tool.name)) {
      notes.add(Adaptation::Action::client_side, "tool_choice.allowed", "the tool is not told of", Json(tool.name), {});
      continue;
    }
    if (tool.strict)
      notes.dropped(std::format("tools.{}.strict", tool.name), "this provider has no such option", *tool.strict);
    JsonObject function{{"name", tool.name}};
    if (!tool.description.empty()) function["description"] = tool.description;
    function["parameters"] = tool.parameters;
    tools.push_back(JsonObject{{"type", "function"}, {"function", std::move(function)}});
  }
  if (!tools.empty()) body["tools"] = std::move(tools);
}

void write_thinking(JsonObject& body, const ReasoningOptions& asked, std::string_view model, Notes& notes) {
  if (asked.budget_tokens)
    notes.dropped("provider.reasoning.budget_tokens", "this provider has no such option", *asked.budget_tokens);
  if (!asked.summary.empty())
    notes.dropped("provider.reasoning.summary", "this provider tells its thoughts", Json(asked.summary));
  if (!asked.effort) return;
  if (*asked.effort == Effort::off) {
    body["think"] = false;
  } else if (model.contains("gpt-oss")) {
    const auto level = *asked.effort <= Effort::low      ? Effort::low
                       : *asked.effort == Effort::medium ? Effort::medium
                                                         : Effort::high;
    body["think"] = to_string(level);
    if (level != *asked.effort)
      notes.add(Adaptation::Action::substituted, "provider.reasoning.effort", "the nearest level there is",
                Json(to_string(*asked.effort)), Json(to_string(level)));
  } else {
    body["think"] = true;
    notes.add(Adaptation::Action::substituted, "provider.reasoning.effort", "this model thinks, or does not",
              Json(to_string(*asked.effort)), true);
  }
}

void note_records(const ProviderOptions& provider, Notes& notes) {
  const auto drop = [&](std::string_view field, bool is_set) {
    if (is_set) notes.dropped(field, "this provider has no such option");
  };
  drop("provider.service_tier", !provider.service_tier.empty());
  drop("provider.user_id", !provider.user_id.empty());
  drop("provider.store", provider.store.value_or(false));
  drop("provider.metadata", !provider.metadata.empty());
  auto cache = provider.prompt_cache;
  if (cache.enabled.value_or(true)) cache.enabled.reset();
  drop("provider.prompt_cache", cache != PromptCacheOptions());
}

}  // namespace

WireRequest write(const Request& request, const Target& target) {
  WireRequest wire{.path = "/api/chat"};
  auto& body = wire.body;
  body["model"] = target.model;
  JsonArray messages;
  Writer writer(target.dialect, wire.notes);
  std::size_t index = 0;
  for (const auto& message : request.messages) writer.write(message, index++, messages);
  body["messages"] = std::move(messages);
  auto options = options_of(request.sampling);
  write_seed(options, request.sampling, wire.notes);
  if (!options.empty()) body["options"] = std::move(options);
  if (request.sampling.logprobs) {
    const int top = std::min(*request.sampling.logprobs, target.dialect.most_logprobs);
    body["logprobs"] = true;
    if (top != 0) body["top_logprobs"] = top;
    if (top != *request.sampling.logprobs)
      wire.notes.add(Adaptation::Action::clamped, "sampling.logprobs", "so many are told", *request.sampling.logprobs,
                     top);
  }
  if (auto held = held_schema(request.contract, target.dialect, wire.notes))
    body["format"] = std::move(held->schema);
  else
    note_unenforced(request.contract, target.dialect, wire.notes);
  write_tools(body, request, target.dialect, wire.notes);
  write_thinking(body, request.provider_options().reasoning, target.model, wire.notes);
  note_records(request.provider_options(), wire.notes);
  note_absent(request, target.dialect, wire.notes);
  // By default it would stream, and silently truncate a long prompt.
  body["stream"] = target.stream;
  body["truncate"] = false;
  wire.one_by_one = request.n > 1;
  merge(body, request.provider_options().extensions);
  return wire;
}

}  // namespace dspy::providers::ollama
