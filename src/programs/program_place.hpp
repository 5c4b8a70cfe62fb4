#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"

#include <cstddef>
#include <cstdint>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dspy {

/// A JSON value in a program file, with its path for messages: `dspy_cpp.scores[2].value`.  Anything
/// invalid throws `Error` (`config_error`) that names the file and the path.
///
/// Refers to the value and the name of the file.
class ProgramPlace {
 public:
  ProgramPlace(std::string_view source, std::string path, const Json& value)
      : source_(source), path_(std::move(path)), value_(&value) {}

  [[noreturn]] void fail(std::string_view problem) const;

  const JsonObject& object() const;
  const JsonArray& array() const;
  std::string text() const;
  double number() const;
  std::uint64_t count() const;

  /// The member of that name; nothing if it is absent or null.
  std::optional<ProgramPlace> find(std::string_view name) const;
  /// The member of that name, which must be there.
  ProgramPlace at(std::string_view name) const;

  /// Calls `visit` with each item of a list.
  template <class F>
  void each(F&& visit) const {
    for (std::size_t i = 0; i < array().size(); ++i)
      visit(ProgramPlace(source_, std::format("{}[{}]", path_, i), array()[i]));
  }

  /// What `read` returns; adds the place to an `Error` that it throws.
  template <class F>
  auto reading(F&& read) const {
    try {
      return read(object());
    } catch (const Error& error) {
      fail(std::format("is not usable: {}", error.what()));
    }
  }

 private:
  std::string_view source_;
  std::string path_;
  const Json* value_;
};

}  // namespace dspy
