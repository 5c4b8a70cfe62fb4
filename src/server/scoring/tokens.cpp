#include "server/scoring/tokens.hpp"

#include "dspy/base/error.hpp"
#include "server/openai/openai.hpp"
#include "server/protocols/common.hpp"

#include <limits>
#include <utility>

namespace dspy::server::scoring {
namespace {

std::vector<llama::Token> chat_tokens(const LocalModel& model, Members& body) {
  // The rest of a chat request is not about its prompt.
  JsonObject chat{{"model", "tokens"}, {"messages", body.require("messages")}};
  if (const auto* const tools = body.find("tools")) chat["tools"] = *tools;
  const auto asked = openai::read_chat(chat);
  const bool adds_prompt = body.flag("add_generation_prompt").value_or(true);
  const bool goes_on = body.flag("continue_final_message").value_or(false);
  body.expect("add_special_tokens", {false}, "a chat template writes the special tokens itself");
  body.expect("chat_template", {}, "a model's chat template is its own");
  if (goes_on && adds_prompt) wrong("continue_final_message", "cannot be true beside `add_generation_prompt`");
  if (adds_prompt) return model.tokens_of(asked.request);
  return model.tokens_of_begun(asked.request, !goes_on);
}

}  // namespace

std::vector<llama::Token> read_tokens(const JsonArray& list, std::string_view place) {
  std::vector<llama::Token> out;
  out.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    boost::system::error_code failure;
    const auto number = list[i].to_number<std::int64_t>(failure);
    if (failure || number < 0 || number > std::numeric_limits<llama::Token>::max())
      wrong(indexed(place, i), "must be the number of a token");
    out.push_back(static_cast<llama::Token>(number));
  }
  return out;
}

JsonObject tokenize(const LocalModel& model, Members& body) {
  std::vector<llama::Token> tokens;
  if (const auto prompt = body.text("prompt"))
    tokens = model.tokens_of_text(*prompt, body.flag("add_special_tokens").value_or(true));
  else
    tokens = chat_tokens(model, body);
  const bool wants_texts = body.flag("return_token_strs").value_or(false);
  body.finish();
  JsonObject out{{"count", tokens.size()},
                 {"max_model_len", model.context_length()},
                 {"tokens", JsonArray(tokens.begin(), tokens.end())},
                 {"token_strs", nullptr}};
  if (wants_texts) {
    auto& texts = out["token_strs"].emplace_array();
    for (const auto token : tokens) texts.push_back(JsonString(shown(model.model().piece(token))));
  }
  return out;
}

JsonObject detokenize(const LocalModel& model, Members& body) {
  const auto* const list = body.list("tokens");
  if (list == nullptr) wrong("tokens", "is required");
  const auto tokens = read_tokens(*list, "tokens");
  model.require_tokens(tokens, "tokens");
  body.finish();
  return {{"prompt", shown(model.model().detokenize(tokens))}};
}

}  // namespace dspy::server::scoring
