#pragma once

#include "dspy/base/error.hpp"

#include <chrono>
#include <optional>

namespace dspy::server {

using Deadline = std::optional<std::chrono::steady_clock::time_point>;

/// What to tell in place of an error of a call that was stopped because its time was over; nothing for any other.
inline std::optional<Error> overdue(const Error& error, const Deadline& deadline) {
  if (error.code() != Errc::cancelled || !deadline || std::chrono::steady_clock::now() < *deadline) return std::nullopt;
  return Error(Errc::deadline_exceeded,
               "the answer took longer than this server waits for one; ask for less, or start "
               "a job (POST /v1/jobs)");
}

}  // namespace dspy::server
