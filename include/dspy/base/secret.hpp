#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace dspy {

/// A key or password.  It has no formatter, stream operator or JSON conversion, so it cannot get into a log, an error,
/// a trace or a file by mistake; `reveal` is for the line that sends it.  Its memory is overwritten on destruction.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) noexcept : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.forget(); }
  Secret& operator=(const Secret& other) {
    if (this != &other) *this = Secret(other);
    return *this;
  }
  Secret& operator=(Secret&& other) noexcept {
    forget();
    value_ = std::move(other.value_);
    other.forget();
    return *this;
  }
  ~Secret() { forget(); }

  bool is_empty() const noexcept { return value_.empty(); }
  std::string_view reveal() const noexcept { return value_; }

  /// In time that does not tell how much of it is equal.
  friend bool operator==(const Secret& a, const Secret& b) noexcept {
    unsigned different = a.value_.size() == b.value_.size() ? 0 : 1;
    for (std::size_t i = 0; i < a.value_.size(); ++i)
      different |= static_cast<unsigned char>(a.value_[i] ^ (i < b.value_.size() ? b.value_[i] : 0));
    return different == 0;
  }

 private:
  void forget() noexcept {
    for (volatile char& c : value_) c = 0;
    value_.clear();
  }

  std::string value_;
};

}  // namespace dspy
