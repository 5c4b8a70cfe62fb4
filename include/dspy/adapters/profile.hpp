#pragma once

#include <string_view>

namespace dspy {

/// The version of Python DSPy whose prompt structure `ChatAdapter`, `JsonAdapter` and `XmlAdapter` follow.
/// `adapter("chat@dspy-3.3")` names one.
enum class Profile {
  dspy_3_3,
  /// Earlier turns of a conversation end with the request for the outputs, as they did when they were asked: what a
  /// model or provider keeps of a prompt can be used again for the next one.
  dspy_3_4,
  /// Of `XmlAdapter`: text between tags is literal, and an element that closes itself is null.  What else DSPy 3.5
  /// changed is not recorded yet, so the other adapters do not have it.
  dspy_3_5,
  newest = dspy_3_4,
};

/// `dspy-3.4`.
std::string_view to_string(Profile profile) noexcept;

}  // namespace dspy
