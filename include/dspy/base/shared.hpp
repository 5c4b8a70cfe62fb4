#pragma once

#include <memory>
#include <utility>

namespace dspy {

/// A copy-on-write value: for parts that are large, or that most owners leave at the default (then it is a null
/// pointer).  Copies may be read from several threads at once, as with `std::shared_ptr`.
template <class T>
class Shared {
 public:
  Shared() = default;
  Shared(T value) : value_(std::make_shared<T>(std::move(value))) {}  // NOLINT(google-explicit-constructor): a value
  Shared& operator=(T value) {
    value_ = std::make_shared<T>(std::move(value));
    return *this;
  }

  const T& operator*() const noexcept {
    static const T untouched{};
    return value_ ? *value_ : untouched;
  }
  const T* operator->() const noexcept { return &**this; }

  /// The value for modification; other owners keep the old value.
  T& edit() {
    if (!value_) {
      value_ = std::make_shared<T>();
    } else if (value_.use_count() > 1) {
      value_ = std::make_shared<T>(std::as_const(*value_));
    }
    return *value_;
  }

  /// False if nothing was ever assigned.
  bool is_set() const noexcept { return value_ != nullptr; }
  bool shares(const Shared& other) const noexcept { return value_ == other.value_; }

  bool operator==(const Shared& other) const { return shares(other) || **this == *other; }

 private:
  std::shared_ptr<T> value_;
};

}  // namespace dspy
