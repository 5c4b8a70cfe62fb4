#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama::jinja {

/// A string that knows which of its bytes were given to the template (what messages and tools say) and which the
/// template wrote itself.  Only the latter may become control tokens.
class Text {
 public:
  struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;

    bool operator==(const Span&) const = default;
  };

  Text() = default;
  /// Of the template's own, unless it `is_given`.
  explicit Text(std::string bytes, bool is_given = false);

  const std::string& bytes() const noexcept { return bytes_; }
  std::string_view view() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }
  /// The bytes that were given, in order, apart from each other.
  const std::vector<Span>& given() const noexcept { return given_; }
  bool has_given() const noexcept { return !given_.empty(); }

  void append(std::string_view own) { bytes_ += own; }
  void append(const Text& more);
  /// The bytes [begin, end).
  Text part(std::size_t begin, std::size_t end) const;
  /// `changed` in place of the bytes, which came of them: given if any of them was.
  Text with(std::string changed) const { return Text(std::move(changed), has_given()); }

 private:
  void add(Span span);

  std::string bytes_;
  std::vector<Span> given_;
};

}  // namespace dspy::llama::jinja
