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

/// Texts are compared ignoring case, punctuation and articles (`text::normalized_answer`), and an empty one is not a
/// vote; other values exactly, whether written `1` or `1.0`.
std::optional<std::string> answer_vote(const Json& value);

/// The completion whose `field` (the last one, if empty) has the most frequent value; ties go to the value that came
/// first, and to the first completion with it.  Throws `Error` (`bad_input`) for no completions, or one without the
/// field.
std::size_t majority(std::span<const JsonObject> completions, std::string_view field = {},
                     const VoteOf& vote = answer_vote);
Prediction majority(const std::vector<Prediction>& completions, std::string_view field = {},
                    const VoteOf& vote = answer_vote);

}  // namespace dspy
