#pragma once

#include "llama/jinja/values/fault.hpp"
#include "llama/jinja/values/value.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace dspy::llama::jinja {

/// What one rendering may take.
struct Limits {
  std::uint64_t work = 3'000'000;                  ///< Steps taken and items made.
  std::uint64_t bytes = std::uint64_t{128} << 20;  ///< Written on the way, in all.
  int depth = 300;  ///< Of what lies in each other: expressions, statements, calls of macros.
};

/// The state of one rendering: what it may still do, and where it is.
class Work {
 public:
  using Now = std::function<std::chrono::system_clock::time_point()>;

  Work(Limits limits, Now now) : limits_(limits), now_(std::move(now)) {}

  /// Throws `Error` (`config_error`) where the limit is passed.
  void spend(std::size_t units) {
    spent_ += units;
    if (spent_ > limits_.work) refuse_work();
  }
  /// The same of bytes.
  void write(std::size_t bytes) {
    written_ += bytes;
    if (written_ > limits_.bytes) refuse_work();
  }
  std::chrono::system_clock::time_point now() const { return now_(); }

  void enter(Place place) {
    here_ = place;
    if (++depth_ > limits_.depth) refuse_depth();
    spend(1);
  }
  void leave() noexcept { --depth_; }
  Place here() const noexcept { return here_; }
  void at(Place place) noexcept { here_ = place; }

  [[noreturn]] void fail(std::string_view what) const { throw fault(here_, what); }

 private:
  [[noreturn]] void refuse_work() const;
  [[noreturn]] void refuse_depth();

  Limits limits_;
  Now now_;
  std::uint64_t spent_ = 0;
  std::uint64_t written_ = 0;
  int depth_ = 0;
  Place here_;
};

/// What an operator makes of two values; `sign` as in the source.  These throw `Error` (`config_error`) where the
/// values do not fit.
Value arithmetic(Work& work, std::string_view sign, const Value& left, const Value& right);
bool compared(Work& work, std::string_view sign, const Value& left, const Value& right);
bool contains(Work& work, const Value& container, const Value& item);
Value negated(Work& work, std::string_view sign, const Value& value);

/// What a loop goes over: the items of a list, the characters of a text, the names of a dict's members.
List items_of(Work& work, const Value& value);
Value member(Work& work, const Value& object, std::string_view name);
Value item(Work& work, const Value& object, const Value& key);
Value slice(Work& work, const Value& object, const Value& from, const Value& to, const Value& step);

/// A filter or a test by name, null if there is none; the value it is put to is the first argument.
using BuiltIn = Value (*)(Work& work, const Arguments& arguments);
BuiltIn find_filter(std::string_view name) noexcept;
BuiltIn find_test(std::string_view name) noexcept;
BuiltIn find_function(std::string_view name) noexcept;
/// A method of a text, a list or a dict.
BuiltIn find_method(const Value& object, std::string_view name) noexcept;

}  // namespace dspy::llama::jinja
