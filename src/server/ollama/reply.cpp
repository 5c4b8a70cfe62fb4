#include "dspy/server/routes.hpp"
#include "server/ollama/ollama.hpp"
#include "server/openai/openai.hpp"
#include "server/protocols/common.hpp"
#include "server/traced_error.hpp"

#include <chrono>
#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::server::ollama {
namespace {

using Clock = std::chrono::steady_clock;

JsonArray calls_of(const Completion& completion) {
  JsonArray out;
  for (const auto& call : completion.tool_calls)
    out.push_back(
        JsonObject{{"id", call.id},
                   {"function", JsonObject{{"index", out.size()}, {"name", call.name}, {"arguments", call.input}}}});
  return out;
}

/// One line: of `chat` a message, of `generate` a text.
class Lines {
 public:
  Lines(const Asked& asked, const Stamp& stamp, bool is_chat)
      : model_(asked.model), time_(time_text(stamp.time)), is_chat_(is_chat) {}

  JsonObject line(std::string_view text, std::string_view thoughts, bool is_done) const {
    JsonObject out{{"model", model_}, {"created_at", time_}};
    if (is_chat_) {
      auto& message = out["message"].emplace_object();
      message["role"] = "assistant";
      message["content"] = text;
      if (!thoughts.empty()) message["thinking"] = thoughts;
    } else {
      out["response"] = text;
      if (!thoughts.empty()) out["thinking"] = thoughts;
    }
    out["done"] = is_done;
    return out;
  }

  void add_calls(JsonObject& line, const Completion& completion) const {
    if (completion.tool_calls.empty()) return;
    auto& where = is_chat_ ? line["message"].get_object() : line;
    where["tool_calls"] = calls_of(completion);
  }

 private:
  std::string model_, time_;
  bool is_chat_;
};

/// What Ollama can say of an end: the rest of it is what `done_reason` has no word for.
void end(JsonObject& line, const Reply& reply, const Asked& asked, const Stamp& stamp) {
  const auto& completion = reply.completion();
  if (completion.finish == FinishReason::error)
    throw Error(Errc::stream_broken, "the model failed while it wrote the reply; ask again");
  line["done_reason"] = completion.finish == FinishReason::length           ? "length"
                        : completion.finish == FinishReason::content_filter ? "content_filter"
                                                                            : "stop";
  line["total_duration"] = (Clock::now() - stamp.begun).count();
  if (reply.usage.prompt_tokens) line["prompt_eval_count"] = *reply.usage.prompt_tokens;
  if (reply.usage.completion_tokens) line["eval_count"] = *reply.usage.completion_tokens;
  if (const auto cost = dollars(reply.usage)) line["cost"] = *cost;
  if (asked.request.sampling.logprobs) line["logprobs"] = openai::logprobs_of(completion.logprobs);
  if (auto told = remarks(reply, stamp); !told.empty()) line["dspy"] = std::move(told);
}

std::string text_of(const Completion& completion) {
  return completion.text.empty() ? completion.refusal : completion.text;
}

JsonObject whole(const Reply& reply, const Asked& asked, const Stamp& stamp, bool is_chat) {
  const Lines lines(asked, stamp, is_chat);
  const auto& completion = reply.completion();
  auto out = lines.line(text_of(completion), completion.reasoning, true);
  lines.add_calls(out, completion);
  end(out, reply, asked, stamp);
  return out;
}

class LineStream final : public ReplyWriter {
 public:
  LineStream(Asked asked, const Stamp& stamp, bool is_chat)
      : asked_(std::move(asked)), lines_(asked_, stamp, is_chat), stamp_(stamp) {}

  std::string begin(const Usage& /*usage*/) override { return {}; }

  std::string event(const StreamEvent& event) override {
    if (event.text.empty()) return {};
    if (event.kind == StreamEvent::Kind::text) {
      text_.add(event.text);
      return written(lines_.line(event.text, "", false));
    }
    if (event.kind != StreamEvent::Kind::reasoning) return {};
    reasoning_.add(event.text);
    return written(lines_.line("", event.text, false));
  }

  std::string finish(const Reply& reply) override {
    const auto& completion = reply.completion();
    std::string out;
    if (const auto rest = reasoning_.rest_of(completion.reasoning); !rest.empty())
      out += written(lines_.line("", rest, false));
    const auto said = text_of(completion);
    if (const auto rest = text_.rest_of(said); !rest.empty()) out += written(lines_.line(rest, "", false));
    if (!completion.tool_calls.empty()) {
      auto calls = lines_.line("", "", false);
      lines_.add_calls(calls, completion);
      out += written(calls);
    }
    auto last = lines_.line("", "", true);
    end(last, reply, asked_, stamp_);
    return out + written(last);
  }

  std::string fail(const Error& error) override { return written(error_body(error, status_of(error)).get_object()); }

 private:
  static std::string written(const JsonObject& line) { return to_text(line) + "\n"; }

  Asked asked_;
  Lines lines_;
  Stamp stamp_;
  Said text_, reasoning_;
};

}  // namespace

std::string time_text(std::int64_t seconds) {
  return std::format("{:%FT%TZ}", std::chrono::sys_seconds(std::chrono::seconds(seconds)));
}

Json error_body(const Error& error, int /*status*/) {
  JsonObject body{{"error", error.what()}};
  tell_trace(body, error);
  return body;
}

JsonObject write_chat(const Reply& reply, const Asked& asked, const Stamp& stamp) {
  return whole(reply, asked, stamp, true);
}

JsonObject write_generate(const Reply& reply, const Asked& asked, const Stamp& stamp) {
  return whole(reply, asked, stamp, false);
}

std::unique_ptr<ReplyWriter> stream_chat(const Asked& asked, const Stamp& stamp) {
  return std::make_unique<LineStream>(asked, stamp, true);
}

std::unique_ptr<ReplyWriter> stream_generate(const Asked& asked, const Stamp& stamp) {
  return std::make_unique<LineStream>(asked, stamp, false);
}

}  // namespace dspy::server::ollama
