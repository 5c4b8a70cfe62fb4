#include "dspy/base/base64.hpp"
#include "dspy/base/error.hpp"
#include "providers/json_tools.hpp"
#include "providers/openai/chat.hpp"
#include "providers/openai/openai.hpp"
#include "providers/state.hpp"

#include <format>
#include <utility>

namespace dspy::providers::openai {
namespace {

/// The texts of a list of `{"text": …}`.
std::string joined(const JsonArray* pieces, std::string_view between) {
  std::string out;
  if (pieces == nullptr) return out;
  for (const auto& each : *pieces) {
    const auto* const piece = each.if_object();
    if (piece == nullptr) continue;
    if (!out.empty()) out += between;
    out += text_at(*piece, "text");
  }
  return out;
}

class OutputReader {
 public:
  OutputReader(const Usage& usage, const Dialect& dialect) : usage_(usage), dialect_(dialect) {}

  void item(const JsonObject& item) {
    const auto type = text_at(item, "type");
    if (type == "message") {
      message(item);
    } else if (type == "reasoning") {
      reasoning(item);
    } else if (type == "function_call") {
      calls_ = true;
      auto id = text_at(item, "call_id");
      message_.parts.emplace_back(tool_call(std::string(id.empty() ? text_at(item, "id") : id),
                                            std::string(text_at(item, "name")), member_at(item, "arguments"), usage_,
                                            dialect_));
    } else if (auto picture = type == "image_generation_call" ? base64::decode(text_at(item, "result")) : std::nullopt;
               picture && !picture->empty()) {
      message_.parts.emplace_back(MediaPart{.kind = MediaPart::Kind::image, .data = std::move(picture)});
    } else {
      unread.push_back(item);
    }
  }

  Completion completion() {
    auto out = to_completion(std::move(message_));
    if (!tokens_.empty()) set_logprobs(out, tokens_);
    out.finish = calls_ ? FinishReason::tool_calls : FinishReason::stop;
    return out;
  }

  JsonArray unread;

 private:
  void message(const JsonObject& item) {
    const auto* const content = array_at(item, "content");
    if (content == nullptr) return;
    for (const auto& each : *content) {
      const auto* const piece = each.if_object();
      if (piece == nullptr) continue;
      const auto type = text_at(*piece, "type");
      if (type == "output_text") {
        if (const auto text = text_at(*piece, "text"); !text.empty())
          message_.parts.emplace_back(TextPart{std::string(text)});
        annotations(*piece);
        if (const auto* const logprobs = array_at(*piece, "logprobs"))
          tokens_.insert(tokens_.end(), logprobs->begin(), logprobs->end());
      } else if (type == "refusal") {
        message_.parts.emplace_back(RefusalPart{std::string(text_at(*piece, "refusal"))});
      } else {
        unread.push_back(*piece);
      }
    }
  }

  void annotations(const JsonObject& piece) {
    const auto* const list = array_at(piece, "annotations");
    if (list == nullptr) return;
    for (const auto& each : *list) {
      const auto* const annotation = each.if_object();
      if (annotation == nullptr) continue;
      const auto title = text_at(*annotation, "title");
      message_.parts.emplace_back(
          CitationPart{.url = std::string(text_at(*annotation, "url")),
                       .title = std::string(title.empty() ? text_at(*annotation, "filename") : title)});
    }
  }

  void reasoning(const JsonObject& item) {
    auto text = joined(array_at(item, "content"), "");
    if (text.empty()) text = joined(array_at(item, "summary"), "\n\n");
    // Without its encrypted content it can only be found again where it was stored.
    message_.parts.emplace_back(ReasoningPart{std::move(text)}, make_state(dialect_, {{"item", item}}));
  }

  const Usage& usage_;
  const Dialect& dialect_;
  Message message_{Role::assistant, std::vector<Part>()};
  JsonArray tokens_;
  bool calls_ = false;
};

void read_status(Completion& completion, const JsonObject& body, const Usage& usage, const Dialect& dialect) {
  const auto status = text_at(body, "status");
  if (status == "completed" || status.empty()) return;
  if (status == "incomplete") {
    const auto* const details = object_at(body, "incomplete_details");
    const auto reason = details != nullptr ? text_at(*details, "reason") : std::string_view();
    completion.finish = reason == "max_output_tokens" ? FinishReason::length
                        : reason == "content_filter"  ? FinishReason::content_filter
                                                      : FinishReason::error;
    return;
  }
  if (status == "cancelled") {
    completion.finish = FinishReason::error;
    return;
  }
  throw Error(
      Errc::unavailable,
      std::format("{} sent a reply whose status is `{}`; ask for it without `background`", dialect.title, status),
      {.provider = std::string(dialect.name), .request_id = std::string(text_at(body, "id")), .usage = usage});
}

}  // namespace

Reply read_responses(const JsonObject& body, const Dialect& dialect) {
  throw_error_in(body, dialect);
  Reply reply;
  reply.id = text_at(body, "id");
  reply.model = text_at(body, "model");
  reply.usage.requests = 1;
  if (const auto* const usage = object_at(body, "usage")) reply.usage = responses_usage(*usage);
  const auto* const output = array_at(body, "output");
  if (output == nullptr) no_answer(body, reply.usage, dialect);
  OutputReader reader(reply.usage, dialect);
  for (const auto& item : *output)
    if (const auto* const object = item.if_object()) reader.item(*object);
  auto& completion = reply.completions.emplace_back(reader.completion());
  read_status(completion, body, reply.usage, dialect);
  // What only repeats the request is left out.
  auto rest = without(body, {"id",
                             "object",
                             "model",
                             "output",
                             "status",
                             "instructions",
                             "tools",
                             "tool_choice",
                             "parallel_tool_calls",
                             "temperature",
                             "top_p",
                             "max_output_tokens",
                             "max_tool_calls",
                             "reasoning",
                             "text",
                             "store",
                             "truncation",
                             "metadata",
                             "top_logprobs",
                             "user",
                             "previous_response_id",
                             "background",
                             "prompt_cache_key",
                             "safety_identifier",
                             "frequency_penalty",
                             "presence_penalty",
                             "prompt_cache_retention",
                             "output_text"});
  if (!reader.unread.empty()) rest["output"] = std::move(reader.unread);
  if (!rest.empty()) reply.provider_data = std::move(rest);
  return reply;
}

}  // namespace dspy::providers::openai

namespace dspy::providers {

const Protocol responses_protocol = {.write = openai::write_responses,
                                     .read = openai::read_responses,
                                     .reduce = openai::reduce_responses};

}  // namespace dspy::providers
