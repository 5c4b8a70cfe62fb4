#include "dspy/base/base64.hpp"
#include "dspy/base/error.hpp"
#include "providers/gemini/gemini.hpp"
#include "providers/json_tools.hpp"
#include "providers/state.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::providers::gemini {
namespace {

FinishReason finish_of(std::string_view word, bool calls) {
  using enum FinishReason;
  if (word == "STOP") return calls ? tool_calls : stop;
  if (word == "MAX_TOKENS") return length;
  static constexpr auto filtered =
      std::to_array<std::string_view>({"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
                                       "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"});
  return std::ranges::contains(filtered, word) ? content_filter : error;
}

class CandidateReader {
 public:
  CandidateReader(const Reply& reply, const Dialect& dialect)
      : reply_(reply.id), number_(reply.completions.size()), usage_(reply.usage), dialect_(dialect) {}

  Completion read(const JsonObject& candidate) {
    if (const auto* const content = object_at(candidate, "content"))
      if (const auto* const parts = array_at(*content, "parts"))
        for (const auto& each : *parts)
          if (const auto* const part = each.if_object()) take(*part);
    read_citations(candidate);
    auto out = to_completion(std::move(message_));
    out.finish = finish_of(text_at(candidate, "finishReason"), calls_ != 0);
    if (const auto* const result = object_at(candidate, "logprobsResult")) read_logprobs(out, *result);
    return out;
  }

  JsonArray unread;

 private:
  Json state_of_part(const JsonObject& part) const {
    const auto* const signature = member_at(part, "thoughtSignature");
    return signature == nullptr ? Json() : make_state(dialect_, {{"thought_signature", *signature}});
  }

  void take(const JsonObject& part) {
    const auto* const thought = member_at(part, "thought");
    if (part.contains("text") && thought != nullptr && thought->is_bool() && thought->get_bool()) {
      append<ReasoningPart>(part);
    } else if (part.contains("text")) {
      append<TextPart>(part);
    } else if (const auto* const call = object_at(part, "functionCall")) {
      std::string id(text_at(*call, "id"));
      if (id.empty()) id = made_id(reply_, number_, calls_);
      ++calls_;
      message_.parts.emplace_back(
          tool_call(std::move(id), std::string(text_at(*call, "name")), member_at(*call, "args"), usage_, dialect_),
          state_of_part(part));
    } else if (const auto* const inside = object_at(part, "inlineData")) {
      const auto type = text_at(*inside, "mimeType");
      MediaPart media{.kind = type.starts_with("audio/")   ? MediaPart::Kind::audio
                              : type.starts_with("video/") ? MediaPart::Kind::video
                              : type.starts_with("image/") ? MediaPart::Kind::image
                                                           : MediaPart::Kind::binary,
                      .data = base64::decode(text_at(*inside, "data")),
                      .media_type = std::string(type)};
      if (!media.data)
        throw Error(Errc::unavailable, std::format("{} sent media that are not base64; try again", dialect_.title),
                    {.provider = std::string(dialect_.name), .usage = usage_});
      message_.parts.emplace_back(std::move(media), state_of_part(part));
    } else {
      unread.push_back(part);
    }
  }

  /// A text comes in pieces, in a stream as in a whole reply; a signature ends it.
  template <class T>
  void append(const JsonObject& part) {
    const auto text = text_at(part, "text");
    auto state = state_of_part(part);
    auto* const before = message_.parts.empty() ? nullptr : std::get_if<T>(&message_.parts.back().content);
    if (before != nullptr && message_.parts.back().continuation.is_null()) {
      before->text += text;
      message_.parts.back().continuation = std::move(state);
    } else if (!text.empty() || !state.is_null()) {
      message_.parts.emplace_back(T{std::string(text)}, std::move(state));
    }
  }

  void read_citations(const JsonObject& candidate) {
    const auto add = [&](const JsonObject& source) {
      message_.parts.emplace_back(
          CitationPart{.url = std::string(text_at(source, "uri")), .title = std::string(text_at(source, "title"))});
    };
    const auto each = [](const JsonObject* owner, std::string_view name, auto visit) {
      const auto* const list = owner != nullptr ? array_at(*owner, name) : nullptr;
      if (list == nullptr) return;
      for (const auto& item : *list)
        if (const auto* const object = item.if_object()) visit(*object);
    };
    each(object_at(candidate, "citationMetadata"), "citationSources", add);
    each(object_at(candidate, "citationMetadata"), "citations", add);
    each(object_at(candidate, "groundingMetadata"), "groundingChunks", [&](const JsonObject& chunk) {
      if (const auto* const web = object_at(chunk, "web")) add(*web);
    });
  }

  static void read_logprobs(Completion& out, const JsonObject& result) {
    const auto* const chosen = array_at(result, "chosenCandidates");
    const auto* const top = array_at(result, "topCandidates");
    if (chosen == nullptr) return;
    std::string joined;
    for (std::size_t i = 0; i < chosen->size(); ++i) {
      const auto* const token = (*chosen)[i].if_object();
      const auto logprob = token != nullptr ? number_at(*token, "logProbability") : std::nullopt;
      if (!logprob) continue;
      TokenLogprob read{.text = std::string(text_at(*token, "token")), .logprob = *logprob};
      joined += read.text;
      const auto* const step = top != nullptr && i < top->size() ? (*top)[i].if_object() : nullptr;
      if (const auto* const others = step != nullptr ? array_at(*step, "candidates") : nullptr)
        for (const auto& other : *others)
          if (const auto* const object = other.if_object())
            if (const auto likely = number_at(*object, "logProbability"))
              read.top.emplace_back(text_at(*object, "token"), *likely);
      out.logprobs.push_back(std::move(read));
    }
    out.logprobs_complete = joined == out.text;
  }

  std::string reply_;
  std::size_t number_;
  const Usage& usage_;
  const Dialect& dialect_;
  Message message_{Role::assistant, std::vector<Part>()};
  std::size_t calls_ = 0;
};

void require_answer(const JsonObject& body, const Reply& reply, const Dialect& dialect) {
  const auto* const candidates = array_at(body, "candidates");
  if (candidates != nullptr && !candidates->empty()) return;
  const auto* const feedback = object_at(body, "promptFeedback");
  const auto reason = feedback != nullptr ? text_at(*feedback, "blockReason") : std::string_view();
  if (reason.empty()) no_answer(body, reply.usage, dialect);
  throw Error(Errc::refused, std::format("{} rejected the prompt ({}); rephrase it", dialect.title, reason),
              {.provider = std::string(dialect.name), .request_id = reply.id, .usage = reply.usage});
}

}  // namespace

/// Thoughts are not in `candidatesTokenCount`, what tools brought is not in `promptTokenCount`, and counts that are
/// zero are left out, so that the sum has to tell.
Usage read_usage(const JsonObject& usage) {
  Usage out{.requests = 1};
  const auto prompt = count_at(usage, "promptTokenCount");
  const auto tools = count_at(usage, "toolUsePromptTokenCount").value_or(0);
  const auto answer = count_at(usage, "candidatesTokenCount");
  out.reasoning_tokens = count_at(usage, "thoughtsTokenCount");
  out.cache_read_tokens = count_at(usage, "cachedContentTokenCount");
  out.reported_total = count_at(usage, "totalTokenCount");
  if (prompt) out.prompt_tokens = *prompt + tools;
  if (answer) {
    out.completion_tokens = *answer + out.reasoning_tokens.value_or(0);
  } else if (out.prompt_tokens && out.reported_total && *out.reported_total >= *out.prompt_tokens) {
    out.completion_tokens = *out.reported_total - *out.prompt_tokens;
  }
  return out;
}

Reply read(const JsonObject& body, const Dialect& dialect) {
  throw_error_in(body, dialect);
  Reply reply;
  reply.id = text_at(body, "responseId");
  reply.model = text_at(body, "modelVersion");
  reply.usage.requests = 1;
  if (const auto* const usage = object_at(body, "usageMetadata")) reply.usage = read_usage(*usage);
  require_answer(body, reply, dialect);
  auto rest = without(body, {"candidates", "responseId", "modelVersion"});
  JsonArray unread;
  bool is_any = false;
  for (const auto& each : *array_at(body, "candidates")) {
    const auto* const candidate = each.if_object();
    if (candidate == nullptr) continue;
    CandidateReader reader(reply, dialect);
    reply.completions.push_back(reader.read(*candidate));
    auto left = without(*candidate, {"content", "index", "logprobsResult", "finishReason"});
    const auto reason = text_at(*candidate, "finishReason");
    if (reason != "STOP" && reason != "MAX_TOKENS") left["finishReason"] = reason;
    if (!reader.unread.empty()) left["parts"] = std::move(reader.unread);
    is_any = is_any || !left.empty();
    unread.emplace_back(std::move(left));
  }
  if (reply.completions.empty()) no_answer(body, reply.usage, dialect);
  if (is_any) rest["candidates"] = std::move(unread);
  if (!rest.empty()) reply.provider_data = std::move(rest);
  return reply;
}

}  // namespace dspy::providers::gemini

namespace dspy::providers {

const Protocol gemini_protocol = {.write = gemini::write, .read = gemini::read, .reduce = gemini::reduce};

}  // namespace dspy::providers
