#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"

#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

/// A tool call that a model asks for.
struct AgentCall {
  std::string id = {};    ///< Unique in the run.
  std::string tool = {};  ///< The tool's name.
  Json arguments = {};    ///< As the model wrote them.

  bool operator==(const AgentCall&) const = default;
};

/// What a person says to a call.
struct Verdict {
  enum class Kind {
    approve,  ///< It is made (again, if it was already started).
    edit,     ///< It is made with `value` as its arguments.
    deny,     ///< It is not made; the model reads `words`.
    answer,   ///< It is not made; its result is `value`.
    wait,     ///< Nothing yet: the run pauses.
  };

  Kind kind = Kind::wait;
  Json value = {};
  std::string words = {};

  static Verdict approve() { return {.kind = Kind::approve}; }
  static Verdict edit(Json arguments) { return {.kind = Kind::edit, .value = std::move(arguments)}; }
  static Verdict deny(std::string words) { return {.kind = Kind::deny, .words = std::move(words)}; }
  static Verdict answer(Json result) { return {.kind = Kind::answer, .value = std::move(result)}; }
  static Verdict wait() { return {}; }

  bool operator==(const Verdict&) const = default;
};

std::string_view to_string(Verdict::Kind kind) noexcept;
/// Throws `Error` (`config_error`) that lists the names.
Verdict::Kind verdict_kind(std::string_view name);

/// Asked about each call that needs a person's consent.
using Approver = std::function<Async<Verdict>(AgentCall call)>;

/// Which calls need consent, and who gives it.
struct Approval {
  /// Names of tools, with `*` for any text, in addition to those with `needs_approval`.
  std::vector<std::string> tools = {};
  Approver ask = {};  ///< Empty: the run pauses at such a call.
};

/// Asks on a terminal: `y`, `n and why`, or `e {"new": "arguments"}`.  At the end of `in` the run pauses.  The streams
/// outlive the approval; calls ask one after the other.
Approval ask_user_for(std::vector<std::string> tools, std::istream& in, std::ostream& out);

}  // namespace dspy
