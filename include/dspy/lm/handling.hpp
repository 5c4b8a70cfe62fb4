#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/usage.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Where a reply was taken from.
enum class ReplySource {
  model,   ///< It was written for this request.
  memory,  ///< The cache in this process.
  disk,    ///< The cache in a file.
  remote,  ///< The cache of a server.
  shared,  ///< An equal request that was under way already.
};

std::string_view to_string(ReplySource source) noexcept;
/// Throws `Error` (`config_error`) for a name that `to_string` does not give.
ReplySource reply_source(std::string_view name);

/// One request that was made on the way to a reply.
struct Attempt {
  std::string lm = {};                   ///< Who was asked: `LM::model()`.
  std::chrono::nanoseconds waited = {};  ///< Before it: for a limit, or between two attempts.
  std::chrono::nanoseconds time = {};    ///< Until the reply or the error.
  std::optional<Errc> error = {};        ///< Why there had to be another; unset for the one that was taken.
  std::string message = {};              ///< The error's.
  Usage usage = {};

  bool operator==(const Attempt&) const = default;
};

/// What was done between a caller and a model.
struct Handling {
  ReplySource source = ReplySource::model;
  /// What the reply took when it was written, where it comes from a cache: it is not in `Reply::usage`, as nothing is
  /// billed twice.
  std::optional<Usage> saved_usage = {};
  std::vector<Attempt> attempts = {};  ///< In their order, if there was more than one.

  bool operator==(const Handling&) const = default;
};

}  // namespace dspy
