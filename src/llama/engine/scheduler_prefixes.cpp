// What callers ask of known prompts between steps: their states, to keep and to bring back.
#include "dspy/base/error.hpp"
#include "llama/engine/scheduler.hpp"

#include <format>

namespace dspy::llama {

PromptTree& Scheduler::tree() {
  context();
  if (!tree_)
    throw Error(Errc::invalid_parameter,
                std::format("`{}` keeps no prompts: {}", model_->name(),
                            options_.reuse ? "the memory of this kind of model cannot be shared in parts"
                                           : "its engine was made with reuse off"));
  return *tree_;
}

void Scheduler::require_files() const {
  if (options_.reproducible)
    throw Error(Errc::invalid_parameter,
                std::format("the engine of `{}` saves and loads no prefixes by hand while `reproducible` is on, since "
                            "they are not made of whole steps; name a prefix_directory instead",
                            model_->name()),
                {.model = model_->name()});
}

std::optional<std::vector<std::byte>> Scheduler::state_of(std::span<const Token> prefix) {
  require_files();
  auto& known = tree();
  const auto offer = known.reserve(spare(), prefix);
  std::optional<std::vector<std::byte>> state;
  if (offer.restore > free_cells()) known.make_room(offer.restore - free_cells());
  if (offer.length == prefix.size() && offer.restore <= free_cells() && known.take(spare()) == prefix.size())
    state = context_->save(spare());
  known.release(spare());
  context_->remove(spare(), 0, -1);
  return state;
}

bool Scheduler::make_known(std::span<const Token> prefix, std::span<const std::byte> state) {
  require_files();
  auto& known = tree();
  if (prefix.size() > free_cells()) known.make_room(prefix.size() - free_cells());
  const bool fits = prefix.size() <= free_cells() && context_->restore(spare(), state);
  const bool kept = fits && known.give(spare(), prefix, free_cells()) == prefix.size();
  known.release(spare());
  context_->remove(spare(), 0, -1);
  return kept;
}

}  // namespace dspy::llama
