#include "dspy/modules/majority.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/unicode.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <format>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

const Json& value_of(const JsonObject& completion, std::string_view field) {
  if (completion.empty()) throw Error(Errc::bad_input, "a completion without values cannot vote; leave it out");
  if (field.empty()) return (completion.end() - 1)->value();
  if (const auto* const value = completion.if_contains(field)) return *value;
  throw Error(
      Errc::bad_input,
      std::format("a completion has no `{}`, by which the votes are counted; leave it out, or name another field",
                  field));
}

}  // namespace

std::optional<std::string> answer_vote(const Json& value) {
  if (value.is_null()) return std::nullopt;
  if (value.is_string()) {
    auto text = text::normalized_answer(view(value.get_string()));
    return text.empty() ? std::nullopt : std::optional(std::move(text));
  }
  if (value.is_double()) {
    const double number = value.get_double();
    constexpr double largest = 9007199254740992;  // below it, doubles tell whole numbers apart
    if (std::floor(number) == number && std::abs(number) <= largest)
      return std::to_string(static_cast<std::int64_t>(number));
  }
  return to_text(value);
}

std::size_t majority(std::span<const JsonObject> completions, std::string_view field, const VoteOf& vote) {
  if (completions.empty()) throw Error(Errc::bad_input, "there are no completions to vote on; give at least one");
  std::vector<std::optional<std::string>> votes;
  votes.reserve(completions.size());
  for (const auto& completion : completions) votes.push_back(vote(value_of(completion, field)));
  struct Option {
    std::string text;
    std::size_t first, count;
  };
  std::vector<Option> options;
  for (std::size_t i = 0; i < votes.size(); ++i) {
    if (!votes[i]) continue;
    std::size_t k = 0;
    while (k < options.size() && options[k].text != *votes[i]) ++k;
    if (k == options.size()) options.push_back({*votes[i], i, 0});
    ++options[k].count;
  }
  if (options.empty()) return 0;
  std::size_t best = 0;
  for (std::size_t k = 1; k < options.size(); ++k) best = options[k].count > options[best].count ? k : best;
  return options[best].first;
}

Prediction majority(const std::vector<Prediction>& completions, std::string_view field, const VoteOf& vote) {
  std::vector<JsonObject> values;
  values.reserve(completions.size());
  for (const auto& completion : completions) values.push_back(completion.data);
  return completions[majority(values, field, vote)];
}

}  // namespace dspy
