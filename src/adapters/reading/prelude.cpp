#include "adapters/reading/prelude.hpp"

#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

namespace dspy {
namespace {

constexpr std::string_view blanks = " \t\r\n";

constexpr std::array<std::string_view, 24> names = {"think",
                                                    "thinking",
                                                    "thought",
                                                    "thoughts",
                                                    "reasoning",
                                                    "reflection",
                                                    "scratchpad",
                                                    "seed:think",
                                                    "analysis",
                                                    "antthinking",
                                                    "inner_monologue",
                                                    "internal_monologue",
                                                    "monologue",
                                                    "cot",
                                                    "chain_of_thought",
                                                    "thinking_process",
                                                    "thought_process",
                                                    "self_reflection",
                                                    "planning",
                                                    "deliberation",
                                                    "mm:think",
                                                    "longcat_think",
                                                    "seed:cot_budget_reflect",
                                                    "rationale"};

constexpr auto longest_name_of_thoughts = std::ranges::max(names, {}, &std::string_view::size).size();

/// The characters that may surround those names.
struct Brackets {
  std::string_view opening;
  std::string_view closing;
};
constexpr std::array brackets = {Brackets{"<", ">"}, Brackets{"[", "]"},
                                 Brackets{"\xE2\x97\x81", "\xE2\x96\xB7"}};  // ◁ ▷

/// Thoughts whose marks have no such name.
constexpr std::array other_marks = {Brackets{"<|channel>thought", "<channel|>"},
                                    Brackets{"<|START_THINKING|>", "<|END_THINKING|>"},
                                    Brackets{"<|begin_of_thought|>", "<|end_of_thought|>"},
                                    // Channels of which only the names were kept.
                                    Brackets{"assistantanalysis", "assistantfinal"}};
/// What the first three close with.
constexpr std::string_view other_end = "|>";

/// Models that write in channels think in one and answer in another.
constexpr std::array<std::string_view, 4> thinking_channels = {"<|channel|>analysis", "<|channel|>commentary",
                                                               "<|start|>assistant<|channel|>analysis",
                                                               "<|start|>assistant<|channel|>commentary"};
constexpr std::string_view final_channel = "<|channel|>final<|message|>";
/// Searched for in place of the marks: in other texts `|` is much rarer than `<`.
constexpr std::string_view channel_sign = "|channel|>";
/// The same where the tokens for the channels were dropped.
constexpr std::string_view bare_thinking = "analysis";
constexpr std::string_view bare_final = "assistantfinal";

bool names_field(std::string_view name, const Labels& labels) {
  return labels.find_output(name) != labels.signature().outputs.size() ||
         labels.find_input(name) != labels.signature().inputs.size();
}

constexpr bool begins_with(std::string_view name, char c) noexcept {
  return name[0] == (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}
/// True if that may begin one of `names`, or precede one.
constexpr bool may_begin_name(char c) noexcept {
  return std::string_view("acdilmprst").contains(c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c);
}
static_assert(std::ranges::all_of(names, [](std::string_view name) { return may_begin_name(name[0]); }));
/// True if that may begin a mark which opens thoughts.
constexpr bool may_open_thoughts(char c) noexcept {
  return c == '<' || c == '[' || c == 'a' || c == brackets[2].opening[0];
}
static_assert(std::ranges::all_of(other_marks,
                                  [](const Brackets& marks) { return may_open_thoughts(marks.opening[0]); }));
constexpr bool may_end_opening(char c) noexcept {
  return c == '<' || c == '[' || c == brackets[2].opening.back();
}

/// The name of thoughts in a mark, and how much of a text it takes, with the bracket that closes it.
struct Named {
  std::string_view name;
  std::size_t size = 0;
};

constexpr std::size_t longest_attributes = 100;

/// How much of `text`, behind a name, closes its mark: blanks, attributes and the bracket; 0 if it does not.
std::size_t size_of_end(std::string_view text, std::string_view closing) noexcept {
  if (text.starts_with(closing)) return closing.size();
  const auto first = text.find_first_not_of(' ');
  if (first == 0 || first == std::string_view::npos) return 0;
  const auto end = closing == ">" ? text.substr(0, longest_attributes).find_first_of("<>\n", first) : first;
  return end != std::string_view::npos && text.substr(end).starts_with(closing) ? end + closing.size() : 0;
}

/// The name of thoughts that `text` begins with, in whatever case, up to the bracket that closes it.
std::optional<Named> name_before(std::string_view text, std::string_view closing, const Labels& labels) {
  const std::size_t before = text.starts_with(' ') ? 1 : 0;
  text.remove_prefix(before);
  if (text.empty() || !may_begin_name(text[0])) return std::nullopt;
  // A blank or the bracket ends the name, so that most names differ in size already.
  const auto near = text.substr(0, longest_name_of_thoughts + 1);
  std::size_t size = 1;
  while (size < near.size() && near[size] != ' ' && near[size] != closing[0]) ++size;
  if (size == near.size()) return std::nullopt;
  for (const auto name : names) {
    if (name.size() != size || !begins_with(name, text[0])) continue;
    if (!text::equals_ignoring_case(text.substr(0, size), name)) continue;
    const auto end = size_of_end(text.substr(size), closing);
    if (end != 0 && !names_field(name, labels)) return Named{.name = name, .size = before + size + end};
    break;
  }
  return std::nullopt;
}

/// The end of the mark whose slash is at `slash`.
std::optional<ThoughtsEnd> mark_around(std::string_view text, std::size_t slash, const Labels& labels) {
  if (slash == 0 || slash + 1 == text.size() || !may_end_opening(text[slash - 1])) return std::nullopt;
  if (text[slash + 1] != ' ' && !may_begin_name(text[slash + 1])) return std::nullopt;
  for (const auto& [opening, closing] : brackets) {
    if (!text.substr(0, slash).ends_with(opening)) continue;
    if (const auto name = name_before(text.substr(slash + 1), closing, labels))
      return ThoughtsEnd{.begin = slash - opening.size(), .end = slash + 1 + name->size};
  }
  return std::nullopt;
}

/// The mark that ends the thoughts which begin with `text`; nothing if it begins with none.
std::optional<std::string> closing_mark(std::string_view text, const Labels& labels) {
  for (const auto& [opening, closing] : brackets) {
    if (!text.starts_with(opening)) continue;
    if (const auto name = name_before(text.substr(opening.size()), closing, labels))
      return std::string(opening).append("/").append(name->name).append(closing);
  }
  for (const auto& [opening, closing] : other_marks) {
    if (text.starts_with(opening)) return std::string(closing);
  }
  if (std::ranges::any_of(thinking_channels, [&](std::string_view mark) { return text.starts_with(mark); }))
    return std::string(final_channel);
  return std::nullopt;
}

/// True if more text behind a name may close its mark: the bracket, or attributes before it, are not all there.
bool may_end(std::string_view behind, std::string_view closing) noexcept {
  if (behind.size() < closing.size() && closing.starts_with(behind)) return true;
  return behind.starts_with(' ') && behind.size() < longest_attributes &&
         behind.find_first_of("<>\n") == std::string_view::npos;
}

/// True if more of `text` may make it the beginning of thoughts.
bool may_open(std::string_view text, const Labels& labels) {
  for (const auto& [opening, closing] : brackets) {
    if (opening.starts_with(text)) return true;
    if (!text.starts_with(opening)) continue;
    auto rest = text.substr(opening.size());
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    if (!rest.empty() && !may_begin_name(rest[0])) continue;
    if (rest.size() >= longest_name_of_thoughts + longest_attributes) continue;  // all of a mark would be there
    for (const auto name : names) {
      const auto size = std::min(rest.size(), name.size());
      if (size != 0 && !begins_with(name, rest[0])) continue;
      if (text::equals_ignoring_case(rest.substr(0, size), name.substr(0, size)) &&
          may_end(rest.substr(size), closing) && !names_field(name, labels))
        return true;
    }
  }
  return std::ranges::any_of(thinking_channels, [&](std::string_view mark) { return mark.starts_with(text); }) ||
         std::ranges::any_of(other_marks, [&](const Brackets& marks) { return marks.opening.starts_with(text); });
}

}  // namespace

std::size_t find_closing(std::string_view text, std::string_view closing, std::size_t from) noexcept {
  for (auto at = text.find(closing[0], from); at != std::string_view::npos; at = text.find(closing[0], at + 1)) {
    if (text::equals_ignoring_case(text.substr(at, closing.size()), closing)) return at;
  }
  return std::string_view::npos;
}

Prelude find_prelude(std::string_view text, const Labels& labels) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  const bool has_mark = !text.empty() && text[0] == byte_order_mark[0] && text.starts_with(byte_order_mark);
  Prelude out{.end = has_mark ? byte_order_mark.size() : 0};
  while (true) {
    const auto first = std::min(text.find_first_not_of(blanks, out.end), text.size());
    const auto rest = text.substr(first);
    if (!rest.empty() && !may_open_thoughts(rest[0])) return out;
    auto closing = closing_mark(rest, labels);
    if (!closing) {
      if (!may_open(rest, labels)) return out;
      return {.kind = Prelude::Kind::possible, .end = out.end, .has_thoughts = out.has_thoughts};
    }
    out.has_thoughts = true;
    const auto end = find_closing(rest, *closing, 1);
    if (end == std::string_view::npos)
      return {.kind = Prelude::Kind::open, .end = text.size(), .has_thoughts = true, .closing = *std::move(closing)};
    out.end = first + end + closing->size();
  }
}

std::vector<ThoughtsEnd> find_ends_of_thoughts(std::string_view text, std::size_t from, const Labels& labels) {
  constexpr std::size_t most = 4;
  std::vector<ThoughtsEnd> out;
  const auto add = [&](ThoughtsEnd found) {
    if (out.size() == most) out.erase(out.begin());
    out.push_back(found);
  };
  for (auto at = text.find('/', from); at != std::string_view::npos; at = text.find('/', at + 1)) {
    if (const auto found = mark_around(text, at, labels)) add(*found);
  }
  for (auto sign = text.find(channel_sign, from + 1); sign != std::string_view::npos;
       sign = text.find(channel_sign, sign + 1)) {
    const auto at = sign - 1;
    if (text.substr(at).starts_with(final_channel)) add({.begin = at, .end = at + final_channel.size()});
  }
  for (auto at = text.find(other_end, from); at != std::string_view::npos; at = text.find(other_end, at + 1)) {
    const auto end = at + other_end.size();
    for (const auto& marks : other_marks) {
      if (text.substr(from, end - from).ends_with(marks.closing))
        add({.begin = end - marks.closing.size(), .end = end});
    }
  }
  const auto first = text.find_first_not_of(blanks, from);
  if (first != std::string_view::npos && text.substr(first).starts_with(bare_thinking)) {
    if (const auto at = text.find(bare_final, from); at != std::string_view::npos)
      add({.begin = at, .end = at + bare_final.size()});
  }
  std::ranges::sort(out, std::ranges::greater(), &ThoughtsEnd::begin);
  return out;
}

bool opens_thoughts(std::string_view text, const Labels& labels) {
  for (auto at = text.find_first_of("<[\xE2"); at != std::string_view::npos;
       at = text.find_first_of("<[\xE2", at + 1)) {
    if (closing_mark(text.substr(at), labels)) return true;
  }
  return false;
}

std::string_view without_end_of_message(std::string_view text) noexcept {
  if (!text.contains(other_end)) return text;
  for (const std::string_view mark : {"<|return|>", "<|end|>", "<|END_RESPONSE|>", "<|end_of_solution|>"}) {
    const auto trimmed = text::trim(text);
    if (trimmed.ends_with(mark)) text = text.substr(0, text.rfind(mark));
  }
  return text;
}

}  // namespace dspy
