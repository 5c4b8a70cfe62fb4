#include "dspy/agents/memory/blocks.hpp"

#include "dspy/agents/tool.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <functional>
#include <mutex>
#include <utility>

namespace dspy {

struct MemoryBlocks::State {
  mutable std::mutex mutex;
  std::vector<MemoryBlock> blocks;

  /// Under the lock.
  MemoryBlock& writable(std::string_view name) {
    const auto found = std::ranges::find(blocks, name, &MemoryBlock::name);
    if (found == blocks.end()) {
      std::vector<std::string> names;
      for (const auto& block : blocks) names.push_back(block.name);
      throw Error(Errc::bad_input,
                  std::format("there is no block `{}`; there are {}", name, text::enumerate(names, "`", "and")));
    }
    if (found->read_only) throw Error(Errc::bad_input, std::format("the block `{}` can only be read", name));
    return *found;
  }

  static void set(MemoryBlock& block, std::string text) {
    if (text.size() > block.limit)
      throw Error(Errc::bad_input, std::format("the block `{}` would have {} bytes, where {} fit; shorten it first",
                                               block.name, text.size(), block.limit));
    block.text = std::move(text);
  }
};

MemoryBlocks::MemoryBlocks(std::vector<MemoryBlock> blocks) : state_(std::make_shared<State>()) {
  for (auto& block : blocks) {
    if (block.name.empty() || std::ranges::contains(state_->blocks, block.name, &MemoryBlock::name))
      throw Error(Errc::invalid_parameter,
                  std::format("a block of memory needs a name of its own, not `{}`", block.name));
    if (block.text.size() > block.limit)
      throw Error(Errc::invalid_parameter, std::format("the text of the block `{}` is beyond its limit", block.name));
    state_->blocks.push_back(std::move(block));
  }
}

std::optional<MemoryBlock> MemoryBlocks::get(std::string_view name) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = std::ranges::find(state_->blocks, name, &MemoryBlock::name);
  if (found == state_->blocks.end()) return std::nullopt;
  return *found;
}

std::vector<MemoryBlock> MemoryBlocks::all() const {
  const std::lock_guard lock(state_->mutex);
  return state_->blocks;
}

void MemoryBlocks::append(std::string_view name, std::string_view text) const {
  const std::lock_guard lock(state_->mutex);
  auto& block = state_->writable(name);
  State::set(block, block.text + (block.text.empty() ? "" : "\n") + std::string(text));
}

void MemoryBlocks::replace(std::string_view name, std::string_view before, std::string_view after) const {
  const std::lock_guard lock(state_->mutex);
  auto& block = state_->writable(name);
  const auto at = before.empty() ? std::string::npos : block.text.find(before);
  if (at == std::string::npos)
    throw Error(Errc::bad_input, std::format("the block `{}` does not have the text that is to be replaced", name));
  if (block.text.find(before, at + 1) != std::string::npos)
    throw Error(Errc::bad_input, std::format("the block `{}` has that text more than once; give more of it", name));
  auto text = block.text;
  text.replace(at, before.size(), after);
  State::set(block, std::move(text));
}

void MemoryBlocks::rewrite(std::string_view name, std::string text) const {
  const std::lock_guard lock(state_->mutex);
  State::set(state_->writable(name), std::move(text));
}

std::string MemoryBlocks::to_prompt() const {
  std::string out;
  for (const auto& block : all())
    out += std::format("{}### {} ({} of {} bytes{})\n{}{}{}", out.empty() ? "" : "\n\n", block.name, block.text.size(),
                       block.limit, block.read_only ? ", read-only" : "", block.description,
                       block.description.empty() ? "" : "\n", block.text);
  return out;
}

Tools MemoryBlocks::tools() const {
  auto shared = *this;
  using std::string;
  return {{"memory_append", "Adds a line to a block of memory.",
           [shared](string block, string text) -> string {
             shared.append(block, text);
             return "done";
           },
           args("block", "text")},
          {"memory_replace", "Replaces a text in a block of memory, which must be there exactly once.",
           [shared](string block, string before, string after) -> string {
             shared.replace(block, before, after);
             return "done";
           },
           args("block", "before", "after")},
          {"memory_rewrite", "Replaces all of a block of memory.",
           [shared](string block, string text) -> string {
             shared.rewrite(block, std::move(text));
             return "done";
           },
           args("block", "text")}};
}

}  // namespace dspy
