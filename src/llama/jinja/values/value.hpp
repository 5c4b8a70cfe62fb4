#pragma once

#include "dspy/base/json.hpp"
#include "llama/jinja/values/text.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dspy::llama::jinja {

class Value;
class Work;
struct Callable;
struct Namespace;

using List = std::vector<Value>;

/// What a function is called with.
struct Arguments;
using Function = std::function<Value(Work& work, const Arguments& arguments)>;

/// Members in the order in which they came.
struct Dict {
  std::vector<std::pair<Value, Value>> members;

  const Value* find(std::string_view key) const noexcept;
  const Value* find(const Value& key) const noexcept;
  void set(Value key, Value value);
};

/// A value of a template, as Python has it.  Copies share what they hold; only a namespace can be changed.
class Value {
 public:
  struct Undefined {
    std::string name;  ///< What was asked for.
  };
  struct None {};
  using Callable = jinja::Callable;
  using Namespace = jinja::Namespace;

  Value() = default;                                                        ///< Undefined.
  Value(None) : is_(None()) {}                                              // NOLINT(google-explicit-constructor)
  Value(bool truth) : is_(truth) {}                                         // NOLINT(google-explicit-constructor)
  Value(std::int64_t number) : is_(number) {}                               // NOLINT(google-explicit-constructor)
  Value(double number) : is_(number) {}                                     // NOLINT(google-explicit-constructor)
  Value(Text text) : is_(std::make_shared<const Text>(std::move(text))) {}  // NOLINT(google-explicit-constructor)
  Value(List list, bool is_tuple = false);                                  // NOLINT(google-explicit-constructor)
  Value(Dict dict);                                                         // NOLINT(google-explicit-constructor)
  Value(Callable callable);                                                 // NOLINT(google-explicit-constructor)
  static Value own(std::string text) { return Text(std::move(text)); }
  static Value given(std::string text) { return Text(std::move(text), true); }
  static Value count(std::size_t number) { return static_cast<std::int64_t>(number); }
  static Value undefined(std::string name);
  static Value changeable(Dict members);
  /// All texts in it, names of members too, are given.
  static Value from(const Json& json);

  bool is_undefined() const noexcept { return std::holds_alternative<Undefined>(is_); }
  bool is_none() const noexcept { return std::holds_alternative<None>(is_); }
  bool is_bool() const noexcept { return std::holds_alternative<bool>(is_); }
  bool is_integer() const noexcept { return std::holds_alternative<std::int64_t>(is_); }
  bool is_float() const noexcept { return std::holds_alternative<double>(is_); }
  bool is_number() const noexcept { return is_integer() || is_float() || is_bool(); }
  bool is_tuple() const noexcept { return is_tuple_; }

  const Undefined* if_undefined() const noexcept { return std::get_if<Undefined>(&is_); }
  const Text* text() const noexcept { return shared<Text>(); }
  const List* list() const noexcept { return shared<List>(); }
  const Dict* dict() const noexcept { return shared<Dict>(); }
  const Callable* callable() const noexcept { return shared<Callable>(); }
  Namespace* changeable() const noexcept;
  /// A whole number; truth counts as 0 or 1.
  std::optional<std::int64_t> integer() const noexcept;
  std::optional<double> number() const noexcept;

  /// How deep lists and dicts lie in each other; more than `deepest` also where a namespace is in one, which might be
  /// in itself.
  std::size_t depth() const noexcept { return depth_; }
  static constexpr std::size_t deepest = 300;

  /// As `if` sees it.
  bool truth() const noexcept;
  /// As Python calls its type, for messages.
  std::string_view type_name() const noexcept;
  bool operator==(const Value& other) const noexcept;
  /// Nothing where the two have no order.
  std::optional<std::partial_ordering> order(const Value& other) const noexcept;

 private:
  template <class T>
  const T* shared() const noexcept {
    const auto* const held = std::get_if<std::shared_ptr<const T>>(&is_);
    return held == nullptr ? nullptr : held->get();
  }

  std::variant<Undefined, None, bool, std::int64_t, double, std::shared_ptr<const Text>, std::shared_ptr<const List>,
               std::shared_ptr<const Dict>, std::shared_ptr<Namespace>, std::shared_ptr<const Callable>>
      is_;
  bool is_tuple_ = false;
  std::size_t depth_ = 0;
};

struct Callable {
  std::string name = {};
  Function call = {};
};

/// `namespace(...)`: the one thing that templates may change.
struct Namespace {
  Dict members = {};
};

struct Arguments {
  std::vector<Value> positional = {};
  std::vector<std::pair<std::string, Value>> named = {};

  /// The argument at `index`, or of that name; null if it was not given.
  const Value* find(std::size_t index, std::string_view name) const noexcept;
};

/// As Python's `str` writes it.
Text shown(const Value& value);
/// As Python's `repr` writes it.
Text repr(const Value& value);
std::string float_text(double number);

}  // namespace dspy::llama::jinja
