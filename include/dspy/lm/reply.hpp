#pragma once

#include "dspy/base/shared.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/lm/completion.hpp"
#include "dspy/lm/handling.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Something that a backend did otherwise than it was asked.
struct Adaptation {
  enum class Action {
    dropped,      ///< Left out.
    clamped,      ///< Moved into the range there is.
    substituted,  ///< Something like it was taken.
    client_side,  ///< Done here, since the backend cannot.
    satisfied,    ///< Already satisfied, nothing done.
    defaulted,    ///< Set, though nobody asked.
  };

  std::string field = {};  ///< Of the request, such as `sampling.top_k`.
  Action action = Action::dropped;
  std::string reason = {};
  Json asked = {};
  Json applied = {};

  bool operator==(const Adaptation&) const = default;
};

std::string_view to_string(Adaptation::Action action) noexcept;

/// What a language model sends back: one completion, or `Request::n` of them.
struct Reply {
  std::vector<Completion> completions = {};
  Usage usage = {};
  std::string model = {};                    ///< As the backend calls it.
  std::string id = {};                       ///< The backend's own, for its logs.
  std::vector<Adaptation> adaptations = {};  ///< Every deviation from the request is listed here.
  Json provider_data = {};                   ///< What else the provider said.
  Shared<Handling> handling = {};            ///< Caches, retries and fallbacks; unset if there were none.

  Reply() = default;
  explicit Reply(Completion completion, Usage tokens = {}) : usage(tokens) {
    completions.push_back(std::move(completion));
  }

  /// The first.  A reply has at least one; asserts that.
  Completion& completion() noexcept;
  const Completion& completion() const noexcept;
  const std::string& text() const noexcept { return completion().text; }

  bool operator==(const Reply&) const = default;
};

}  // namespace dspy
