#include "llama/sequence.hpp"

#include "dspy/base/error.hpp"
#include "llama/runtime.hpp"

#include <algorithm>
#include <format>
#include <random>

namespace dspy::llama {
namespace {

Sampling with_seed(Sampling sampling) {
  if (!sampling.seed) {
    std::random_device device;
    sampling.seed = (std::uint64_t{device()} << 32) | device();
  }
  return sampling;
}

SamplerOptions options_of(const Generation& work) {
  auto options = SamplerOptions::from(with_seed(work.sampling));
  options.frequency_penalty = work.frequency_penalty;
  options.presence_penalty = work.presence_penalty;
  return options;
}

std::vector<std::string> all_stops(const Model& model, std::vector<std::string> stops) {
  const auto& more = model.chat_template().stops();
  stops.insert(stops.end(), more.begin(), more.end());
  return stops;
}

std::size_t most_reply_of(const Sampling& sampling) {
  return static_cast<std::size_t>(sampling.max_tokens.value_or(512));
}

}  // namespace

std::size_t Sequence::most_computed(const Generation& work, std::size_t room) noexcept {
  return std::min(work.prompt.size() + most_reply_of(work.sampling) - 1, room);  // the last token need not be
}

Sequence::Sequence(const Model& model, Generation work, std::size_t room)
    : model_(&model),
      tokens_(std::move(work.prompt)),
      prompt_size_(tokens_.size()),
      room_(room),
      most_reply_(most_reply_of(work.sampling)),
      ignores_end_(work.ignores_end),
      sampler_(options_of(work), model.suppressed(), std::move(work.bias)),
      stops_(all_stops(model, work.sampling.stop)) {}

void Sequence::reuse(std::size_t count) {
  computed_ = reused_ = count;
}

std::string Sequence::accept(std::span<float> logits) {
  const auto reply = std::span<const Token>(tokens_).subspan(prompt_size_);
  const auto token = sampler_.sample(logits, reply);
  if (!token)
    throw Error(
        Errc::inference_failed,
        std::format("`{}` computed no usable scores for the next token; the file may be damaged, or the device faulty",
                    model_->name()),
        {.model = model_->name()});
  if (model_->ends_reply(*token) && !ignores_end_) return end(FinishReason::stop);

  auto piece = model_->piece(*token);
  if (reply.empty() && model_->handle().facts().adds_space_prefix && piece.starts_with(' ')) piece.remove_prefix(1);
  tokens_.push_back(*token);
  auto text = release(stops_.push(piece));
  if (stops_.stopped()) return text + end(FinishReason::stop);
  // The last token need not be computed, so a reply may be one token longer than the context.
  if (tokens_.size() - prompt_size_ >= most_reply_ || tokens_.size() > room_) return text + end(FinishReason::length);
  return text;
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
          .cached_tokens = reused_};
}

}  // namespace dspy::llama
