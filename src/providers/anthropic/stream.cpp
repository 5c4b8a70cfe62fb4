#include "dspy/base/text.hpp"
#include "providers/anthropic/anthropic.hpp"
#include "providers/errors.hpp"
#include "providers/json_tools.hpp"
#include "providers/state.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace dspy::providers::anthropic {
namespace {

struct BlockSoFar {
  JsonObject block = {};
  std::string input = {};  ///< Of a tool, as JSON.
  bool has_input = false;
};

class MessagesReducer final : public Reducer {
 public:
  explicit MessagesReducer(const Dialect& dialect) : dialect_(dialect) {}

  void push(const Frame& frame, Emitter& out) override {
    const auto data = text::trim(frame.data);
    if (data.empty() || done_) return;
    const auto event = event_object(dialect_, data);
    const auto type = text_at(event, "type");
    if (type == "error" || (type.empty() && event.contains("error"))) {
      const auto* const error = member_at(event, "error");
      throw reply_error(dialect_, {}, error != nullptr ? *error : Json(event));
    }
    if (type == "message_start")
      start(event, out);
    else if (type == "content_block_start")
      start_block(event, out);
    else if (type == "content_block_delta")
      take_delta(event, out);
    else if (type == "content_block_stop")
      end_block(event, out);
    else if (type == "message_delta")
      take_end(event);
    else if (type == "message_stop")
      done_ = true;
  }

  JsonObject finish() override {
    if (!done_) broken_stream(dialect_, std::move(text_));
    JsonArray content;
    for (auto& [index, so_far] : blocks_) {
      if (so_far.has_input) {
        auto input = arguments_of(so_far.input);
        // Left a text, it is refused where tool calls are read.
        so_far.block["input"] = input ? Json(*std::move(input)) : Json(so_far.input);
      }
      content.emplace_back(std::move(so_far.block));
    }
    body_["content"] = std::move(content);
    return std::move(body_);
  }

 private:
  void start(const JsonObject& event, Emitter& out) {
    if (const auto* const message = object_at(event, "message")) body_ = *message;
    out.start(text_at(body_, "id"), text_at(body_, "model"));
  }

  void start_block(const JsonObject& event, Emitter& out) {
    const auto index = count_at(event, "index").value_or(blocks_.size());
    auto& so_far = blocks_[index];
    if (const auto* const block = object_at(event, "content_block")) so_far.block = *block;
    if (text_at(so_far.block, "type") == "tool_use") emit_call(index, {}, out);
    if (const auto text = text_at(so_far.block, "text"); !text.empty()) emit_text(index, text, out);
    if (const auto text = text_at(so_far.block, "thinking"); !text.empty()) out.reasoning(text, key(index));
  }

  void take_delta(const JsonObject& event, Emitter& out) {
    const auto* const delta = object_at(event, "delta");
    if (delta == nullptr) return;
    const auto index = count_at(event, "index").value_or(0);
    auto& so_far = blocks_[index];
    const auto type = text_at(*delta, "type");
    if (type == "text_delta") {
      append_text_at(so_far.block, "text", text_at(*delta, "text"));
      emit_text(index, text_at(*delta, "text"), out);
    } else if (type == "thinking_delta") {
      append_text_at(so_far.block, "thinking", text_at(*delta, "thinking"));
      out.reasoning(text_at(*delta, "thinking"), key(index));
    } else if (type == "signature_delta") {
      append_text_at(so_far.block, "signature", text_at(*delta, "signature"));
    } else if (type == "input_json_delta") {
      so_far.input += text_at(*delta, "partial_json");
      so_far.has_input = true;
      if (text_at(so_far.block, "type") == "tool_use") emit_call(index, text_at(*delta, "partial_json"), out);
    } else if (type == "citations_delta") {
      auto& citations = so_far.block["citations"];
      if (!citations.is_array()) citations = JsonArray();
      if (const auto* const citation = member_at(*delta, "citation")) citations.get_array().push_back(*citation);
    }
  }

  void end_block(const JsonObject& event, Emitter& out) const {
    const auto found = blocks_.find(count_at(event, "index").value_or(0));
    if (found == blocks_.end()) return;
    const auto signature = text_at(found->second.block, "signature");
    if (!signature.empty())
      out.continuation(Part(ReasoningPart{}, make_state(dialect_, {{"signature", Json(signature)}})));
  }

  /// Its counts are of the whole message so far: they replace the earlier ones.
  void take_end(const JsonObject& event) {
    if (const auto* const delta = object_at(event, "delta"))
      for (const auto& [name, value] : *delta) body_[name] = value;
    const auto* const usage = object_at(event, "usage");
    if (usage == nullptr) return;
    auto& counts = body_["usage"];
    if (!counts.is_object()) counts = JsonObject();
    for (const auto& [name, value] : *usage)
      if (!value.is_null()) counts.get_object()[name] = value;
  }

  void emit_text(std::uint64_t index, std::string_view piece, Emitter& out) {
    text_ += piece;
    out.text(piece, key(index));
  }

  void emit_call(std::uint64_t index, std::string_view piece, Emitter& out) {
    const auto& block = blocks_[index].block;
    out.tool_call(key(index), text_at(block, "id"), text_at(block, "name"), piece);
  }

  static std::string key(std::uint64_t index) { return "block " + std::to_string(index); }

  const Dialect& dialect_;
  JsonObject body_;
  std::map<std::uint64_t, BlockSoFar> blocks_;
  std::string text_;
};

}  // namespace

std::unique_ptr<Reducer> reduce(const Dialect& dialect) {
  return std::make_unique<MessagesReducer>(dialect);
}

}  // namespace dspy::providers::anthropic
