#include "dspy/base/text.hpp"
#include "providers/json_tools.hpp"
#include "providers/openai/chat.hpp"
#include "providers/openai/repeated_chunk.hpp"
#include "providers/state.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <ranges>
#include <utility>
#include <vector>

namespace dspy::providers::openai {
namespace {

struct CallSoFar {
  std::optional<std::uint64_t> index = {};
  JsonObject call = {};
};

struct ChoiceSoFar {
  JsonObject choice = {};
  JsonObject message = {};
  JsonArray parts = {};  ///< Where the content is a list.
  std::vector<CallSoFar> calls = {};
  JsonArray logprobs = {};
  bool finished = false;
};

bool is_text_part(const Json& part, std::string_view type) {
  const auto* const object = part.if_object();
  return object != nullptr && text_at(*object, "type") == type;
}

class ChatReducer final : public Reducer {
 public:
  explicit ChatReducer(const Dialect& dialect) : dialect_(dialect) {}

  void push(const Frame& frame, Emitter& out) override {
    const auto data = text::trim(frame.data);
    if (data.empty() || done_) return;
    if (data.starts_with("[DONE]")) {
      done_ = true;
      return;
    }
    if (const auto piece = repeated_.text_of(data)) {
      auto& so_far = choices_.begin()->second;
      append_text_at(so_far.message, "content", *piece);
      out.text(*piece);
      return;
    }
    auto chunk = event_object(dialect_, data);
    throw_error_in(chunk, dialect_);
    take_envelope(chunk);
    out.start(text_at(body_, "id"), text_at(body_, "model"));
    if (const auto* const choices = array_at(chunk, "choices"))
      for (const auto& choice : *choices)
        if (const auto* const object = choice.if_object()) take_choice(*object, out);
    repeated_.learn(data, only_text_of(chunk));
  }

  JsonObject finish() override {
    const bool ended =
        !choices_.empty() && std::ranges::all_of(choices_, [](const auto& each) { return each.second.finished; });
    if (!done_ && (dialect_.ends_with_done || !ended)) broken_stream(dialect_, text_so_far());
    if (!ended && !choices_.empty()) broken_stream(dialect_, text_so_far());
    JsonArray choices;
    for (auto& [index, so_far] : choices_) choices.emplace_back(whole(index, so_far));
    body_["choices"] = std::move(choices);
    return std::move(body_);
  }

 private:
  /// The text of a chunk that brings the first choice nothing else, all of which it may bring again.  Empty for any
  /// other.
  std::string_view only_text_of(const JsonObject& chunk) const {
    const auto* const choices = array_at(chunk, "choices");
    const auto* const choice = choices != nullptr && choices->size() == 1 ? choices->front().if_object() : nullptr;
    const auto* const delta = choice != nullptr ? object_at(*choice, "delta") : nullptr;
    if (delta == nullptr || count_at(*choice, "index").value_or(0) != 0 || !choices_.begin()->second.parts.empty())
      return {};
    if (member_at(*choice, "finish_reason") != nullptr || member_at(*choice, "logprobs") != nullptr) return {};
    for (const auto& [name, value] : *delta) {
      if (!value.is_null() && name != "content" && name != "role") return {};
    }
    return text_at(*delta, "content");
  }

  void take_envelope(JsonObject& chunk) {
    for (auto& [name, value] : chunk) {
      const std::string_view member(name.data(), name.size());
      if (value.is_null() || member == "choices" || member == "object" || member == "obfuscation") continue;
      if (member == "x_groq" && value.is_object() && body_.contains(name))
        merge(body_[name].get_object(), value.get_object());
      else if (const auto* const before = body_.if_contains(name); before == nullptr || *before != value)
        body_[name] = value;
    }
  }

  void take_choice(const JsonObject& piece, Emitter& out) {
    const auto index = count_at(piece, "index").value_or(0);
    auto& so_far = choices_[index];
    if (const auto* const logprobs = object_at(piece, "logprobs"))
      if (const auto* const tokens = array_at(*logprobs, "content"))
        so_far.logprobs.insert(so_far.logprobs.end(), tokens->begin(), tokens->end());
    for (const auto& [name, value] : without(piece, {"index", "delta", "logprobs"})) so_far.choice[name] = value;
    if (!text_at(piece, "finish_reason").empty()) so_far.finished = true;
    if (const auto* const delta = object_at(piece, "delta")) take_delta(so_far, *delta, index == 0, out);
  }

  void take_delta(ChoiceSoFar& so_far, const JsonObject& delta, bool is_first, Emitter& out) {
    for (const auto& [name, value] : delta) {
      if (value.is_null()) continue;
      const std::string_view member(name.data(), name.size());
      if (member == "content") {
        take_content(so_far, value, is_first, out);
      } else if (member == "tool_calls") {
        if (const auto* const calls = value.if_array())
          for (const auto& call : *calls)
            if (const auto* const object = call.if_object()) take_call(so_far, *object, is_first, out);
      } else if (member == "reasoning_content" || member == "reasoning") {
        take_thoughts(so_far, delta, member, is_first, out);
      } else if (member == "refusal" && value.is_string()) {
        append_text_at(so_far.message, member, view(value.get_string()));
      } else if (member == "audio" && value.is_object()) {
        take_audio(so_far, value.get_object());
      } else if ((member == "annotations" || member == "reasoning_details") && value.is_array()) {
        auto& list = so_far.message[member];
        if (!list.is_array()) list = JsonArray();
        for (const auto& each : value.get_array()) list.get_array().push_back(each);
      } else {
        so_far.message[member] = value;
      }
    }
  }

  /// Some servers say the same under both names.
  static void take_thoughts(ChoiceSoFar& so_far, const JsonObject& delta, std::string_view member, bool is_first,
                            Emitter& out) {
    const auto piece = text_at(delta, member);
    append_text_at(so_far.message, member, piece);
    if (is_first && (member == "reasoning_content" || text_at(delta, "reasoning_content").empty()))
      out.reasoning(piece);
  }

  static void take_content(ChoiceSoFar& so_far, const Json& value, bool is_first, Emitter& out) {
    if (value.is_string()) {
      const auto piece = view(value.get_string());
      append_text_at(so_far.message, "content", piece);
      if (!so_far.parts.empty()) append_part(so_far.parts, JsonObject{{"type", "text"}, {"text", piece}});
      if (is_first) out.text(piece);
      return;
    }
    const auto* const parts = value.if_array();
    if (parts == nullptr) return;
    if (const auto before = text_at(so_far.message, "content"); so_far.parts.empty() && !before.empty())
      so_far.parts.push_back(JsonObject{{"type", "text"}, {"text", before}});
    for (const auto& part : *parts) {
      append_part(so_far.parts, part);
      if (!is_first) continue;
      if (is_text_part(part, "text")) out.text(text_at(part.get_object(), "text"));
      if (is_text_part(part, "thinking"))
        if (const auto* const inside = array_at(part.get_object(), "thinking"))
          for (const auto& piece : *inside)
            if (const auto* const object = piece.if_object()) out.reasoning(text_at(*object, "text"));
    }
  }

  static void append_part(JsonArray& parts, const Json& part) {
    if (!parts.empty() && is_text_part(part, "text") && is_text_part(parts.back(), "text")) {
      append_text_at(parts.back().get_object(), "text", text_at(part.get_object(), "text"));
    } else {
      parts.push_back(part);
    }
  }

  static void take_audio(ChoiceSoFar& so_far, const JsonObject& piece) {
    auto& audio = so_far.message["audio"];
    if (!audio.is_object()) audio = JsonObject();
    for (const auto& [name, value] : piece) {
      const std::string_view member(name.data(), name.size());
      if ((member == "data" || member == "transcript") && value.is_string())
        append_text_at(audio.get_object(), member, view(value.get_string()));
      else
        audio.get_object()[name] = value;
    }
  }

  /// A call with a name and its arguments whole: another name with arguments is of another call, even where a server
  /// tells neither `index` nor `id`.
  static bool is_another(const CallSoFar& call, const JsonObject& piece) {
    const auto* const had = object_at(call.call, "function");
    const auto* const given = object_at(piece, "function");
    if (had == nullptr || given == nullptr || text_at(*given, "name").empty()) return false;
    const auto* const arguments = member_at(*given, "arguments");
    const bool brings_arguments = arguments != nullptr && !(arguments->is_string() && arguments->get_string().empty());
    const auto so_far = text_at(*had, "arguments");
    return brings_arguments && !text_at(*had, "name").empty() && !so_far.empty() && arguments_of(so_far).has_value();
  }

  /// Fragments belong together by `index`; without one, a new id begins a new call.
  static CallSoFar& call_for(ChoiceSoFar& so_far, const JsonObject& piece) {
    const auto index = count_at(piece, "index");
    const auto id = text_at(piece, "id");
    const auto is_other = [&](const CallSoFar& call) {
      const auto before = text_at(call.call, "id");
      return id.empty() ? is_another(call, piece) : !before.empty() && id != before;
    };
    for (auto& call : so_far.calls | std::views::reverse) {
      const bool same = index ? call.index == index : true;
      if (!same) continue;
      if (is_other(call)) break;
      return call;
    }
    so_far.calls.push_back({.index = index});
    return so_far.calls.back();
  }

  void take_call(ChoiceSoFar& so_far, const JsonObject& piece, bool is_first, Emitter& out) const {
    auto& place = call_for(so_far, piece);
    const auto number = static_cast<std::size_t>(&place - so_far.calls.data());
    auto& call = place.call;
    for (const auto& [name, value] : without(piece, {"index", "function"}))
      if (!(value.is_string() && value.get_string().empty())) call[name] = value;
    auto& function = call["function"];
    if (!function.is_object()) function = JsonObject();
    std::string fragment;
    if (const auto* const given = object_at(piece, "function")) {
      if (const auto name = text_at(*given, "name"); !name.empty()) function.get_object()["name"] = name;
      if (const auto* const arguments = member_at(*given, "arguments")) {
        fragment = arguments->is_string() ? std::string(view(arguments->get_string())) : to_text(*arguments);
        append_text_at(function.get_object(), "arguments", fragment);
      }
    }
    if (!is_first) return;
    const auto id = text_at(call, "id");
    out.tool_call(std::to_string(number), id.empty() ? made_id(text_at(body_, "id"), 0, number) : std::string(id),
                  text_at(function.get_object(), "name"), fragment);
  }

  static JsonObject whole(std::uint64_t index, ChoiceSoFar& so_far) {
    if (!so_far.parts.empty()) so_far.message["content"] = std::move(so_far.parts);
    if (!so_far.calls.empty()) {
      JsonArray calls;
      for (auto& call : so_far.calls) calls.emplace_back(std::move(call.call));
      so_far.message["tool_calls"] = std::move(calls);
    }
    auto choice = std::move(so_far.choice);
    choice["index"] = index;
    choice["message"] = std::move(so_far.message);
    if (!so_far.logprobs.empty()) choice["logprobs"] = JsonObject{{"content", std::move(so_far.logprobs)}};
    return choice;
  }

  std::string text_so_far() const {
    return choices_.empty() ? std::string() : std::string(text_at(choices_.begin()->second.message, "content"));
  }

  const Dialect& dialect_;
  JsonObject body_;
  std::map<std::uint64_t, ChoiceSoFar> choices_;
  RepeatedChunk repeated_;
};

}  // namespace

std::unique_ptr<Reducer> reduce_chat(const Dialect& dialect) {
  return std::make_unique<ChatReducer>(dialect);
}

}  // namespace dspy::providers::openai
