#pragma once

#include "dspy/signature/detail/convert_structs.hpp"
#include "dspy/signature/notes.hpp"
#include "dspy/signature/signature.hpp"

#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

// Checks of one's own, and fields that are computed instead of asked for:
//
//     static constexpr auto fields = dspy::describe(
//         dspy::field<&Output::code>(dspy::validator("known_code", [](const std::string& code) { return …; })));
//     static constexpr auto validators = dspy::describe(
//         dspy::validator("adds_up", [](const Output& output) { return …; }));
//     static constexpr auto computed = dspy::describe(
//         dspy::computed("total", [](const Output& output) { return output.price * output.count; }));

namespace dspy {
inline namespace DSPY_REFLECTION_NAMESPACE {
namespace reflection {

template <class R, class A>
std::remove_cvref_t<A> argument_of(const std::function<R(A)>&);

/// The argument type of a unary function.
template <class F>
using Argument = decltype(argument_of(std::function(std::declval<F>())));

}  // namespace reflection

/// A note: a named check of a field's value, or of a whole `Output`.  The function takes the value and returns true if
/// it is valid, or, as `std::optional<std::string>`, the problem as the end of a sentence, such as "is not a prime
/// number".  The name is the `rule` of the violation.
template <class F>
struct validator {
  template <class T>
  static constexpr bool suits = std::is_invocable_v<const F&, const T&>;

  static constexpr bool may_repeat = true;

  NoteText name;
  F check;

  consteval validator(const char* rule, F function) : name(rule), check(function) {
    if (*rule == '\0') throw "dspy::validator: the name is empty";
  }

  Validator made() const {
    using Value = reflection::Argument<F>;
    const auto run = [name = std::string(name.data), check = check](const Json& json) -> std::optional<std::string> {
      try {
        const auto value = reflection::Convert<Value>::read(json);
        if constexpr (std::is_same_v<std::invoke_result_t<const F&, const Value&>, bool>) {
          if (check(value)) return std::nullopt;
          return "breaks the rule `" + name + "`";
        } else {
          return check(value);
        }
      } catch (const detail::Unfit& unfit) {
        return unfit.reason;
      }
    };
    return {name.data, run};
  }
  void apply(Field& field) const { field.validators.push_back(made()); }
};

/// An output that a function makes of the others.  The model is not asked for it; the prediction
/// holds it.
template <class F>
struct computed {
  NoteText name;
  F compute;

  consteval computed(const char* field, F function) : name(field), compute(function) {}

  Computed made() const {
    using Output = reflection::Argument<F>;
    using Value = std::remove_cvref_t<std::invoke_result_t<const F&, const Output&>>;
    return {make_field(name.data, reflection::Convert<Value>::template type<reflection::Around<>>()),
            [compute = compute](const JsonObject& outputs) {
              return reflection::Convert<Value>::write(compute(reflection::read_members<Output>(outputs)));
            }};
  }
};

}  // namespace DSPY_REFLECTION_NAMESPACE
}  // namespace dspy
