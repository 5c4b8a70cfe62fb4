#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/prediction.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// What values are taken for the same when votes are counted: those of one text.  Nothing: the value is not a vote, as
/// long as another one is.
using VoteOf = std::function<std::optional<std::string>(const Json& value)>;

/// Texts without regard to case, punctuation and articles (`text::normalized_answer`), and an empty one is not a vote;
/// any other value as it is, whether it is written `1` or `1.0`.
std::optional<std::string> answer_vote(const Json& value);

/// The completion whose `field` (the last one, if empty) has the value that most have; of several such values the one
/// that came first, and of completions with it the first.  Throws `Error` (`bad_input`) for no completions, or one
/// without the field.
std::size_t majority(std::span<const JsonObject> completions, std::string_view field = {},
                     const VoteOf& vote = answer_vote);
Prediction majority(const std::vector<Prediction>& completions, std::string_view field = {},
                    const VoteOf& vote = answer_vote);

}  // namespace dspy
