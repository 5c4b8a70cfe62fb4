#include "dspy/server/routes.hpp"
#include "server/openai/openai.hpp"
#include "server/openai/response_items.hpp"

#include <format>
#include <string>
#include <utility>

namespace dspy::server::openai {
namespace {

/// Opens an item when its first text comes, and closes it when another begins.
class ResponseStream final : public ReplyWriter {
 public:
  ResponseStream(Asked asked, Stamp stamp) : asked_(std::move(asked)), stamp_(std::move(stamp)) {}

  std::string begin(const Usage& /*usage*/) override {
    const auto response = begun_response(asked_, stamp_, "in_progress");
    auto out = event_of("response.created", {{"response", response}});
    out += event_of("response.in_progress", {{"response", response}});
    return out;
  }

  std::string event(const StreamEvent& event) override {
    if (event.text.empty()) return {};
    if (event.kind == StreamEvent::Kind::text) return text(event.text);
    if (event.kind == StreamEvent::Kind::reasoning && !has_text_) return thoughts(event.text);
    return {};
  }

  std::string finish(const Reply& reply) override {
    const auto& completion = reply.completion();
    // Thoughts that arrive after the answer has started are placed after it.
    const auto late = reasoning_.rest_of(completion.reasoning);
    const bool is_late = !late.empty() && has_text_;
    const auto whole = whole_response(reply, asked_, stamp_, is_late);
    std::string out;
    if (!late.empty() && !is_late) out += thoughts(late);
    out += close_thoughts();
    if (const auto rest = text_.rest_of(completion.text); !rest.empty()) out += text(rest);
    out += close_message(whole);
    if (is_late) {
      out += thoughts(late);
      out += close_thoughts();
    }
    for (std::size_t i = 0; i < completion.tool_calls.size(); ++i) out += call(completion, i);
    const auto status = status_of(completion);
    return out + event_of(std::format("response.{}", status), {{"response", whole}});
  }

  std::string fail(const Error& error) override {
    auto response = begun_response(asked_, stamp_, "failed");
    const auto body = error_body(error, server::status_of(error)).get_object().at("error");
    response["error"] = JsonObject{{"code", body.at("code")}, {"message", body.at("message")}};
    return event_of("response.failed", {{"response", response}});
  }

 private:
  std::string event_of(std::string_view type, JsonObject members) {
    JsonObject data{{"type", type}, {"sequence_number", number_++}};
    for (auto& [name, value] : members) data[name] = std::move(value);
    return sse(type, data);
  }

  std::string thoughts(std::string_view piece) {
    std::string out;
    if (reasoning_.text().empty()) {
      out = event_of("response.output_item.added", {{"output_index", index_}, {"item", reasoning_item(stamp_, "")}});
      is_thinking_ = true;
    }
    reasoning_.add(piece);
    return out +
           event_of("response.reasoning_text.delta",
                    {{"item_id", "rs_" + stamp_.id}, {"output_index", index_}, {"content_index", 0}, {"delta", piece}});
  }

  std::string close_thoughts() {
    if (!is_thinking_) return {};
    is_thinking_ = false;
    auto out = event_of(
        "response.reasoning_text.done",
        {{"item_id", "rs_" + stamp_.id}, {"output_index", index_}, {"content_index", 0}, {"text", reasoning_.text()}});
    out += event_of("response.output_item.done",
                    {{"output_index", index_}, {"item", reasoning_item(stamp_, reasoning_.text())}});
    ++index_;
    return out;
  }

  JsonObject in_message(std::size_t content_index, JsonObject more) const {
    JsonObject out{{"item_id", "msg_" + stamp_.id}, {"output_index", index_}, {"content_index", content_index}};
    for (auto& [name, value] : more) out[name] = std::move(value);
    return out;
  }

  std::string open_message() {
    if (is_open_) return {};
    is_open_ = true;
    return event_of("response.output_item.added",
                    {{"output_index", index_}, {"item", message_item(stamp_, {}, "in_progress")}});
  }

  std::string text(std::string_view piece) {
    auto out = close_thoughts();
    out += open_message();
    if (!has_text_) out += event_of("response.content_part.added", in_message(0, {{"part", text_part("", {})}}));
    has_text_ = true;
    text_.add(piece);
    return out + event_of("response.output_text.delta", in_message(0, {{"delta", piece}, {"logprobs", JsonArray()}}));
  }

  /// The message as in the finished response.
  std::string close_message(const JsonObject& whole) {
    for (const auto& item : whole.at("output").get_array()) {
      if (item.at("type") != Json("message")) continue;
      auto out = open_message();
      std::size_t number = 0;
      for (const auto& part : item.at("content").get_array()) {
        const bool is_text = part.at("type") == Json("output_text");
        if (!is_text || !has_text_)
          out += event_of("response.content_part.added",
                          in_message(number, {{"part", is_text ? text_part("", {}) : refusal_part("")}}));
        if (is_text) {
          out += event_of("response.output_text.done",
                          in_message(number, {{"text", part.at("text")}, {"logprobs", part.at("logprobs")}}));
        } else {
          out += event_of("response.refusal.delta", in_message(number, {{"delta", part.at("refusal")}}));
          out += event_of("response.refusal.done", in_message(number, {{"refusal", part.at("refusal")}}));
        }
        out += event_of("response.content_part.done", in_message(number++, {{"part", part}}));
      }
      out += event_of("response.output_item.done", {{"output_index", index_++}, {"item", item}});
      return out;
    }
    return {};
  }

  std::string call(const Completion& completion, std::size_t number) {
    const auto& call = completion.tool_calls[number];
    const auto arguments = to_text(call.input);
    const auto done = call_item(stamp_, number, call, arguments, "completed");
    auto out = event_of("response.output_item.added",
                        {{"output_index", index_}, {"item", call_item(stamp_, number, call, "", "in_progress")}});
    const JsonObject place{{"item_id", done.at("id")}, {"output_index", index_}};
    auto delta = place;
    delta["delta"] = arguments;
    auto end = place;
    end["name"] = call.name;
    end["arguments"] = arguments;
    out += event_of("response.function_call_arguments.delta", std::move(delta));
    out += event_of("response.function_call_arguments.done", std::move(end));
    return out + event_of("response.output_item.done", {{"output_index", index_++}, {"item", done}});
  }

  Asked asked_;
  Stamp stamp_;
  Said text_, reasoning_;
  std::size_t number_ = 0;
  std::size_t index_ = 0;
  bool is_thinking_ = false;
  bool is_open_ = false;
  bool has_text_ = false;
};

}  // namespace

std::unique_ptr<ReplyWriter> stream_response(const Asked& asked, const Stamp& stamp) {
  return std::make_unique<ResponseStream>(asked, stamp);
}

}  // namespace dspy::server::openai
