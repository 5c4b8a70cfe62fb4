// Runs the machine that an expression was compiled to over a text.

#include "pattern_program.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace dspy::patterns {
namespace {

/// The machine's active states: a list to walk, and the position of each state in it.
class Places {
 public:
  explicit Places(std::uint16_t* memory, std::size_t count) : order_(memory), index_(memory + count) {}

  bool add(std::uint16_t place) noexcept {
    if (index_[place] < size_ && order_[index_[place]] == place) return false;
    index_[place] = size_;
    order_[size_++] = place;
    return true;
  }
  void clear() noexcept { size_ = 0; }
  bool empty() const noexcept { return size_ == 0; }
  const std::uint16_t* begin() const noexcept { return order_; }
  const std::uint16_t* end() const noexcept { return order_ + size_; }

 private:
  std::uint16_t* order_;
  std::uint16_t* index_;
  std::uint16_t size_ = 0;
};

class Matcher {
 public:
  Matcher(const Program& program, std::uint16_t* memory)
      : steps_(program.steps),
        sets_(program.sets),
        now_(memory, steps_.size()),
        next_(memory + 2 * steps_.size(), steps_.size()),
        waiting_(memory + 4 * steps_.size()) {}

  bool run(std::string_view text) {
    const bool anchored = steps_[0].kind == Step::Kind::begin;
    std::size_t position = 0;
    char32_t before = no_character;
    while (true) {
      auto after = position;
      const char32_t c = position == text.size() ? no_character : next_character(text, after);
      // Only places that wait for a character were kept; those that depend on it follow here.
      if (position == 0 || !anchored) enter(now_, 0, before, c);
      if (matched_) return true;
      if (c == no_character || (now_.empty() && anchored)) return false;
      auto following = after;
      const char32_t then = after == text.size() ? no_character : next_character(text, following);
      for (const auto place : now_) {
        if (accepts(steps_[place], c)) enter(next_, place + 1, c, then);
      }
      if (matched_) return true;
      std::swap(now_, next_);
      next_.clear();
      before = c;
      position = after;
    }
  }

 private:
  bool accepts(const Step& step, char32_t c) const {
    switch (step.kind) {
      case Step::Kind::character: return step.first == c;
      case Step::Kind::any: return c != '\n';
      case Step::Kind::set: return sets_[step.first].contains(c);
      default: return false;
    }
  }

  /// Adds the place and all that are reached from it without reading, between two characters.
  void enter(Places& places, std::size_t place, char32_t before, char32_t after) {
    std::size_t count = 0;
    const auto push = [&](std::size_t at) {
      if (places.add(static_cast<std::uint16_t>(at))) waiting_[count++] = static_cast<std::uint16_t>(at);
    };
    push(place);
    while (count > 0) {
      const std::size_t at = waiting_[--count];
      const auto& step = steps_[at];
      const bool is_border = is_word(before) != is_word(after);
      switch (step.kind) {
        case Step::Kind::split: push(step.second); [[fallthrough]];
        case Step::Kind::jump: push(step.first); break;
        case Step::Kind::begin:
          if (before == no_character) push(at + 1);
          break;
        case Step::Kind::end:
          if (after == no_character) push(at + 1);
          break;
        case Step::Kind::border:
          if (is_border) push(at + 1);
          break;
        case Step::Kind::no_border:
          if (!is_border) push(at + 1);
          break;
        case Step::Kind::match: matched_ = true; return;
        default: break;
      }
    }
  }

  const std::vector<Step>& steps_;
  const std::vector<CharacterSet>& sets_;
  Places now_;
  Places next_;
  std::uint16_t* waiting_;
  bool matched_ = false;
};

}  // namespace

bool is_found(const Program& program, std::string_view text) {
  constexpr std::size_t few = 128;  // steps whose places fit on the stack
  const auto count = program.steps.size();
  if (count <= few) {
    std::array<std::uint16_t, 5 * few> memory{};
    return Matcher(program, memory.data()).run(text);
  }
  std::vector<std::uint16_t> memory(5 * count);
  return Matcher(program, memory.data()).run(text);
}

}  // namespace dspy::patterns
