#include "dspy/base/text.hpp"
#include "providers/gemini/gemini.hpp"
#include "providers/json_tools.hpp"
#include "providers/state.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace dspy::providers::gemini {
namespace {

/// Each event is a reply of its own with the next parts; there is no event that ends the stream, only the candidates'
/// reasons to finish.
class ContentReducer final : public Reducer {
 public:
  explicit ContentReducer(const Dialect& dialect) : dialect_(dialect) {}

  void push(const Frame& frame, Emitter& out) override {
    const auto data = text::trim(frame.data);
    if (data.empty()) return;
    const auto chunk = event_object(dialect_, data);
    throw_error_in(chunk, dialect_);
    for (const auto& [name, value] : without(chunk, {"candidates", "usageMetadata"})) body_[name] = value;
    if (const auto* const usage = object_at(chunk, "usageMetadata")) {
      auto& counts = body_["usageMetadata"];
      if (!counts.is_object()) counts = JsonObject();
      for (const auto& [name, value] : *usage) counts.get_object()[name] = value;
    }
    out.start(text_at(body_, "responseId"), text_at(body_, "modelVersion"));
    if (const auto* const candidates = array_at(chunk, "candidates"))
      for (const auto& each : *candidates)
        if (const auto* const candidate = each.if_object()) take(*candidate, out);
  }

  JsonObject finish() override {
    const auto* const feedback = object_at(body_, "promptFeedback");
    const bool blocked = candidates_.empty() && feedback != nullptr && feedback->contains("blockReason");
    const bool ended = !candidates_.empty() && std::ranges::all_of(candidates_, [](const auto& each) {
      return !text_at(each.second.candidate, "finishReason").empty();
    });
    if (!ended && !blocked) broken_stream(dialect_, std::move(text_));
    JsonArray all;
    for (auto& [index, so_far] : candidates_) {
      so_far.candidate["content"] = JsonObject{{"role", "model"}, {"parts", std::move(so_far.parts)}};
      all.emplace_back(std::move(so_far.candidate));
    }
    if (!all.empty()) body_["candidates"] = std::move(all);
    return std::move(body_);
  }

 private:
  struct CandidateSoFar {
    JsonObject candidate = {};
    JsonArray parts = {};
    std::size_t calls = 0;
  };

  void take(const JsonObject& piece, Emitter& out) {
    const auto index = count_at(piece, "index").value_or(0);
    auto& so_far = candidates_[index];
    for (const auto& [name, value] : without(piece, {"content", "logprobsResult"})) so_far.candidate[name] = value;
    if (const auto* const result = object_at(piece, "logprobsResult")) take_logprobs(so_far.candidate, *result);
    const auto* const content = object_at(piece, "content");
    const auto* const parts = content != nullptr ? array_at(*content, "parts") : nullptr;
    if (parts == nullptr) return;
    for (const auto& part : *parts) {
      so_far.parts.push_back(part);
      if (const auto* const object = part.if_object(); object != nullptr && index == 0) emit(*object, so_far, out);
    }
  }

  static void take_logprobs(JsonObject& candidate, const JsonObject& result) {
    auto& all = candidate["logprobsResult"];
    if (!all.is_object()) all = JsonObject();
    for (const auto& [name, value] : result) {
      auto& list = all.get_object()[name];
      if (!value.is_array()) {
        list = value;
        continue;
      }
      if (!list.is_array()) list = JsonArray();
      list.get_array().insert(list.get_array().end(), value.get_array().begin(), value.get_array().end());
    }
  }

  void emit(const JsonObject& part, CandidateSoFar& so_far, Emitter& out) {
    const auto* const thought = member_at(part, "thought");
    if (part.contains("text") && thought != nullptr && thought->is_bool() && thought->get_bool()) {
      out.reasoning(text_at(part, "text"));
    } else if (part.contains("text")) {
      text_ += text_at(part, "text");
      out.text(text_at(part, "text"));
    } else if (const auto* const call = object_at(part, "functionCall")) {
      const auto number = so_far.calls++;
      const auto id = text_at(*call, "id");
      const auto made = made_id(text_at(body_, "responseId"), 0, number);
      const auto* const input = member_at(*call, "args");
      out.tool_call(std::to_string(number), id.empty() ? made : id, text_at(*call, "name"),
                    input != nullptr ? to_text(*input) : "{}");
    }
    if (const auto* const signature = member_at(part, "thoughtSignature"))
      out.continuation(Part(TextPart{}, make_state(dialect_, {{"thought_signature", *signature}})));
  }

  const Dialect& dialect_;
  JsonObject body_;
  std::map<std::uint64_t, CandidateSoFar> candidates_;
  std::string text_;
};

}  // namespace

std::unique_ptr<Reducer> reduce(const Dialect& dialect) {
  return std::make_unique<ContentReducer>(dialect);
}

}  // namespace dspy::providers::gemini
