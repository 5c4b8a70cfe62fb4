#include "llama/engine/admission.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/text.hpp"
#include "llama/lora/lora_cache.hpp"
#include "llama/mask/contract.hpp"
#include "llama/mask/matcher.hpp"
#include "llama/media/senses.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <format>
#include <utility>

namespace dspy::llama {
namespace {

using Form = OutputContract::Form;

bool names_outputs(Form form) {
  return form == Form::fields || form == Form::markers || form == Form::json || form == Form::xml;
}

/// Whether the reply is held to its contract.
bool is_held(const Generation& work) {
  const auto& contract = work.contract;
  if (work.constrain == Constrain::off) return false;
  if (contract.form == Form::text) return work.tools != nullptr;
  return !names_outputs(contract.form) || contract.signature != nullptr;
}

}  // namespace

bool Admission::is_quick(const Generation& work) {
  if (!is_held(work)) return true;
  // A model's vocabulary is prepared for masks when it is first asked for.
  return has_vocabulary_.load(std::memory_order_acquire) &&
         contracts_.known(work.contract, work.tools, model_->mask_vocabulary()).has_value();
}

Job Admission::prepare(Generation work, bool streams) {
  auto given = work.prefill.empty() ? std::vector<Token>{} : model_->tokenize(work.prefill);
  check(work, given);
  auto held = hold(work);
  if (held.constraint) {
    const auto least = require_kept(held.constraint, given);
    require_budget(work, given.size(), least);
  }
  return job(std::move(work), std::move(held), std::move(given), streams);
}

Job Admission::prepare(Scoring scoring) const {
  if (scoring.continuation.empty() && scoring.named.empty())
    throw Error(Errc::invalid_parameter, "the continuation is empty; give the model something to find likely or not");
  require_tokens(scoring.named, "list of named tokens");
  // Named tokens are looked up where a first token is scored.
  if (scoring.continuation.empty()) scoring.continuation.push_back(scoring.named.front());
  Generation work{.prompt = std::move(scoring.prompt),
                  .sampling = {.max_tokens = static_cast<int>(scoring.continuation.size()), .temperature = 0},
                  .deadline = scoring.deadline,
                  .stop = std::move(scoring.stop),
                  .loras = std::move(scoring.loras),
                  .priority = scoring.priority};
  check(work, scoring.continuation);
  auto result = job(std::move(work), {}, std::move(scoring.continuation), false);
  result.scores = true;
  result.named = std::move(scoring.named);
  return result;
}

Job Admission::job(Generation work, mask::CompiledContract held, std::vector<Token> given, bool streams) const {
  Job result{.work = std::move(work),
             .held = std::move(held),
             .streams = streams,
             .queued_at = Job::Clock::now(),
             .mailbox = std::make_shared<Mailbox>(),
             .given = std::move(given)};
  result.adapters = model_->loras().load(*model_, result.work.loras);
  result.media = media_of(result.work.prompt);
  return result;
}

/// The pictures and sounds of a prompt, each of which must be there as a whole.
std::vector<std::shared_ptr<const Medium>> Admission::media_of(std::span<const Token> prompt) const {
  std::vector<std::shared_ptr<const Medium>> media;
  for (std::size_t i = 0; i < prompt.size();) {
    if (!is_media(prompt[i])) {
      ++i;
      continue;
    }
    auto [medium, piece] = model_->senses() != nullptr ? model_->senses()->find(prompt[i]) : Senses::Found();
    const auto size = piece != nullptr ? static_cast<std::size_t>(piece->count) : 0;
    if (piece == nullptr || prompt[i] != piece->first || prompt.size() - i < size ||
        prompt[i + size - 1] != piece->last())
      throw Error(Errc::invalid_parameter,
                  std::format("the prompt has a part of a picture or sound at token {} that `{}` does not know, or no "
                              "longer knows; build the prompt again",
                              i, model_->name()),
                  {.position = i, .model = model_->name()});
    const auto at_once = options_->micro_batch > 0 ? std::min(options_->micro_batch, options_->batch) : options_->batch;
    if (!piece->causal && piece->count > at_once)
      throw Error(Errc::invalid_parameter,
                  std::format("a picture takes `{}` {} tokens, which it reads at once, and batch is {}; raise batch to "
                              "{} or more",
                              model_->name(), piece->count, at_once, piece->count),
                  {.actual = size, .max = static_cast<std::uint64_t>(at_once), .model = model_->name()});
    media.push_back(std::move(medium));
    i += size;
  }
  if (media.empty()) return media;
  if (is_media(prompt.back()))
    throw Error(Errc::invalid_parameter, "the prompt ends with a picture or sound; let some text follow it");
  if (options_->reproducible)
    throw Error(Errc::unsupported,
                std::format("the engine of `{}` reads no pictures and no sounds while `reproducible` is on; switch it "
                            "off",
                            model_->name()),
                {.model = model_->name(), .feature = "images"});
  return media;
}

void Admission::check(const Generation& work, std::span<const Token> given) const {
  validate(work.sampling);
  if (work.thought_tokens && *work.thought_tokens < 0)
    throw Error(Errc::invalid_parameter,
                std::format("thought_tokens is {}; it must be at least 0", *work.thought_tokens));
  const auto most = static_cast<std::size_t>(options_->context_length);
  if (std::ranges::any_of(work.bias, [](const TokenBias& each) { return !(each.bias < HUGE_VALF); }))
    throw Error(Errc::invalid_parameter, "a bias is not a number; give finite ones, or minus infinity");
  if (work.prompt.empty())
    throw Error(Errc::invalid_parameter, "the prompt is empty; give the model something to read");
  if (work.prompt.size() > most)
    throw Error(Errc::context_too_long,
                std::format("the prompt has {} tokens and `{}` reads {}; shorten it{}", work.prompt.size(),
                            model_->name(), most,
                            options_->context_length >= model_->context_length() ? ""
                            : options_->context_length < options_->kv_tokens     ? ", or raise context_length"
                            : options_->kv_bytes > 0                             ? ", or raise kv_bytes"
                                                     : ", or raise context_length or kv_tokens"),
                {.actual = work.prompt.size(), .max = most, .model = model_->name()});
  // The last token need not be computed.
  if (!given.empty() && work.prompt.size() + given.size() > most + 1)
    throw Error(Errc::context_too_long,
                std::format("the prompt and its continuation have {} tokens and `{}` reads {}; shorten one of them, or "
                            "raise context_length",
                            work.prompt.size() + given.size(), model_->name(), most),
                {.actual = work.prompt.size() + given.size(), .max = most, .model = model_->name()});
  require_tokens(work.prompt, "prompt");
  require_tokens(given, "continuation");
}

void Admission::require_tokens(std::span<const Token> tokens, std::string_view what) const {
  for (const auto token : tokens) {
    if (is_media(token) && model_->senses() != nullptr) continue;  // looked at later
    if (token < 0 || token >= model_->vocabulary_size())
      throw Error(Errc::invalid_parameter, std::format("the {} has a token {}; `{}` has {}", what, token,
                                                       model_->name(), model_->vocabulary_size()));
  }
}

std::size_t Admission::require_kept(std::shared_ptr<mask::Constraint> constraint, std::span<const Token> given) const {
  mask::Matcher matcher(std::move(constraint));
  std::size_t kept = 0;
  for (const auto token : given) {
    if (matcher.finished() || !matcher.accept(token))
      throw Error(Errc::invalid_parameter,
                  std::format("`prefill` breaks the contract after {} bytes; give the beginning of a reply that "
                              "keeps it, or switch constraints off (constrain=off)",
                              kept),
                  {.position = kept, .model = model_->name()});
    kept += model_->piece(token).size();
  }
  return matcher.least();
}

void Admission::require_budget(const Generation& work, std::size_t given, std::size_t least) const {
  if (least == mask::Constraint::endless) return;
  const auto most = Sequence::most_reply(work, static_cast<std::size_t>(options_->context_length));
  least += given;
  if (least <= most) return;
  const auto asked = static_cast<std::size_t>(work.sampling.max_tokens.value_or(512));
  if (most == asked)
    throw Error(Errc::invalid_parameter,
                std::format("max_tokens is {}, but the shortest reply that keeps the contract takes `{}` {} tokens; "
                            "raise max_tokens to at least {}, or simplify the contract",
                            most, model_->name(), least, least),
                {.actual = least, .max = most, .model = model_->name()});
  throw Error(Errc::context_too_long,
              std::format("behind a prompt of {} tokens there is room for {} more in the context of `{}`, and the "
                          "shortest reply that keeps the contract takes {}; shorten the prompt, raise "
                          "context_length, or ask for less",
                          work.prompt.size(), most, model_->name(), least),
              {.actual = work.prompt.size() + least, .max = work.prompt.size() + most, .model = model_->name()});
}

mask::CompiledContract Admission::hold(const Generation& work) {
  if (!is_held(work)) return {};
  const auto& contract = work.contract;
  mask::CompiledContract compiled;
  try {
    const auto vocabulary = model_->mask_vocabulary();
    has_vocabulary_.store(true, std::memory_order_release);
    compiled = contracts_.find(contract, work.tools, vocabulary);
  } catch (const Error& error) {
    if (work.constrain == Constrain::strict || !names_outputs(contract.form)) throw;
    log(LogLevel::warning, "llama", std::format("a reply of `{}` is written free: {}", model_->name(), error.what()));
    return {.unenforced = {{.part = "the whole contract", .reason = error.what()}}};
  }
  if (work.constrain == Constrain::strict && !compiled.unenforced.empty())
    throw Error(Errc::invalid_parameter,
                std::format("the contract cannot be enforced as strictly as requested: {}; change it, or enforce only "
                            "what can be enforced (constrain=on)",
                            text::enumerate(mask::descriptions(compiled.unenforced), "", "and")),
                {.model = model_->name()});
  return compiled;
}

}  // namespace dspy::llama
