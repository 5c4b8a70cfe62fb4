#pragma once

#include "dspy/lm/request.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace dspy {

/// A request as a cache in memory knows it: found by a quick hash, and compared whole, so that two that differ are
/// never taken for the same.
struct Question {
  std::uint64_t hash = 0;
  std::shared_ptr<const std::string> scope;  ///< The LM's fingerprint and the cache's scope.
  std::string rollout;                       ///< As JSON; empty if there is none.
  std::shared_ptr<const Request> request;    ///< Without what an answer does not depend on.

  bool operator==(const Question& other) const {
    return hash == other.hash && rollout == other.rollout && (scope == other.scope || *scope == *other.scope) &&
           *request == *other.request;
  }
};

/// Not every member counts towards it; equal requests have equal ones.
std::uint64_t quick_hash(const Request& request, std::uint64_t seed);

/// The rollout's id, as JSON; empty if there is none.
std::string rollout_of(const Request& request);

/// What an answer does not depend on is taken out: `metadata` and `user_id`.
void keep_what_counts(Request& request);

/// Takes the rollout's id out, which is not for the provider.
void drop_rollout(Request& request);

/// The program's name (`metadata["program"]`), if it was given.
std::string program_of(const Request& request);

}  // namespace dspy
