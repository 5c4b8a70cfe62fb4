#include "llama/engine/reply/drafter.hpp"

#include "dspy/base/error.hpp"
#include "llama/prefixes/prompt_tree.hpp"
#include "llama/sampling/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <limits>
#include <utility>

namespace dspy::llama {
namespace {

/// A guess that the model finds less likely than this would be dropped more often than not.
constexpr float least_probability = 0.5F;

/// The likeliest token that is allowed, if it is likely enough.
std::optional<Token> sure_guess(std::span<float> logits, const mask::Mask* allowed) {
  if (allowed != nullptr) {
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (!allowed->allows(static_cast<Token>(i))) logits[i] = -std::numeric_limits<float>::infinity();
    }
  }
  const auto best = std::ranges::max_element(logits);
  const auto normalizer = log_normalizer(logits);
  if (!std::isfinite(normalizer) || *best - normalizer < std::log(least_probability)) return std::nullopt;
  return static_cast<Token>(best - logits.begin());
}

}  // namespace

void require_same_tokens(const Model& model, const Model& draft) {
  const auto refuse = [&](const std::string& difference) {
    throw Error(Errc::invalid_parameter,
                std::format("`{}` cannot guess for `{}`: {}; name a smaller model of the same family", draft.name(),
                            model.name(), difference),
                {.model = draft.name()});
  };
  if (!draft.handle().facts().has_decoder || !draft.handle().facts().memory_has_parts)
    refuse("it writes no text that parts can be taken back of");
  if (draft.vocabulary_size() != model.vocabulary_size())
    refuse(std::format("it has {} tokens, not {}", draft.vocabulary_size(), model.vocabulary_size()));
  for (Token token = 0; token < model.vocabulary_size(); ++token) {
    if (draft.handle().piece(token) != model.handle().piece(token) ||
        draft.ends_reply(token) != model.ends_reply(token))
      refuse(std::format("its token {} is another one", token));
  }
}

Drafter::Drafter(const Model& draft, const EngineOptions& options)
    : context_(draft.handle().new_context({.context_length = options.kv_tokens,
                                           .batch = options.batch,
                                           .sequences = options.sequences,
                                           .outputs = options.sequences,
                                           .threads = options.threads})),
      batch_size_(static_cast<std::size_t>(std::min(options.batch, context_->batch()))),
      cells_(static_cast<std::size_t>(std::min(options.kv_tokens, context_->context_length()))),
      longest_(draft.context_length() > 0 ? static_cast<std::size_t>(draft.context_length()) : cells_),
      known_(static_cast<std::size_t>(options.sequences)) {}

void Drafter::forget(int id, std::size_t from) {
  auto& known = known_[static_cast<std::size_t>(id)];
  if (from >= known.size()) return;
  context_->remove(id, static_cast<int>(from), -1);
  used_ -= known.size() - from;
  known.resize(from);
}

void Drafter::append(int id, Token token, bool asks) {
  auto& known = known_[static_cast<std::size_t>(id)];
  batch_.push_back({.token = token, .position = static_cast<int>(known.size()), .sequence = id, .output = asks});
  known.push_back(token);
  ++used_;
}

/// What nobody wishes guesses for goes first.
void Drafter::make_room(std::size_t tokens, std::span<const Wish> wishes) {
  for (int id = 0; cells_ - used_ < tokens && id < static_cast<int>(known_.size()); ++id) {
    if (!std::ranges::contains(wishes, id, &Wish::id)) forget(id, 0);
  }
}

/// Into the batch: what is not read yet of the replies.  Returns those that are read to their end then.
std::vector<Drafter::Active> Drafter::read(std::span<const Wish> wishes) {
  std::vector<Active> active;
  for (const auto& wish : wishes) {
    const auto tokens = wish.sequence->tokens();
    const auto& known = known_[static_cast<std::size_t>(wish.id)];
    // Of the last one, the scores are wanted, so it is computed again.
    forget(wish.id, std::min(common_prefix(known, tokens), tokens.size() - 1));
    const auto need = tokens.size() - known.size() + wish.most;
    if (tokens.size() + wish.most > longest_) continue;
    if (cells_ - used_ < need) make_room(need, wishes);
    if (cells_ - used_ < need) continue;
    while (known.size() < tokens.size() && batch_.size() < batch_size_)
      append(wish.id, tokens[known.size()], known.size() + 1 == tokens.size());
    if (known.size() == tokens.size()) active.push_back({&wish, static_cast<int>(batch_.size()) - 1});
  }
  return active;
}

/// False if the batch could not be computed; then nothing is known any more.
bool Drafter::compute() {
  const bool done = batch_.empty() || context_->decode(batch_) == DecodeStatus::ok;
  batch_.clear();
  if (done) return true;
  context_->clear();
  for (auto& known : known_) known.clear();
  used_ = 0;
  return false;
}

void Drafter::guess(std::span<const Wish> wishes) {
  batch_.clear();
  auto active = read(wishes);
  while (!batch_.empty()) {
    if (!compute()) return;
    std::vector<Active> next;
    for (const auto& [wish, row] : active) {
      auto& sequence = *wish->sequence;
      const auto token = sure_guess(context_->logits(row), sequence.may_guess().get());
      const auto before = sequence.drafted().size();
      const auto count = token ? sequence.guess(*token) : 0;
      if (count == 0 || before + count >= wish->most || batch_.size() + count > batch_size_) continue;
      for (const auto& drafted : sequence.drafted().subspan(before)) append(wish->id, drafted.token, false);
      batch_.back().output = true;
      next.push_back({wish, static_cast<int>(batch_.size()) - 1});
    }
    active = std::move(next);
  }
}

}  // namespace dspy::llama
