#include "llama/mask/constraint_cache.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama::mask {
namespace {

/// Whether a mask cannot tell the outputs apart: descriptions are for the prompt alone.
bool same_output(const Field& a, const Field& b) {
  return a.name == b.name && a.label == b.label && a.type == b.type && a.validators == b.validators;
}

/// Of inputs, masks know what begins a section.
bool same_input(const Field& a, const Field& b) {
  return a.name == b.name && a.label == b.label;
}

bool same(const Signature& a, const Signature& b) {
  return std::ranges::equal(a.outputs, b.outputs, same_output) && std::ranges::equal(a.inputs, b.inputs, same_input);
}

bool same(const OutputContract& a, const OutputContract& b) {
  if (a.form != b.form || a.literal_text != b.literal_text || a.may_think != b.may_think || a.choices != b.choices ||
      a.grammar != b.grammar)
    return false;
  if (a.signature == b.signature) return true;
  return a.signature != nullptr && b.signature != nullptr && same(*a.signature, *b.signature);
}

bool same(const std::shared_ptr<const ToolContract>& a, const std::shared_ptr<const ToolContract>& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

}  // namespace

std::optional<CompiledContract> ConstraintCache::known(const OutputContract& contract,
                                                       const std::shared_ptr<const ToolContract>& tools,
                                                       const std::shared_ptr<const Vocabulary>& vocabulary) {
  const std::scoped_lock lock(mutex_);
  const auto entry = std::ranges::find_if(entries_, [&](const Entry& each) {
    return each.vocabulary == vocabulary && same(each.contract, contract) && same(each.tools, tools);
  });
  if (entry == entries_.end()) return std::nullopt;
  if (entry->compiled.constraint->memory() > options_.memory) {
    entries_.erase(entry);  // a constraint grows while it is used, and can give nothing back: begin anew
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->compiled;
}

CompiledContract ConstraintCache::find(const OutputContract& contract, const std::shared_ptr<const ToolContract>& tools,
                                       const std::shared_ptr<const Vocabulary>& vocabulary) {
  if (auto compiled = known(contract, tools, vocabulary)) return *std::move(compiled);
  const std::scoped_lock one_at_a_time(compiling_);
  if (auto compiled = known(contract, tools, vocabulary)) return *std::move(compiled);
  auto grammar = compile(contract, tools.get());
  auto& pool = grammar.pool;
  const bool drops_blank =
      vocabulary->first_blank() == Vocabulary::FirstBlank::dropped && pool.derive(grammar.start, ' ') == Pool::nothing;
  if (drops_blank) grammar.start = pool.seq({pool.optional(pool.literal(" ")), grammar.start});
  CompiledContract compiled{.constraint = std::make_shared<Constraint>(std::move(pool), grammar.start, vocabulary),
                            .unenforced = std::move(grammar.unenforced),
                            .drops_first_blank = drops_blank};
  const std::scoped_lock lock(mutex_);
  entries_.push_front({contract, tools, vocabulary, compiled});
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
