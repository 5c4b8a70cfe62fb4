#include "server/scoring/completions_reply.hpp"

#include "server/openai/openai.hpp"
#include "server/protocols/common.hpp"

#include <format>
#include <string_view>

namespace dspy::server::scoring {
namespace {

/// OpenAI's older form: lists side by side.
class Logprobs {
 public:
  Logprobs(const CompletionsAsked& asked, const llama::Model& model) : asked_(asked), model_(model) {}

  void add(llama::Token token, const Json& logprob) {
    add_named(asked_.tokens_as_ids ? name_of(token) : shown(model_.piece(token)), model_.piece(token), logprob,
              nullptr);
  }

  /// The reply ended at once; what was asked about still has its likelihoods.
  void add_nothing(const std::vector<std::pair<llama::Token, double>>& named) {
    add_named("", "", nullptr, top_of({}, named));
  }

  void add(const TokenLogprob& token, const std::vector<std::pair<llama::Token, double>>& named) {
    add_named(text_of(token.text), token.text, token.logprob, top_of(token.top, named));
  }

  JsonObject take() {
    return {{"tokens", std::move(tokens_)},
            {"token_logprobs", std::move(logprobs_)},
            {"top_logprobs", std::move(top_)},
            {"text_offset", std::move(offsets_)}};
  }

 private:
  Json top_of(const std::vector<std::pair<std::string, double>>& likeliest,
              const std::vector<std::pair<llama::Token, double>>& named) const {
    JsonObject top;
    for (const auto& [text, logprob] : likeliest) top[text_of(text)] = logprob;
    for (const auto& [id, logprob] : named) top[asked_.tokens_as_ids ? name_of(id) : shown(model_.piece(id))] = logprob;
    return top.empty() ? Json(nullptr) : Json(std::move(top));
  }

  static std::string name_of(llama::Token token) { return std::format("token_id:{}", token); }

  /// Replies tell the bytes of tokens, not their numbers: those are the number's only where no other token has them.
  std::string text_of(std::string_view bytes) const {
    if (!asked_.tokens_as_ids) return shown(bytes);
    std::optional<llama::Token> found;
    for (llama::Token token = 0; token < model_.vocabulary_size(); ++token) {
      if (model_.piece(token) != bytes) continue;
      if (found) return shown(bytes);
      found = token;
    }
    return found ? name_of(*found) : shown(bytes);
  }

  void add_named(std::string name, std::string_view bytes, const Json& logprob, Json top) {
    tokens_.push_back(JsonString(name));
    logprobs_.push_back(logprob);
    top_.push_back(std::move(top));
    offsets_.push_back(offset_);
    offset_ += bytes.size();
  }

  const CompletionsAsked& asked_;
  const llama::Model& model_;
  JsonArray tokens_, logprobs_, top_, offsets_;
  std::size_t offset_ = 0;
};

}  // namespace

JsonObject choice_of(const Continuation& each, const CompletionsAsked& asked, const llama::Model& model,
                     std::size_t index) {
  Json logprobs;
  if (asked.logprobs || !asked.token_ids.empty()) {
    Logprobs out(asked, model);
    if (each.prompt_logprobs) {
      for (std::size_t i = 0; i < each.prompt.size(); ++i)
        out.add(each.prompt[i], i == 0 ? Json(nullptr) : Json((*each.prompt_logprobs)[i - 1]));
    }
    if (each.reply.logprobs.empty() && !each.named.empty()) {
      out.add_nothing(each.named);
    }
    for (const auto& token : each.reply.logprobs) out.add(token, each.named);
    logprobs = out.take();
  }
  return {{"text", (asked.echo ? each.prompt_text : std::string()) + each.reply.text},
          {"index", index},
          {"logprobs", std::move(logprobs)},
          {"finish_reason", openai::finish_reason_of(each.reply)}};
}

}  // namespace dspy::server::scoring
