#include "dspy/base/base64.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "providers/json_tools.hpp"
#include "providers/openai/chat.hpp"
#include "providers/openai/openai.hpp"
#include "providers/state.hpp"

#include <array>
#include <format>
#include <utility>

namespace dspy::providers::openai {
namespace {

FinishReason finish_of(std::string_view word, bool calls) {
  using enum FinishReason;
  static constexpr auto known = std::to_array<std::pair<std::string_view, FinishReason>>({
      {"stop", stop},
      {"length", length},
      {"tool_calls", tool_calls},
      {"function_call", tool_calls},
      {"content_filter", content_filter},
      {"eos", stop},
      {"complete", stop},
      {"end_turn", stop},
      {"eos_token", stop},
      {"stop_sequence", stop},
      {"model_length", length},
      {"max_tokens", length},
  });
  for (const auto& [name, reason] : known)
    if (text::equals_ignoring_case(word, name)) return reason == stop && calls ? tool_calls : reason;
  return error;
}

/// Reads one choice into a message whose parts are in the order: thoughts, text, refusal, citations, media, calls.
class ChoiceReader {
 public:
  ChoiceReader(const JsonObject& choice, const Reply& reply, const Dialect& dialect)
      : choice_(choice), number_(reply.completions.size()), reply_(reply.id), usage_(reply.usage), dialect_(dialect) {
    const auto* const message = object_at(choice, "message");
    if (message != nullptr) given_ = message;
  }

  Completion read() {
    const auto thoughts = text_at(*given_, "reasoning_content");
    append<ReasoningPart>(thoughts.empty() ? text_at(*given_, "reasoning") : thoughts);
    if (const auto* const content = member_at(*given_, "content")) {
      if (content->is_string()) append<TextPart>(view(content->get_string()));
      if (const auto* const parts = content->if_array()) read_parts(*parts);
    }
    append<RefusalPart>(text_at(*given_, "refusal"));
    read_annotations();
    read_audio();
    const bool calls = read_calls();
    if (const auto* const details = array_at(*given_, "reasoning_details"); details != nullptr && !details->empty())
      message_.continuation = make_state(dialect_, {{"reasoning_details", *details}});
    auto out = to_completion(std::move(message_));
    out.finish = finish_of(text_at(choice_, "finish_reason"), calls);
    if (const auto* const logprobs = object_at(choice_, "logprobs"))
      if (const auto* const tokens = array_at(*logprobs, "content")) set_logprobs(out, *tokens);
    return out;
  }

  /// What was not read.
  JsonObject rest() const {
    auto out = without(choice_, {"index", "message", "logprobs", "finish_reason"});
    auto message = without(*given_, {"role", "content", "refusal", "tool_calls", "function_call", "annotations",
                                     "audio", "reasoning_content", "reasoning", "reasoning_details"});
    if (!message.empty()) out["message"] = std::move(message);
    const auto reason = text_at(choice_, "finish_reason");
    if (finish_of(reason, false) == FinishReason::error) out["finish_reason"] = reason;
    return out;
  }

 private:
  template <class T>
  void append(std::string_view text) {
    if (!text.empty()) message_.parts.emplace_back(T{std::string(text)});
  }

  /// Mistral's list of contents.
  void read_parts(const JsonArray& parts) {
    std::string thoughts;
    std::string text;
    for (const auto& each : parts) {
      const auto* const part = each.if_object();
      if (part == nullptr) continue;
      if (text_at(*part, "type") == "text") text += text_at(*part, "text");
      if (text_at(*part, "type") != "thinking") continue;
      const auto* const inside = array_at(*part, "thinking");
      if (inside == nullptr)
        thoughts += text_at(*part, "thinking");
      else
        for (const auto& piece : *inside)
          if (const auto* const object = piece.if_object()) thoughts += text_at(*object, "text");
    }
    append<ReasoningPart>(thoughts);
    append<TextPart>(text);
  }

  void read_annotations() {
    const auto* const annotations = array_at(*given_, "annotations");
    if (annotations == nullptr) return;
    for (const auto& each : *annotations) {
      const auto* const annotation = each.if_object();
      const auto* const cited = annotation != nullptr ? object_at(*annotation, "url_citation") : nullptr;
      if (cited == nullptr) continue;
      message_.parts.emplace_back(CitationPart{.url = std::string(text_at(*cited, "url")),
                                               .title = std::string(text_at(*cited, "title")),
                                               .text = std::string(text_at(*cited, "content"))});
    }
  }

  void read_audio() {
    const auto* const audio = object_at(*given_, "audio");
    if (audio == nullptr) return;
    MediaPart media{.kind = MediaPart::Kind::audio, .data = base64::decode(text_at(*audio, "data"))};
    if (!media.data)
      throw Error(Errc::unavailable, std::format("{} sent a recording that is not base64; try again", dialect_.title),
                  {.provider = std::string(dialect_.name), .usage = usage_});
    media.context = text_at(*audio, "transcript");
    message_.parts.emplace_back(std::move(media), make_state(dialect_, {{"audio_id", text_at(*audio, "id")}}));
  }

  bool read_calls() {
    std::size_t number = 0;
    const auto add = [&](std::string id, const JsonObject& function) {
      if (id.empty()) id = made_id(reply_, number_, number);
      ++number;
      message_.parts.emplace_back(tool_call(std::move(id), std::string(text_at(function, "name")),
                                            member_at(function, "arguments"), usage_, dialect_));
    };
    if (const auto* const calls = array_at(*given_, "tool_calls")) {
      for (const auto& each : *calls) {
        const auto* const call = each.if_object();
        const auto* const function = call != nullptr ? object_at(*call, "function") : nullptr;
        if (function != nullptr) add(std::string(text_at(*call, "id")), *function);
      }
    }
    if (const auto* const function = object_at(*given_, "function_call"); function != nullptr && number == 0)
      add({}, *function);
    return number != 0;
  }

  static const JsonObject& nothing() {
    static const JsonObject none;
    return none;
  }

  const JsonObject& choice_;
  std::size_t number_;
  std::string reply_;
  const Usage& usage_;
  const Dialect& dialect_;
  const JsonObject* given_ = &nothing();
  Message message_{Role::assistant, std::vector<Part>()};
};

}  // namespace

Reply read_chat(const JsonObject& body, const Dialect& dialect) {
  throw_error_in(body, dialect);
  Reply reply;
  reply.id = text_at(body, "id");
  reply.model = text_at(body, "model");
  reply.usage.requests = 1;
  auto rest = without(body, {"id", "object", "model", "choices"});
  const auto* usage = object_at(body, "usage");
  if (const auto* const groq = object_at(body, "x_groq"); groq != nullptr && usage == nullptr)
    usage = object_at(*groq, "usage");
  if (usage != nullptr) reply.usage = chat_usage(*usage);
  const auto* const choices = array_at(body, "choices");
  if (choices == nullptr || choices->empty()) no_answer(body, reply.usage, dialect);
  JsonArray unread;
  bool is_any = false;
  for (const auto& each : *choices) {
    const auto* const choice = each.if_object();
    if (choice == nullptr) continue;
    ChoiceReader reader(*choice, reply, dialect);
    reply.completions.push_back(reader.read());
    auto left = reader.rest();
    is_any = is_any || !left.empty();
    unread.emplace_back(std::move(left));
  }
  if (reply.completions.empty()) no_answer(body, reply.usage, dialect);
  if (is_any) rest["choices"] = std::move(unread);
  if (!rest.empty()) reply.provider_data = std::move(rest);
  return reply;
}

}  // namespace dspy::providers::openai

namespace dspy::providers {

const Protocol chat_protocol = {.write = openai::write_chat, .read = openai::read_chat, .reduce = openai::reduce_chat};

}  // namespace dspy::providers
