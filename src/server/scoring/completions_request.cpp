#include "server/openai/openai.hpp"
#include "server/protocols/members.hpp"
#include "server/scoring/completions.hpp"
#include "server/scoring/tokens.hpp"

#include <utility>

namespace dspy::server::scoring {
namespace {

void read_prompts(Members& body, CompletionsAsked& out) {
  const auto& given = body.require("prompt");
  if (given.is_string()) {
    out.prompts.emplace_back(std::string(view(given.get_string())));
    return;
  }
  if (!given.is_array() || given.get_array().empty()) wrong("prompt", "must be a text, tokens, or a list of them");
  const auto& list = given.get_array();
  if (list.front().is_number()) {
    out.prompts.emplace_back(read_tokens(list, "prompt"));
    return;
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto place = indexed("prompt", i);
    if (list[i].is_string())
      out.prompts.emplace_back(std::string(view(list[i].get_string())));
    else if (list[i].is_array())
      out.prompts.emplace_back(read_tokens(list[i].get_array(), place));
    else
      wrong(place, "must be a text or a list of tokens");
  }
}

}  // namespace

CompletionsAsked read_completions(const JsonObject& object) {
  Members body(object);
  CompletionsAsked out{.model = body.required_text("model")};
  read_prompts(body, out);
  openai::read_sampling(body, out.sampling);
  out.sampling.max_tokens = body.count("max_tokens").value_or(16);  // OpenAI's default
  out.sampling.stop = openai::read_stops(body, "stop");
  out.n = static_cast<int>(body.whole("n", 1, 128).value_or(1));
  out.echo = body.flag("echo").value_or(false);
  out.adds_special = body.flag("add_special_tokens").value_or(true);
  if (const auto logprobs = body.whole("logprobs", 0, 100)) out.logprobs = static_cast<int>(*logprobs);
  if (const auto* const ids = body.list("logprob_token_ids")) out.token_ids = read_tokens(*ids, "logprob_token_ids");
  out.tokens_as_ids = body.flag("return_tokens_as_token_ids").value_or(false);
  out.is_stream = body.flag("stream").value_or(false);
  if (const auto* const given = body.object("stream_options")) {
    Members stream(*given, "stream_options");
    out.wants_usage = stream.flag("include_usage").value_or(false);
    stream.ignore({"include_obfuscation"});
    stream.finish();
  }
  if (!out.token_ids.empty() && (out.sampling.max_tokens != 1 || out.is_stream))
    not_honoured("logprob_token_ids", "it needs `max_tokens`: 1, and no `stream`");
  if (out.echo && out.logprobs.value_or(0) > 0)
    not_honoured("logprobs", "with `echo`, only the prompt's own tokens have probabilities: ask for 0");
  if (out.is_stream && (out.prompts.size() != 1 || out.n != 1 || out.echo || out.logprobs))
    not_honoured("stream", "one prompt, one reply, and no `echo` or `logprobs`");
  body.expect("best_of", {out.n}, "every reply that is written is returned");
  body.expect("suffix", {""}, "text is not written into a gap");
  body.expect("logit_bias", {JsonObject()}, "ask /v1/chat/completions with a schema");
  openai::ignore_common(body);
  body.finish();
  return out;
}

}  // namespace dspy::server::scoring
