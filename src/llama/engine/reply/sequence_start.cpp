// How a reply begins: its options, what it is given, and what must come before there is a choice.
#include "llama/engine/reply/sequence.hpp"
#include "llama/model/runtime.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>

namespace dspy::llama {
namespace {

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

/// Tokens that are kept for each output to come beyond the fewest that it needs, if there are as many.
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

}  // namespace dspy::llama
