#include "server/scoring/local_model.hpp"

#include "dspy/base/error.hpp"
#include "llama/model/runtime.hpp"
#include "server/protocols/members.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <utility>

namespace dspy::server {

LocalModel::LocalModel(const ServedModel& served)
    : keeps_(served.lm), lm_(dynamic_cast<const LlamaLM*>(served.lm.get())) {
  if (lm_ == nullptr)
    throw Error(Errc::unsupported,
                std::format("the tokens of `{}` are not known here: it is not a model file that this server has loaded",
                            served.name),
                {.feature = "model"});
  if (lm_->fingerprint().contains(":lora="))
    throw Error(Errc::unsupported,
                std::format("`{}` runs with LoRA adapters, and a text without a chat would not; serve the model itself "
                            "under another name",
                            served.name),
                {.feature = "model"});
}

std::vector<llama::Token> LocalModel::tokens_of_text(std::string_view text, bool adds_special) const {
  auto out = model().tokenize_with_control(text);
  const auto& facts = model().handle().facts();
  if (adds_special && facts.adds_bos && facts.bos >= 0 && (out.empty() || out.front() != facts.bos))
    out.insert(out.begin(), facts.bos);
  return out;
}

std::vector<llama::Token> LocalModel::tokens_of(const Request& request) const {
  return lm_->prompt_for_request(request);
}

std::vector<llama::Token> LocalModel::tokens_of_begun(const Request& request, bool is_closed) const {
  const auto& chat = request.messages;
  if (chat.empty() || chat.back().role != Role::assistant || chat.back().only_text() == nullptr)
    not_honoured("add_generation_prompt", "it can be false only where the last message is a text of the assistant");
  auto before = request;
  before.messages = {};
  for (std::size_t i = 0; i + 1 < chat.size(); ++i) before.messages.push_back(chat[i]);
  auto out = tokens_of(before);
  const auto add = [&](const std::vector<llama::Token>& more) { out.insert(out.end(), more.begin(), more.end()); };
  add(model().tokenize(*chat.back().only_text()));
  if (is_closed) add(model().tokenize_with_control(model().chat_template().turn_end()));
  return out;
}

void LocalModel::require_tokens(std::span<const llama::Token> tokens, std::string_view place) const {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= model().vocabulary_size())
      wrong(indexed(place, i), std::format("is not a token: they go from 0 to {}", model().vocabulary_size() - 1));
  }
}

}  // namespace dspy::server
