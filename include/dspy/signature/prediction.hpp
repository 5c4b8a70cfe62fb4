#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/base/violation.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// A repair that the reader made to understand a field: recorded, so that it can be counted and forbidden.
struct Flag {
  std::string field;  ///< Empty where it concerns the whole reply.
  std::string repair;

  bool operator==(const Flag&) const = default;
};

/// A reply that a call refused.
struct FailedReply {
  std::string adapter = {};     ///< The adapter that was to read it.
  std::string completion = {};  ///< The reply.
  std::string reason = {};      ///< "the reply lacks the field `answer`"
  Violations violations = {};   ///< The same, one by one.
};

/// A program's result: the output fields, their cost, and how they were read.
struct Prediction {
  JsonObject data = {};
  Usage lm_usage = {};
  std::vector<Flag> flags = {};
  std::string completion = {};             ///< The model's own words.
  std::string reasoning = {};              ///< What it thought before, if the backend tells.
  std::string adapter = {};                ///< The name of the adapter that read them.
  std::string draft = {};                  ///< Of an adapter that asks twice: what the first request brought.
  std::vector<FailedReply> failures = {};  ///< Replies that were refused before this one, oldest first.
  Violations violations = {};              ///< What is wrong with outputs that were accepted all the same.
  /// Parts of the signature that could not be enforced on a local model, with reasons; the reader still checked them.
  std::vector<std::string> unenforced = {};
  /// How likely the model was to write these values, by output (`Completion::probability`), if `Sampling::logprobs` was
  /// set.
  std::map<std::string, double> probabilities = {};

  /// The value of an output field.  Throws `Error` (`bad_input`) that names the fields there are.
  const Json& at(std::string_view name) const;
  /// The value of an output field, or null if there is none.
  const Json* get(std::string_view name) const noexcept;
  const Usage& usage() const noexcept { return lm_usage; }
};

}  // namespace dspy
