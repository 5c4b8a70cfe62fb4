#include "llama/engine/sequence.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "llama/model/runtime.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <limits>
#include <random>
#include <utility>

namespace dspy::llama {
namespace {

constexpr auto npos = static_cast<std::size_t>(-1);
constexpr float nothing = -std::numeric_limits<float>::infinity();

Sampling with_seed(Sampling sampling) {
  if (!sampling.seed) {
    std::random_device device;
    sampling.seed = (std::uint64_t{device()} << 32) | device();
  }
  return sampling;
}

SamplerOptions options_of(const Generation& work, const Sampling& sampling) {
  auto options = SamplerOptions::from(with_seed(sampling));
  options.frequency_penalty = work.sampling.frequency_penalty.value_or(0);
  options.presence_penalty = work.sampling.presence_penalty.value_or(0);
  return options;
}

/// A reply that is held to a contract ends where that does: what opens the next turn of a conversation may stand in one
/// of its values.
std::vector<std::string> stops_of(const Model& model, std::vector<std::string> stops, bool held) {
  if (held) return stops;
  const auto& more = model.chat_template().stops();
  stops.insert(stops.end(), more.begin(), more.end());
  return stops;
}

/// So many tokens, or as many as there are, each output to come should have beside the fewest.
constexpr std::size_t most_reserve = 32;

bool is_text(const Type& type) {
  const auto kind = type.required().kind;
  return kind == Type::Kind::string || kind == Type::Kind::reasoning;
}

std::size_t most_reply_of(const Sampling& sampling) {
  return static_cast<std::size_t>(sampling.max_tokens.value_or(512));
}

}  // namespace

std::size_t Sequence::most_reply(const Generation& work, std::size_t room) noexcept {
  return std::min(most_reply_of(work.sampling), room + 1 - std::min(room, work.prompt.size()));
}

std::size_t Sequence::most_computed(const Generation& work, std::size_t room) noexcept {
  return std::min(work.prompt.size() + most_reply_of(work.sampling) - 1, room);  // the last token need not be
}

Sequence::Sequence(const Model& model, Generation work, mask::CompiledContract held, std::size_t room, Given given)
    : model_(&model),
      tokens_(std::move(work.prompt)),
      prompt_size_(tokens_.size()),
      room_(room),
      most_reply_(most_reply_of(work.sampling)),
      ignores_end_(work.ignores_end),
      named_(given.named.begin(), given.named.end()),
      thoughts_(work.thought_tokens),
      sampler_(options_of(work, work.sampling), model.suppressed(), work.bias),
      fields_(held.constraint ? work.contract : OutputContract{}),
      drops_first_blank_(held.constraint ? held.drops_first_blank : model.handle().facts().adds_space_prefix),
      stops_(stops_of(model, work.sampling.stop, held.constraint != nullptr)),
      loop_watch_(given.loop_tokens) {
  if (work.sampling.logprobs) most_likely_ = static_cast<std::size_t>(*work.sampling.logprobs);
  const auto& names = fields_.names();
  for (const auto& [name, temperature] : work.sampling.field_temperatures) {
    const auto field = std::ranges::find(names, name);
    if (field == names.end()) continue;
    auto sampling = work.sampling;
    sampling.temperature = temperature;
    field_samplers_.emplace(static_cast<std::size_t>(field - names.begin()),
                            Sampler(options_of(work, sampling), model.suppressed(), work.bias));
  }
  if (held.constraint) matcher_.emplace(std::move(held.constraint));
  if (given.scored) {
    scored_ = 0;
    tokens_.insert(tokens_.end(), given.tokens.begin(), given.tokens.end());
    return;
  }
  for (const auto token : given.tokens) {
    if (finished()) break;
    if (most_likely_) note(token, model_->piece(token), nullptr);
    early_ += take(token);
    ++forced_;
  }
  if (finished()) return;
  if (matcher_) {
    const auto least = matcher_->least();
    bounded_ = least <= left();
    const auto outputs = std::max<std::size_t>(fields_.names().size(), 1);
    if (bounded_) reserve_ = std::min(most_reserve, (left() - least) / (2 * outputs));
    if (bounded_ && work.contract.signature != nullptr) {
      for (const auto& field : work.contract.signature->outputs) is_text_.push_back(is_text(field.type));
    }
  }
  if (thoughts_.is_spent()) early_ += close_thoughts();
  early_ += take_forced();
}

void Sequence::reuse(std::size_t count) {
  computed_ = reused_ = std::min(count, tokens_.size());
}

std::string Sequence::accept(std::span<float> logits) {
  const auto reply = std::span<const Token>(tokens_).subspan(prompt_size_);
  const auto allowed = matcher_ ? matcher_->allowed() : nullptr;
  std::optional<Likelihoods> likely;
  if (most_likely_) likely.emplace(logits, allowed.get(), model_->suppressed());
  const auto own =
      field_samplers_.empty() ? field_samplers_.end() : field_samplers_.find(fields_.field().value_or(npos));
  auto& sampler = own != field_samplers_.end() ? own->second : sampler_;
  auto token = sampler.sample(logits, reply, allowed.get());
  if (!token) refuse(logits);

  auto text = std::exchange(early_, {});
  if (bounded_) token = within_budget(*token, sampler, logits);
  if (!token) return text + close_output() + take_forced();
  if (model_->ends_reply(*token) && (matcher_ || !ignores_end_)) return text + end(FinishReason::stop);
  if (likely) note(*token, model_->piece(*token), &*likely);
  text += take(*token);
  if (thoughts_.is_spent() && !finished()) text += close_thoughts();
  if (bounded_ && !finished() && loops()) text += close_output();
  return text + take_forced();
}

std::size_t Sequence::left() const noexcept {
  const auto most = std::min(prompt_size_ + most_reply_, room_ + 1);
  return most - std::min(most, tokens_.size());
}

/// The output that is being written, by number from one on; 0 for what comes before the first, or belongs to none.
std::size_t Sequence::output() const noexcept {
  return fields_.starts().size();
}

std::size_t Sequence::kept_for_later() const noexcept {
  return reserve_ * (fields_.names().size() - std::min(fields_.names().size(), output()));
}

/// The token, if the reply can be finished after it; else another that the model would choose there, or nothing.
std::optional<Token> Sequence::within_budget(Token token, Sampler& sampler, std::span<float> logits) {
  if (model_->ends_reply(token)) return token;
  auto budget = left() - std::min(left(), kept_for_later());
  if (!matcher_->fits(budget)) budget = std::min<std::size_t>(matcher_->least(), left());
  auto after = *matcher_;
  if (after.accept(token) && budget != 0 && after.fits(budget - 1)) return token;
  if (!std::ranges::contains(closed_, output())) closed_.push_back(output());
  return sampler.sample_again(logits, tokens_.size() - prompt_size_, matcher_->allowed_within(budget));
}

/// Whether the text of an output has come to repeat itself.
bool Sequence::loops() {
  const auto current = output();
  if (current == 0 || current > is_text_.size() || !is_text_[current - 1]) return false;
  if (std::exchange(watched_, current) != current) loop_watch_.begin();
  if (!loop_watch_.push(std::span<const Token>(tokens_).subspan(prompt_size_))) return false;
  looped_.push_back(current);
  loop_watch_.begin();
  return true;
}

/// Writes what ends the value of the output, with as few tokens as that takes; all of the rest if there is no room for
/// anything else.
std::string Sequence::close_output() {
  const auto current = output();
  std::string text;
  for (const auto token : matcher_->finish()) {
    if (most_likely_) note(token, model_->piece(token), nullptr);
    text += take(token);
    ++forced_;
    if (finished() || (output() != current && matcher_->fits(left()))) return text;
  }
  return text + end(FinishReason::stop);
}

/// Writes the tag that ends the thoughts, as a model would.
std::string Sequence::close_thoughts() {
  std::string text;
  for (const auto token : model_->mask_vocabulary()->tokenize(thoughts_.closing())) {
    if (finished()) break;
    if (matcher_ && !mask::Matcher(*matcher_).accept(token)) break;
    if (most_likely_) note(token, model_->piece(token), nullptr);
    text += take(token);
    ++forced_;
  }
  return text;
}

std::vector<std::string> Sequence::names(const std::vector<std::size_t>& outputs) const {
  std::vector<std::string> out;
  for (const auto output : outputs) out.push_back(output == 0 ? "" : fields_.names()[output - 1]);
  return out;
}

void Sequence::score(std::span<float> logits) {
  for (const auto token : model_->suppressed()) logits[static_cast<std::size_t>(token)] = nothing;
  const auto best = std::ranges::max_element(logits);
  const auto normalizer = static_cast<double>(log_normalizer(logits));
  if (!std::isfinite(normalizer)) refuse(logits);
  const auto token = tokens_[prompt_size_ + *scored_];
  const auto logprob = [&](float logit) { return std::min(0.0, static_cast<double>(logit) - normalizer); };
  TokenLogprob out{.text = std::string(model_->piece(token)),
                   .logprob = logprob(logits[static_cast<std::size_t>(token)])};
  out.top.emplace_back(model_->piece(static_cast<Token>(best - logits.begin())), logprob(*best));
  if (*scored_ == 0) {
    for (const auto each : named_)
      out.top.emplace_back(model_->piece(each), logprob(logits[static_cast<std::size_t>(each)]));
  }
  logprobs_.push_back(std::move(out));
  if (prompt_size_ + ++*scored_ == tokens_.size()) finish_ = FinishReason::stop;
}

/// Whether the reply can be finished after these tokens.
bool Sequence::leaves_room(std::span<const Token> tokens) const {
  if (tokens.size() > left()) return false;
  auto after = *matcher_;
  for (const auto token : tokens) after.accept(token);
  return after.fits(left() - tokens.size());
}

/// The tokens that must come, until there is a choice or the reply ends.
std::string Sequence::take_forced() {
  std::string text;
  while (matcher_ && !finished()) {
    const auto run = matcher_->forced();
    if (run->empty()) break;
    if (bounded_ && !leaves_room(*run)) break;  // fewer tokens for the same text are to be chosen
    for (const auto token : *run) {
      if (most_likely_) note(token, model_->piece(token), nullptr);
      text += take(token);
      ++forced_;
      if (finished()) break;
    }
  }
  return text;
}

std::string Sequence::take(Token token) {
  auto piece = model_->piece(token);
  thoughts_.push(piece);
  if (matcher_) {
    matcher_->accept(token);
    const auto field = fields_.push(piece);
    if (most_likely_ && field) logprobs_.back().field = fields_.names()[*field];
  }
  if (tokens_.size() == prompt_size_ && drops_first_blank_ && piece.starts_with(' ')) {
    piece.remove_prefix(1);
    dropped_ = 1;
  }
  tokens_.push_back(token);
  auto text = release(stops_.push(piece));
  if (stops_.stopped() || (matcher_ && matcher_->finished())) return text + end(FinishReason::stop);
  // The last token need not be computed, so a reply may be one token longer than the context.
  if (left() != 0) return text;
  if (bounded_ && !std::ranges::contains(closed_, output())) closed_.push_back(output());
  return text + end(FinishReason::length);
}

std::vector<ResumePoint> Sequence::resume_points() const {
  std::vector<ResumePoint> out;
  const auto starts = fields_.starts();
  out.reserve(starts.size());
  for (std::size_t i = 0; i < starts.size(); ++i)
    out.push_back({fields_.names()[i], starts[i] - std::min(starts[i], dropped_)});
  return out;
}

std::span<const Sequence::Drafted> Sequence::draft(std::size_t most) {
  draft_.clear();
  confirmed_ = 0;
  draft_matcher_ = matcher_;
  const auto room = most_computed() - std::min(most_computed(), tokens_.size());
  most_drafted_ = finished() ? 0 : std::min({most, draft_length_.next(), room});
  for (const auto token : look_up(tokens_, most_drafted_)) {
    if (guess(token) != 1) break;  // what must follow may differ from what came there
  }
  return draft_;
}

std::size_t Sequence::guess(Token token) {
  const auto before = draft_.size();
  if (!add_guess(token)) return 0;
  if (draft_matcher_) {
    for (const auto forced : *draft_matcher_->forced()) {
      if (!add_guess(forced)) break;
      draft_[draft_.size() - 2].asks = false;
    }
  }
  return draft_.size() - before;
}

/// A token is guessed only if the reply goes on after it: else nobody would ask for its scores.
bool Sequence::add_guess(Token token) {
  if (draft_.size() >= most_drafted_ || token < 0 || model_->ends_reply(token)) return false;
  if (draft_matcher_ && (!draft_matcher_->accept(token) || draft_matcher_->finished())) {
    most_drafted_ = draft_.size();
    return false;
  }
  draft_.push_back({token});
  return true;
}

bool Sequence::confirm() noexcept {
  while (computed_ < tokens_.size() && confirmed_ < draft_.size() && draft_[confirmed_].token == tokens_[computed_]) {
    ++computed_;
    ++confirmed_;
  }
  if (computed_ != tokens_.size() || confirmed_ == 0) return false;
  if (draft_[confirmed_ - 1].asks) return true;
  // What had to come did not, for lack of tokens: the last one is computed again, for its scores.
  if (!finished()) {
    --computed_;
    --confirmed_;
  }
  return false;
}

void Sequence::settle_draft() noexcept {
  draft_length_.observe(draft_.size(), confirmed_);
  draft_.clear();
  confirmed_ = 0;
}

/// For who asked how likely the tokens are.
void Sequence::note(Token token, std::string_view piece, const Likelihoods* likely) {
  TokenLogprob out{.text = std::string(piece), .forced = likely == nullptr};
  if (likely != nullptr) {
    out.logprob = likely->logprob(token);
    for (const auto& [other, logprob] : likely->top(*most_likely_)) out.top.emplace_back(model_->piece(other), logprob);
  }
  logprobs_.push_back(std::move(out));
}

/// Nothing could be sampled.
void Sequence::refuse(std::span<const float> logits) const {
  const bool broken = std::ranges::any_of(
      logits, [](float score) { return std::isnan(score) || score == std::numeric_limits<float>::infinity(); });
  if (!matcher_ || broken)
    throw Error(
        Errc::inference_failed,
        std::format("`{}` computed no usable scores for the next token; the file may be damaged, or the device faulty",
                    model_->name()),
        {.model = model_->name()});
  auto from = text_.size() - std::min<std::size_t>(text_.size(), 40);
  while (from < text_.size() && (static_cast<unsigned char>(text_[from]) & 0xC0) == 0x80) ++from;
  throw Error(Errc::invalid_parameter,
              std::format("the contract leaves `{}` no token to go on with after {}: what may come there is ruled "
                          "out by a bias or by the model file, or the model has no token for it; change the bias or "
                          "the contract, or switch constraints off (constrain=off)",
                          model_->name(), to_text(Json(text_.substr(from)))),
              {.model = model_->name()});
}

std::string Sequence::release(std::string_view bytes) {
  auto whole = characters_.push(bytes);
  text_ += whole;
  return whole;
}

std::string Sequence::end(FinishReason reason) {
  finish_ = reason;
  auto rest = release(stops_.finish());
  const auto cut = characters_.finish();
  text_ += cut;
  return rest + cut;
}

Usage Sequence::usage() const noexcept {
  return {.requests = 1,
          .prompt_tokens = prompt_size_,
          .completion_tokens = tokens_.size() - prompt_size_,
          .cache_read_tokens = std::min(reused_, prompt_size_)};
}

}  // namespace dspy::llama
