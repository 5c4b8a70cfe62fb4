#include "dspy/base/text.hpp"
#include "providers/json_tools.hpp"
#include "providers/ollama/ollama.hpp"
#include "providers/state.hpp"

#include <string>
#include <utility>

namespace dspy::providers::ollama {
namespace {

class LinesReducer final : public Reducer {
 public:
  explicit LinesReducer(const Dialect& dialect) : dialect_(dialect) {}

  void push(const Frame& frame, Emitter& out) override {
    const auto data = text::trim(frame.data);
    if (data.empty() || done_) return;
    const auto line = event_object(dialect_, data);
    throw_error_in(line, dialect_);
    out.start({}, text_at(line, "model"));
    for (const auto& [name, value] : without(line, {"message", "logprobs"})) body_[name] = value;
    if (const auto* const tokens = array_at(line, "logprobs"))
      logprobs_.insert(logprobs_.end(), tokens->begin(), tokens->end());
    if (const auto* const message = object_at(line, "message")) take(*message, out);
    const auto* const done = member_at(line, "done");
    done_ = done != nullptr && done->is_bool() && done->get_bool();
  }

  JsonObject finish() override {
    if (!done_) broken_stream(dialect_, std::string(text_at(message_, "content")));
    if (!calls_.empty()) message_["tool_calls"] = std::move(calls_);
    if (!logprobs_.empty()) body_["logprobs"] = std::move(logprobs_);
    body_["message"] = std::move(message_);
    return std::move(body_);
  }

 private:
  void take(const JsonObject& piece, Emitter& out) {
    if (const auto text = text_at(piece, "thinking"); !text.empty()) {
      append_text_at(message_, "thinking", text);
      out.reasoning(text);
    }
    if (const auto text = text_at(piece, "content"); !text.empty()) {
      append_text_at(message_, "content", text);
      out.text(text);
    }
    if (const auto* const calls = array_at(piece, "tool_calls"))
      for (const auto& call : *calls) take_call(call, out);
    for (const auto& [name, value] : without(piece, {"thinking", "content", "tool_calls"})) message_[name] = value;
  }

  void take_call(const Json& given, Emitter& out) {
    const auto number = calls_.size();
    calls_.push_back(given);
    const auto* const call = given.if_object();
    const auto* const function = call != nullptr ? object_at(*call, "function") : nullptr;
    if (function == nullptr) return;
    const auto id = text_at(*call, "id");
    const auto* const input = member_at(*function, "arguments");
    out.tool_call(std::to_string(number), id.empty() ? made_id({}, 0, number) : std::string(id),
                  text_at(*function, "name"), input != nullptr ? to_text(*input) : "{}");
  }

  const Dialect& dialect_;
  JsonObject body_;
  JsonObject message_;
  JsonArray calls_;
  JsonArray logprobs_;
};

}  // namespace

std::unique_ptr<Reducer> reduce(const Dialect& dialect) {
  return std::make_unique<LinesReducer>(dialect);
}

}  // namespace dspy::providers::ollama
