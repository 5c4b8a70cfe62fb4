#include "dspy/base/text.hpp"
#include "providers/errors.hpp"
#include "providers/json_tools.hpp"
#include "providers/openai/chat.hpp"
#include "providers/state.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <utility>

namespace dspy::providers::openai {
namespace {

class ResponsesReducer final : public Reducer {
 public:
  explicit ResponsesReducer(const Dialect& dialect) : dialect_(dialect) {}

  void push(const Frame& frame, Emitter& out) override {
    const auto data = text::trim(frame.data);
    if (data.empty() || done_ || data.starts_with("[DONE]")) return;
    const auto event = event_object(dialect_, data);
    const auto type = text_at(event, "type");
    if (type == "error") {
      const auto* const inside = member_at(event, "error");
      throw reply_error(dialect_, {}, inside != nullptr ? *inside : Json(event));
    }
    if (const auto* const response = object_at(event, "response"))
      take_response(*response, type, out);
    else
      take_piece(event, type, out);
  }

  JsonObject finish() override {
    if (!done_) broken_stream(dialect_, std::move(text_));
    const auto* const output = array_at(body_, "output");
    if ((output == nullptr || output->empty()) && !items_.empty()) {
      JsonArray items;
      for (auto& [index, item] : items_) items.emplace_back(std::move(item));
      body_["output"] = std::move(items);
    }
    return std::move(body_);
  }

 private:
  void take_response(const JsonObject& response, std::string_view type, Emitter& out) {
    body_ = response;
    out.start(text_at(response, "id"), text_at(response, "model"));
    done_ = type == "response.completed" || type == "response.failed" || type == "response.incomplete" ||
            type == "response.done";
  }

  void take_piece(const JsonObject& event, std::string_view type, Emitter& out) {
    const auto index = count_at(event, "output_index").value_or(0);
    const auto key = std::to_string(index);
    const auto delta = text_at(event, "delta");
    if (type == "response.output_text.delta") {
      text_ += delta;
      out.text(delta, "text " + key);
    } else if (type == "response.reasoning_text.delta") {
      tells_thoughts_.insert(index);
      out.reasoning(delta, "reasoning " + key);
    } else if (type == "response.reasoning_summary_text.delta") {
      if (!tells_thoughts_.contains(index)) out.reasoning(delta, "reasoning " + key);
    } else if (type == "response.reasoning_summary_part.added") {
      const bool is_next = count_at(event, "summary_index").value_or(0) != 0;
      if (is_next && !tells_thoughts_.contains(index)) out.reasoning("\n\n", "reasoning " + key);
    } else if (type == "response.function_call_arguments.delta") {
      out.tool_call(key, text_at(items_[index], "call_id"), text_at(items_[index], "name"), delta);
    } else if (type == "response.output_item.added" || type == "response.output_item.done") {
      take_item(event, index, type.ends_with("done"), out);
    }  // others say what these say, or are new
  }

  void take_item(const JsonObject& event, std::uint64_t index, bool done, Emitter& out) {
    const auto* const item = object_at(event, "item");
    if (item == nullptr) return;
    items_[index] = *item;
    const auto key = std::to_string(index);
    if (!done && text_at(*item, "type") == "function_call")
      out.tool_call(key, text_at(*item, "call_id"), text_at(*item, "name"), {});
    if (done && text_at(*item, "type") == "reasoning")
      out.continuation(Part(ReasoningPart{}, make_state(dialect_, {{"item", *item}})));
  }

  const Dialect& dialect_;
  JsonObject body_;
  std::map<std::uint64_t, JsonObject> items_;
  std::set<std::uint64_t> tells_thoughts_;
  std::string text_;
};

}  // namespace

std::unique_ptr<Reducer> reduce_responses(const Dialect& dialect) {
  return std::make_unique<ResponsesReducer>(dialect);
}

}  // namespace dspy::providers::openai
