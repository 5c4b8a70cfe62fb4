#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace dspy {

/// A value on the heap, so that a struct can contain its own type where `std::vector` does not fit:
/// `std::variant<int, dspy::Boxed<Expression>>`, `std::optional<dspy::Boxed<Node>>`.  As JSON it is the value itself.
/// Copies copy the value.  A default-constructed or moved-from box is empty, and writing it is an error.
template <class T>
class Boxed {
 public:
  Boxed() noexcept = default;
  // A template, so that asking whether a box can be copied does not ask for a complete `T`.
  template <class U = T>
    requires std::same_as<std::remove_cvref_t<U>, T>
  Boxed(U&& value) : value_(std::make_unique<T>(std::forward<U>(value))) {}  // NOLINT(google-explicit-constructor)

  Boxed(const Boxed& other) : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(const Boxed& other) {
    if (this != &other) value_ = other.value_ ? std::make_unique<T>(*other.value_) : nullptr;
    return *this;
  }
  Boxed& operator=(Boxed&&) noexcept = default;
  ~Boxed() = default;

  bool is_empty() const noexcept { return value_ == nullptr; }
  T& operator*() noexcept { return *value_; }
  const T& operator*() const noexcept { return *value_; }
  T* operator->() noexcept { return value_.get(); }
  const T* operator->() const noexcept { return value_.get(); }

  friend bool operator==(const Boxed& a, const Boxed& b) {
    return a.is_empty() || b.is_empty() ? a.is_empty() == b.is_empty() : *a == *b;
  }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace dspy
