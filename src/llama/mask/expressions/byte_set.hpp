#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace dspy::llama::mask {

/// A set of byte values.
class ByteSet {
 public:
  constexpr ByteSet() = default;

  static constexpr ByteSet of(unsigned char byte) noexcept { return range(byte, byte); }
  static constexpr ByteSet range(unsigned char first, unsigned char last) noexcept {
    ByteSet out;
    for (unsigned byte = first; byte <= last; ++byte) out.add(static_cast<unsigned char>(byte));
    return out;
  }

  constexpr void add(unsigned char byte) noexcept { words_[byte >> 6] |= std::uint64_t{1} << (byte & 63); }
  constexpr bool has(unsigned char byte) const noexcept { return (words_[byte >> 6] >> (byte & 63) & 1) != 0; }
  constexpr bool empty() const noexcept { return (words_[0] | words_[1] | words_[2] | words_[3]) == 0; }
  constexpr std::size_t size() const noexcept {
    std::size_t out = 0;
    for (const auto word : words_) out += static_cast<std::size_t>(std::popcount(word));
    return out;
  }
  constexpr std::size_t hash() const noexcept {
    std::size_t out = 0;
    for (const auto word : words_) out = (out ^ word) * 0x9E3779B97F4A7C15u;
    return out ^ (out >> 29);
  }

  friend constexpr ByteSet operator|(ByteSet a, const ByteSet& b) noexcept {
    for (std::size_t i = 0; i < a.words_.size(); ++i) a.words_[i] |= b.words_[i];
    return a;
  }
  constexpr bool operator==(const ByteSet&) const = default;

 private:
  std::array<std::uint64_t, 4> words_{};
};

/// Bytes that nothing under consideration tells apart share a class.
class ByteClasses {
 public:
  /// Splits the classes so that `set` is a union of some.
  void split(const ByteSet& set) noexcept {
    std::array<std::int16_t, 256> moved{};
    moved.fill(-1);
    std::array<bool, 256> stays{};
    for (unsigned byte = 0; byte < 256; ++byte) {
      if (!set.has(static_cast<unsigned char>(byte))) stays[class_of_[byte]] = true;
    }
    for (unsigned byte = 0; byte < 256; ++byte) {
      const auto old = class_of_[byte];
      if (!set.has(static_cast<unsigned char>(byte)) || !stays[old]) continue;
      if (moved[old] < 0) moved[old] = static_cast<std::int16_t>(count_++);
      class_of_[byte] = static_cast<std::uint8_t>(moved[old]);
    }
  }

  /// Splits the classes so that each of `others` is a union of some.
  void split(const ByteClasses& others) noexcept {
    std::array<ByteSet, 256> sets{};
    for (unsigned byte = 0; byte < 256; ++byte) sets[others.class_of_[byte]].add(static_cast<unsigned char>(byte));
    for (std::size_t i = 0; i < others.count_; ++i) split(sets[i]);
  }

  /// Makes one of classes: `into` says which of `count` each becomes.
  void merge(const std::array<std::uint8_t, 256>& into, std::size_t count) noexcept {
    for (auto& byte_class : class_of_) byte_class = into[byte_class];
    count_ = count;
  }

  std::uint8_t operator[](unsigned char byte) const noexcept { return class_of_[byte]; }
  std::size_t count() const noexcept { return count_; }
  bool operator==(const ByteClasses&) const = default;
  /// A byte of each class.
  std::array<std::uint8_t, 256> representatives() const noexcept {
    std::array<std::uint8_t, 256> out{};
    for (unsigned byte = 256; byte-- > 0;) out[class_of_[byte]] = static_cast<std::uint8_t>(byte);
    return out;
  }

 private:
  std::array<std::uint8_t, 256> class_of_{};
  std::size_t count_ = 1;
};

}  // namespace dspy::llama::mask
