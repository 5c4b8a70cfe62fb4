#pragma once

#include <cstdint>
#include <format>
#include <istream>
#include <string>
#include <string_view>

// Reads the bytes of a GGUF file, and checks every length in it first.  Private to gguf*.cpp.

namespace dspy::llama {

/// What is wrong with a file, as the end of a sentence that starts with its name.
struct GgufProblem {
  std::string text;
};

/// Numbers and texts from a file of `size` bytes.  Throws `GgufProblem` before it would read beyond them.
class GgufReader {
 public:
  GgufReader(std::istream& in, std::uint64_t size) : in_(in), size_(size) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t left() const { return size_ - position_; }

  void read(void* to, std::uint64_t bytes) {
    need(bytes);
    in_.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    if (static_cast<std::uint64_t>(in_.gcount()) != bytes) throw GgufProblem{"could not be read to its end"};
    position_ += bytes;
  }

  template <class T>
  T read() {
    T value{};
    read(&value, sizeof value);
    return value;
  }

  std::string text(std::uint64_t longest, std::string_view what) {
    const auto length = read<std::uint64_t>();
    if (length > longest)
      throw GgufProblem{std::format("is damaged: {} of {} bytes at byte {}", what, length, position_ - 8)};
    need(length);
    std::string result(length, '\0');
    read(result.data(), length);
    return result;
  }

  void skip(std::uint64_t bytes) {
    need(bytes);
    in_.ignore(static_cast<std::streamsize>(bytes));
    position_ += bytes;
  }

 private:
  void need(std::uint64_t bytes) const {
    if (bytes > left())
      throw GgufProblem{std::format(
          "is cut short: it has {} bytes, and its header does not end there; copy or download it again", size_)};
  }

  std::istream& in_;
  std::uint64_t size_;
  std::uint64_t position_ = 0;
};

}  // namespace dspy::llama
