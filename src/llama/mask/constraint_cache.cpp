#include "llama/mask/constraint_cache.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama::mask {
namespace {

bool same(const OutputContract& a, const OutputContract& b) {
  if (a.form != b.form || a.literal_text != b.literal_text || a.may_think != b.may_think || a.choices != b.choices ||
      a.grammar != b.grammar)
    return false;
  if (a.signature == b.signature) return true;
  return a.signature != nullptr && b.signature != nullptr && *a.signature == *b.signature;
}

}  // namespace

CompiledContract ConstraintCache::find(const OutputContract& contract,
                                       const std::shared_ptr<const Vocabulary>& vocabulary) {
  const std::scoped_lock lock(mutex_);
  const auto known = std::ranges::find_if(
      entries_, [&](const Entry& entry) { return entry.vocabulary == vocabulary && same(entry.contract, contract); });
  if (known != entries_.end() && known->compiled.constraint->memory() > options_.memory) {
    entries_.erase(known);  // a constraint grows while it is used, and can give nothing back: begin anew
  } else if (known != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, known);
    return known->compiled;
  }
  auto grammar = compile(contract);
  auto& pool = grammar.pool;
  const bool drops_blank =
      vocabulary->first_blank() == Vocabulary::FirstBlank::dropped && pool.derive(grammar.start, ' ') == Pool::nothing;
  if (drops_blank) grammar.start = pool.seq({pool.optional(pool.literal(" ")), grammar.start});
  CompiledContract compiled{.constraint = std::make_shared<Constraint>(std::move(pool), grammar.start, vocabulary),
                            .unheld = std::move(grammar.unheld),
                            .drops_first_blank = drops_blank};
  entries_.push_front({contract, vocabulary, compiled});
  drop_oldest();
  return compiled;
}

/// Goes by what the others hold by now: a constraint grows while it is used.
void ConstraintCache::drop_oldest() {
  std::size_t memory = 0;
  for (const auto& entry : entries_) memory += entry.compiled.constraint->memory();
  while (entries_.size() > 1 && (entries_.size() > options_.contracts || memory > options_.memory)) {
    memory -= std::min(memory, entries_.back().compiled.constraint->memory());
    entries_.pop_back();
  }
}

std::size_t ConstraintCache::size() const {
  const std::scoped_lock lock(mutex_);
  return entries_.size();
}

}  // namespace dspy::llama::mask
