#pragma once

#include "dspy/agents/tool_outcome.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/signature/field.hpp"
#include "dspy/signature/reflect.hpp"
#include "dspy/signature/type.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// How a C++ function becomes a tool: its parameters' types, its result, and a call by values.

namespace dspy {

/// A parameter's name, and its description for the model.
struct Argument {
  std::string name = {};
  std::string description = {};
  std::optional<Json> default_value = {};  ///< For an argument that the model may leave out.

  Argument(const char* called) : name(called) {}  // NOLINT(google-explicit-constructor): written as a plain literal
  Argument(std::string called, std::string what, std::optional<Json> otherwise = {})
      : name(std::move(called)), description(std::move(what)), default_value(std::move(otherwise)) {}
};

template <std::size_t N>
struct ArgumentNames {
  std::array<Argument, N> names;
};
template <>
struct ArgumentNames<0> {};

/// The names of a function's parameters, in their order: `args("amount", dspy::Argument("to", "A currency.", "EUR"))`.
template <std::convertible_to<Argument>... Names>
ArgumentNames<sizeof...(Names)> args(Names... names) {
  if constexpr (sizeof...(Names) == 0) {
    return {};
  } else {
    return {{Argument(std::move(names))...}};
  }
}

namespace detail {

template <class... T>
struct Types {};

template <class T>
struct FunctionParts;
template <class R, class... A>
struct FunctionParts<std::function<R(A...)>> {
  using Result = R;
  using Parameters = Types<std::remove_cvref_t<A>...>;
};

template <class F>
concept DeducibleFunction = requires(F function) { std::function(function); };

template <class F>
using PartsOf = FunctionParts<decltype(std::function(std::declval<F>()))>;

/// The parameters without a `ToolContext` at the end.
template <class Done, class Left>
struct SplitContext;
template <class... D>
struct SplitContext<Types<D...>, Types<>> {
  using Values = Types<D...>;
  static constexpr bool has_context = false;
};
template <class... D>
struct SplitContext<Types<D...>, Types<ToolContext>> {
  using Values = Types<D...>;
  static constexpr bool has_context = true;
};
template <class... D, class First, class... Rest>
struct SplitContext<Types<D...>, Types<First, Rest...>> : SplitContext<Types<D..., First>, Types<Rest...>> {};

template <class F>
using SplitOf = SplitContext<Types<>, typename PartsOf<F>::Parameters>;

template <class T>
constexpr bool is_struct_argument = std::is_aggregate_v<T> && std::is_class_v<T>;

template <class T>
struct AsyncOf {
  using Value = T;
  static constexpr bool is_async = false;
};
template <class T>
struct AsyncOf<Async<T>> {
  using Value = T;
  static constexpr bool is_async = true;
};

template <class T>
struct IsExpected : std::false_type {};
template <class T>
struct IsExpected<std::expected<T, std::string>> : std::true_type {};

template <class T>
ToolOutcome to_outcome(T result) {
  if constexpr (std::same_as<T, ToolOutcome>) {
    return result;
  } else if constexpr (IsExpected<T>::value) {
    if (!result) return ToolOutcome::error(result.error());
    if constexpr (std::is_void_v<typename T::value_type>) {
      return {};
    } else {
      return to_outcome(*std::move(result));
    }
  } else if constexpr (std::convertible_to<const T&, std::string_view>) {
    return {.value = Json(std::string_view(result))};
  } else {
    return {.value = to_value(result)};
  }
}

Field argument_field(const Argument& argument, Type type);

template <class... V, std::size_t N>
Type type_of_arguments(Types<V...> /*values*/, const ArgumentNames<N>& names) {
  if constexpr (N == 0 && sizeof...(V) == 1) {
    using Struct = std::tuple_element_t<0, std::tuple<V...>>;
    static_assert(is_struct_argument<Struct> || std::same_as<Struct, JsonObject>,
                  "a tool's parameters need names: add dspy::args(\"…\"), or take one struct whose members are the "
                  "arguments");
    if constexpr (std::same_as<Struct, JsonObject>) {
      auto anything = Type::object("", {});
      anything.arguments = {Type::any()};
      return anything;
    } else {
      return type_of<Struct>();
    }
  } else {
    static_assert(sizeof...(V) == N,
                  "dspy::args must name each parameter of the function once (a ToolContext at the end has no name)");
    std::vector<Field> fields;
    if constexpr (N > 0) {
      std::size_t i = 0;
      (fields.push_back(argument_field(names.names[i++], type_of<V>())), ...);
    }
    return Type::object("", std::move(fields));
  }
}

/// The type of the object that a function's arguments are together.
template <class F, std::size_t N>
Type arguments_type(const ArgumentNames<N>& names) {
  return type_of_arguments(typename SplitOf<F>::Values(), names);
}

template <class T>
T read_argument(const JsonObject& arguments, std::string_view name) {
  const auto* const value = arguments.if_contains(name);
  return from_value<T>(value != nullptr ? *value : Json());
}

template <class F, class... V, std::size_t N>
std::tuple<V...> read_arguments(Types<V...> /*values*/, const JsonObject& arguments, const ArgumentNames<N>& names) {
  if constexpr (N == 0 && sizeof...(V) == 1) {
    using Struct = std::tuple_element_t<0, std::tuple<V...>>;
    if constexpr (std::same_as<Struct, JsonObject>) {
      return {arguments};
    } else {
      return {from_values<Struct>(arguments)};
    }
  } else if constexpr (N == 0) {
    return {};
  } else {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::tuple<V...>{read_argument<V>(arguments, names.names[I].name)...};
    }(std::make_index_sequence<N>{});
  }
}

/// A tool's function and the names of its parameters; calls share it.
template <class F, std::size_t N>
struct NamedFunction {
  F function;
  ArgumentNames<N> names;
};

template <class F, std::size_t N>
Async<ToolOutcome> run_function(std::shared_ptr<const NamedFunction<F, N>> shared, JsonObject arguments,
                                ToolContext context) {
  using Split = SplitOf<F>;
  using Result = AsyncOf<typename PartsOf<F>::Result>;
  auto values = read_arguments<F>(typename Split::Values(), arguments, shared->names);
  const auto invoke = [&] {
    return std::apply(
        [&](auto&... value) {
          if constexpr (Split::has_context) {
            return std::invoke(shared->function, std::move(value)..., std::move(context));
          } else {
            return std::invoke(shared->function, std::move(value)...);
          }
        },
        values);
  };
  if constexpr (Result::is_async && std::is_void_v<typename Result::Value>) {
    co_await invoke();
    co_return ToolOutcome();
  } else if constexpr (Result::is_async) {
    co_return to_outcome(co_await invoke());
  } else if constexpr (std::is_void_v<typename Result::Value>) {
    invoke();
    co_return ToolOutcome();
  } else {
    co_return to_outcome(invoke());
  }
}

template <class F, std::size_t N>
std::function<Async<ToolOutcome>(JsonObject, ToolContext)> erased_function(F function, ArgumentNames<N> names) {
  auto shared = std::make_shared<const NamedFunction<F, N>>(std::move(function), std::move(names));
  return [shared = std::move(shared)](JsonObject arguments, ToolContext context) {
    return run_function<F, N>(shared, std::move(arguments), std::move(context));
  };
}

/// A function that is not a coroutine can only be left behind on a thread of its own.
template <class F, class Options>
Options adjusted(Options options) {
  if (options.timeout && !AsyncOf<typename PartsOf<F>::Result>::is_async) options.blocks = true;
  return options;
}

}  // namespace detail
}  // namespace dspy
