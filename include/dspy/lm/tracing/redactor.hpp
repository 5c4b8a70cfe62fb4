#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/secret.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Removes keys and passwords from texts for people or files: registered ones, and anything that looks like one by its
/// form (`sk-…`, `AIza…`, `Bearer …`), its name (a header such as `x-api-key`, a member such as `api_key`) or its place
/// in a URL (`?key=…`, `user:password@`).  This is a safeguard: keys belong in a `Secret`, which cannot be converted to
/// text.  Const members may be called from several threads at once.
class Redactor {
 public:
  static constexpr std::string_view replacement = "[redacted]";

  /// Texts of fewer than 8 bytes are not looked for: they would be found everywhere.
  void add(Secret secret);

  std::string redacted(std::string_view text) const;
  /// In all texts of a value, and whole members that have a name such as `api_key`.
  void redact(Json& value) const;

 private:
  std::vector<Secret> secrets_;
};

}  // namespace dspy
