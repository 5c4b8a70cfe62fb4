#pragma once

#include "dspy/modules/predictor.hpp"
#include "dspy/signature/reflect.hpp"

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

// A program is a plain struct with modules as members and a call operator:
//
//     struct Support {
//       dspy::Predict<Triage> triage;
//       dspy::ChainOfThought<Draft> draft;
//       auto operator()(const std::string& ticket) const { … }
//     };
//
// Copying it copies everything in it.  Its predictors are found by looking through its members;
// a class with private state offers `for_each_predictor(visit)` itself.

namespace dspy {

/// True for a type that programs may have as a member although it cannot be inspected, because it contains no
/// predictor:
///
///     template <> constexpr bool dspy::holds_no_predictors<Database> = true;
template <class T>
constexpr bool holds_no_predictors = false;

namespace detail {

template <class T>
struct IsFunction : std::false_type {};
template <class R, class... Arguments>
struct IsFunction<std::function<R(Arguments...)>> : std::true_type {};

template <class T>
struct IsDuration : std::false_type {};
template <class Rep, class Period>
struct IsDuration<std::chrono::duration<Rep, Period>> : std::true_type {};

template <class T>
struct IsShared : std::false_type {};
template <class T>
struct IsShared<std::shared_ptr<T>> : std::true_type {};
template <class T>
struct IsShared<std::unique_ptr<T>> : std::true_type {};

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
concept HoldsPredictor = requires(T& module) {
  { module.predictor() } -> std::convertible_to<const Predictor&>;
};

struct AnyVisit {
  void operator()(const std::string&, const Predictor&) const {}
  void operator()(const std::string&, Predictor&) const {}
};

template <class T>
concept NamesItsPredictors = requires(T& program) { program.for_each_predictor(AnyVisit{}); };

template <class T>
concept MapOfPrograms = requires {
  typename T::mapped_type;
} && std::convertible_to<const typename T::key_type&, std::string_view> && std::is_class_v<typename T::mapped_type>;

template <class T>
concept SequenceOfPrograms = requires(T& items) {
  items.begin();
  items.end();
  items.size();
} && std::is_class_v<typename T::value_type>;

inline std::string join_path(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

/// What DSPy calls the predictor of a module at `path`: a module that holds one in a member of
/// its own, as DSPy's `ChainOfThought` does, says its name.
template <class Module>
std::string predictor_path(const std::string& path) {
  if constexpr (requires { Module::predictor_name; }) {
    return join_path(path, Module::predictor_name);
  } else {
    return path.empty() ? "self" : path;
  }
}

/// What a member of a program may be without holding a predictor.
template <class T>
constexpr bool is_plain() {
  using Plain = std::remove_cv_t<T>;
  if constexpr (std::is_arithmetic_v<Plain> || std::is_enum_v<Plain> || std::is_same_v<Plain, std::monostate> ||
                std::convertible_to<const Plain&, std::string_view> || std::is_constructible_v<Json, Plain> ||
                IsFunction<Plain>::value || IsDuration<Plain>::value) {
    return true;
  } else if constexpr (IsShared<Plain>::value) {
    using Held = std::remove_cv_t<typename Plain::element_type>;
    return std::is_same_v<Held, LM> || std::is_same_v<Held, Adapter> || is_plain<Held>();
  } else if constexpr (requires(Plain& map) {
                         map.begin();
                         typename Plain::key_type;
                         typename Plain::mapped_type;
                       }) {
    return is_plain<typename Plain::mapped_type>();
  } else if constexpr (IsOptional<Plain>::value || requires(Plain& list) {
                         list.begin();
                         typename Plain::value_type;
                       }) {
    return is_plain<typename Plain::value_type>();
  } else {
    return false;
  }
}

template <class>
constexpr bool never = false;

/// Becomes any base of `Derived`.
template <class Derived>
struct AnyBase {
  template <class Base>
    requires(std::is_base_of_v<Base, Derived> && !std::is_same_v<Base, Derived>)
  operator Base() const;  // NOLINT(google-explicit-constructor): that is the question
};

template <class T>
concept HasBase = requires { T{AnyBase<T>()}; };

template <class F, class P>
void show(F& visit, std::string&& path, P& predictor) {
  static_assert(std::invocable<F&, std::string, P&>,
                "a predictor of the program is const, so nothing can change it: remove `const` from the member");
  visit(std::move(path), predictor);
}

template <class T, class F>
void visit_predictors(T& part, const std::string& path, F& visit) {
  using Plain = std::remove_const_t<T>;
  if constexpr (std::derived_from<Plain, Predictor> && !NamesItsPredictors<T>) {
    static_assert(sizeof(Plain) == sizeof(Predictor),
                  "a class derived from a predictor may hold others that nobody can find: make the predictor a member "
                  "instead, or give the class for_each_predictor(visit)");
    show(visit, predictor_path<Plain>(path), part);
  } else if constexpr (HoldsPredictor<T>) {
    show(visit, predictor_path<Plain>(path), part.predictor());
  } else if constexpr (NamesItsPredictors<T>) {
    part.for_each_predictor([&](const std::string& name, auto& predictor) { visit(join_path(path, name), predictor); });
  } else if constexpr (MapOfPrograms<T>) {
    for (auto& [key, item] : part) visit_predictors(item, path + "['" + std::string(key) + "']", visit);
  } else if constexpr (SequenceOfPrograms<T>) {
    std::size_t index = 0;
    for (auto& item : part) visit_predictors(item, path + "[" + std::to_string(index++) + "]", visit);
  } else if constexpr (holds_no_predictors<Plain> || is_plain<Plain>()) {
    return;
  } else if constexpr (std::is_aggregate_v<Plain> && std::is_class_v<Plain>) {
    static_assert(!HasBase<Plain>,
                  "the members of a program that has a base cannot be found: give it for_each_predictor(visit)");
    for_each_member(
        part, [&](std::string_view name, auto& member) { visit_predictors(member, join_path(path, name), visit); });
  } else if constexpr (std::is_pointer_v<Plain> || IsShared<Plain>::value || IsOptional<Plain>::value) {
    static_assert(never<T>,
                  "a program holds its parts as values: put the module itself in the place of the pointer or "
                  "optional; if this holds no predictor, specialise dspy::holds_no_predictors for it");
  } else {
    static_assert(never<T>,
                  "this member of a program may hold predictors that nobody can find: give its class "
                  "for_each_predictor(visit), or specialise dspy::holds_no_predictors if it holds none");
  }
}

}  // namespace detail

/// Calls `visit(path, predictor)` for every predictor in `program`, in the order of the members.
/// Paths are DSPy's: `triage`, `steps[2]`, `experts['law']`, of a `ChainOfThought` `draft.predict`; a lone `Predict`
/// is `self`.
template <class Program, class F>
void for_each_predictor(Program& program, F&& visit) {
  detail::visit_predictors(program, std::string(), visit);
}

namespace detail {

/// For changing every predictor: a program without any is an error.
template <class Program, class F>
void change_predictors(Program& program, F&& change) {
  bool found = false;
  for_each_predictor(program, [&](const std::string& path, Predictor& predictor) {
    found = true;
    change(path, predictor);
  });
  if (!found) {
    throw Error(Errc::config_error,
                "the program has no predictors to change; its modules must be members, or in its for_each_predictor");
  }
}

}  // namespace detail

/// The predictors of `program` by path.  The pointers live as long as `program` stays in place.
template <class Program>
auto named_predictors(Program& program) {
  using Found = std::conditional_t<std::is_const_v<Program>, const Predictor, Predictor>;
  std::vector<std::pair<std::string, Found*>> found;
  for_each_predictor(program, [&](const std::string& path, Found& predictor) { found.emplace_back(path, &predictor); });
  return found;
}

/// A copy of `program` in which every predictor asks `lm`.
template <class Program>
Program with_lm(Program program, const std::shared_ptr<LM>& lm) {
  detail::change_predictors(program, [&](const std::string&, Predictor& predictor) { predictor.set_lm(lm); });
  return program;
}

/// A copy of `program` in which every predictor draws from `sampling` where that says something.
template <class Program>
Program with_sampling(Program program, const Sampling& sampling) {
  detail::change_predictors(program, [&](const std::string&, Predictor& predictor) {
    predictor.set_sampling(sampling.over(predictor.sampling()));
  });
  return program;
}

/// A copy of `program` whose calls all use `context`: its deadline, stop, budget and trace.  If the program already has
/// one, both apply.
template <class Program>
Program with_context(Program program, const CallContext& context) {
  detail::change_predictors(program, [&](const std::string& path, Predictor& predictor) {
    const auto* const own = predictor.context();
    auto whole = merged(context, own != nullptr ? *own : CallContext{.path = path});
    predictor.set_context(whole);
  });
  return program;
}

/// A copy of `program` that reports to `trace`.
template <class Program>
Program traced(Program program, const std::shared_ptr<Trace>& trace) {
  return with_context(std::move(program), {.trace = trace});
}

/// A copy of `program` in which every predictor writes and reads through `adapter`.
template <class Program>
Program with_adapter(Program program, const std::shared_ptr<const Adapter>& adapter) {
  detail::change_predictors(program, [&](const std::string&, Predictor& predictor) { predictor.set_adapter(adapter); });
  return program;
}

}  // namespace dspy
