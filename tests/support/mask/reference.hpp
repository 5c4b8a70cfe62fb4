#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A grammar matcher that is slow and plain, to hold the fast one against: sets of stacks of things still to come, as a
// textbook has it.  It shares no code and no idea with what it checks.

namespace dspy::test {

struct GrammarNode {
  enum class Kind { text, set, seq, alt, repeat, rule };

  Kind kind = Kind::text;
  std::string text = {};                  ///< Of a text.
  std::vector<char32_t> characters = {};  ///< Of a set.
  bool negated = false;                   ///< The set is of all other characters.
  std::vector<GrammarNode> parts = {};    ///< Of a seq, alt, repeat.
  std::size_t min = 0;                    ///< Of a repeat.
  std::size_t max = SIZE_MAX;
  std::size_t rule = 0;
};

inline std::string utf8(char32_t c) {
  std::string out;
  const auto add = [&](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0 | c >> 6);
    add(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    add(0xE0 | c >> 12);
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  } else {
    add(0xF0 | c >> 18);
    add(0x80 | (c >> 12 & 0x3F));
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  }
  return out;
}

/// True if `bytes` is the beginning of the encoding of some character (RFC 3629), or all of it.
inline bool begins_character(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const auto lead = at(0);
  const std::size_t size = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || bytes.size() > size) return false;
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    if (at(i) < 0x80 || at(i) > 0xBF) return false;
  }
  if (bytes.size() < 2) return true;
  return !(lead == 0xE0 && at(1) < 0xA0) && !(lead == 0xED && at(1) > 0x9F) && !(lead == 0xF0 && at(1) < 0x90) &&
         !(lead == 0xF4 && at(1) > 0x8F);
}

inline bool is_whole_character(std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  return bytes.size() == (lead < 0x80 ? 1u : lead >= 0xF0 ? 4u : lead >= 0xE0 ? 3u : 2u);
}

class ReferenceMatcher {
 public:
  explicit ReferenceMatcher(const std::vector<GrammarNode>& rules) : rules_(&rules) {
    expand({{.node = &rules[0]}}, stacks_);
  }

  bool alive() const { return !stacks_.empty(); }
  bool may_end() const { return stacks_.contains(Stack()); }

  void step(unsigned char byte) {
    std::set<Stack> next;
    for (const auto& stack : stacks_) {
      if (stack.empty()) continue;
      auto top = stack.back();
      auto rest = stack;
      rest.pop_back();
      top.seen += static_cast<char>(byte);
      if (top.node->kind == GrammarNode::Kind::text) {
        if (!top.node->text.starts_with(top.seen)) continue;
        if (top.seen != top.node->text) rest.push_back(top);
      } else {
        if (!fits(*top.node, top.seen)) continue;
        if (!is_whole_character(top.seen)) rest.push_back(top);
      }
      expand(rest, next);
    }
    stacks_ = std::move(next);
  }

  ReferenceMatcher after(std::string_view bytes) const {
    auto out = *this;
    for (const char byte : bytes) out.step(static_cast<unsigned char>(byte));
    return out;
  }

 private:
  struct Item {
    const GrammarNode* node = nullptr;
    std::size_t done = 0;   ///< Of a repeat, how often it was met.
    std::string seen = {};  ///< Of a text or set, the bytes of it that came.

    auto operator<=>(const Item&) const = default;
  };
  using Stack = std::vector<Item>;

  static bool fits(const GrammarNode& set, const std::string& seen) {
    if (!begins_character(seen)) return false;
    const auto matches = [&](char32_t c) { return utf8(c).starts_with(seen); };
    if (!set.negated) return std::ranges::any_of(set.characters, matches);
    // So few characters are excluded that each beginning of several bytes has others.
    return !is_whole_character(seen) || std::ranges::none_of(set.characters, matches);
  }

  /// Replaces what is on top until it is a text or a set.
  void expand(Stack stack, std::set<Stack>& out) const {
    std::set<Stack> seen;
    std::vector<Stack> open = {std::move(stack)};
    while (!open.empty()) {
      auto here = std::move(open.back());
      open.pop_back();
      if (!seen.insert(here).second) continue;
      if (here.empty()) {
        out.insert(here);
        continue;
      }
      const auto top = here.back();
      const auto& node = *top.node;
      if ((node.kind == GrammarNode::Kind::text && !node.text.empty()) || node.kind == GrammarNode::Kind::set) {
        out.insert(here);
        continue;
      }
      here.pop_back();
      switch (node.kind) {
        case GrammarNode::Kind::text:
        case GrammarNode::Kind::set: open.push_back(here); break;
        case GrammarNode::Kind::seq:
          for (auto at = node.parts.size(); at-- > 0;) here.push_back({.node = &node.parts[at]});
          open.push_back(here);
          break;
        case GrammarNode::Kind::alt:
          for (const auto& part : node.parts) {
            open.push_back(here);
            open.back().push_back({.node = &part});
          }
          break;
        case GrammarNode::Kind::repeat:
          if (top.done >= node.min) open.push_back(here);
          if (top.done < node.max) {
            // Beyond the lower bound of an open repetition nothing need be counted.
            const bool counts = node.max != SIZE_MAX || top.done < node.min;
            here.push_back({.node = &node, .done = top.done + (counts ? 1 : 0)});
            here.push_back({.node = &node.parts[0]});
            open.push_back(here);
          }
          break;
        case GrammarNode::Kind::rule:
          here.push_back({.node = &(*rules_)[node.rule]});
          open.push_back(here);
          break;
      }
    }
  }

  const std::vector<GrammarNode>* rules_;
  std::set<Stack> stacks_;
};

/// Makes grammars, as trees and as GBNF text.
class GrammarMaker {
 public:
  explicit GrammarMaker(std::uint64_t seed) : random_(seed) {}

  /// Rule 0 is the root.  A rule that stands in itself does so behind some text, and is never the only choice.
  std::vector<GrammarNode> make() {
    const auto count = 1 + below(4);
    std::vector<GrammarNode> rules;
    for (std::size_t i = 0; i < count; ++i) {
      GrammarNode alt{.kind = GrammarNode::Kind::alt};
      alt.parts.push_back(node(3, 0, 0));
      if (below(2) == 0) {
        GrammarNode seq{.kind = GrammarNode::Kind::seq};
        seq.parts.push_back(text());
        seq.parts.push_back(node(2, 0, count));
        seq.parts.push_back(node(1, 0, count));
        alt.parts.push_back(std::move(seq));
      }
      if (i + 1 < count) alt.parts.push_back(node(2, i + 1, count));
      rules.push_back(std::move(alt));
    }
    return rules;
  }

  static std::string to_gbnf(const std::vector<GrammarNode>& rules) {
    std::string out;
    for (std::size_t i = 0; i < rules.size(); ++i) {
      out += rule_name(i) + " ::= ";
      append(out, rules[i]);
      out += '\n';
    }
    return out;
  }

  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }
  std::mt19937_64& random() { return random_; }

 private:
  static std::string rule_name(std::size_t index) { return index == 0 ? "root" : "r" + std::to_string(index); }

  static char32_t pick_character(std::size_t index) {
    static const std::vector<char32_t> alphabet = {'a', 'b', 'c', '"', '\\', '\n', ' ', 0xE9, 0xEA, 0x20AC, 0x1F600};
    return alphabet[index % alphabet.size()];
  }

  GrammarNode text() {
    GrammarNode out{.kind = GrammarNode::Kind::text};
    for (auto size = 1 + below(4); size-- > 0;) out.text += utf8(pick_character(below(11)));
    return out;
  }

  /// References go to rules from `first_rule` until `last_rule`.
  GrammarNode node(std::size_t depth, std::size_t first_rule, std::size_t last_rule) {
    const auto kind = below(depth == 0 ? 3 : 7);
    if (kind == 0 || kind == 1) return text();
    if (kind == 2 || (kind == 6 && first_rule >= last_rule)) {
      GrammarNode out{.kind = GrammarNode::Kind::set, .negated = below(3) == 0};
      for (auto size = 1 + below(4); size-- > 0;) out.characters.push_back(pick_character(below(11)));
      return out;
    }
    if (kind == 6) return {.kind = GrammarNode::Kind::rule, .rule = first_rule + below(last_rule - first_rule)};
    GrammarNode out{.kind = kind == 3   ? GrammarNode::Kind::seq
                            : kind == 4 ? GrammarNode::Kind::alt
                                        : GrammarNode::Kind::repeat};
    const auto parts = out.kind == GrammarNode::Kind::repeat ? 1 : 2 + below(2);
    for (std::size_t i = 0; i < parts; ++i) out.parts.push_back(node(depth - 1, first_rule, last_rule));
    if (out.kind == GrammarNode::Kind::repeat) {
      out.min = below(3);
      out.max = below(2) == 0 ? SIZE_MAX : out.min + below(3);
    }
    return out;
  }

  static void append_character(std::string& out, char32_t c, std::string_view special) {
    if (c == '\n') {
      out += "\\n";
      return;
    }
    if (c < 0x80 && special.contains(static_cast<char>(c))) out += '\\';
    out += utf8(c);
  }

  static void append(std::string& out, const GrammarNode& node) {
    const auto join = [&](std::string_view between) {
      out += '(';
      for (std::size_t i = 0; i < node.parts.size(); ++i) {
        if (i != 0) out += between;
        append(out, node.parts[i]);
      }
      out += ')';
    };
    switch (node.kind) {
      case GrammarNode::Kind::text:
        out += '"';
        for (const char c : node.text) {
          if (c == '\n') {
            out += "\\n";
          } else {
            if (c == '"' || c == '\\') out += '\\';
            out += c;
          }
        }
        out += '"';
        break;
      case GrammarNode::Kind::set:
        out += node.negated ? "[^" : "[";
        for (const auto c : node.characters) append_character(out, c, "]\\^-");
        out += ']';
        break;
      case GrammarNode::Kind::seq: join(" "); break;
      case GrammarNode::Kind::alt: join(" | "); break;
      case GrammarNode::Kind::repeat:
        append(out, node.parts[0]);
        out += '{' + std::to_string(node.min) + ',' + (node.max == SIZE_MAX ? "" : std::to_string(node.max)) + '}';
        break;
      case GrammarNode::Kind::rule: out += rule_name(node.rule); break;
    }
  }

  std::mt19937_64 random_;
};

}  // namespace dspy::test
