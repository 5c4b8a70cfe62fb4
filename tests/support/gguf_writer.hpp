#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::test {

/// Writes GGUF files, whole or (on purpose) wrong.
class GgufWriter {
 public:
  enum Type : std::uint32_t { f32 = 0, f16 = 1, q8_0 = 8 };

  void text(std::string_view key, std::string_view value) {
    add(key, 8, [&] { put_text(header_, value); });
  }
  void whole(std::string_view key, std::uint32_t value) {
    add(key, 4, [&] { put(header_, value); });
  }
  void number(std::string_view key, float value) {
    add(key, 6, [&] { put(header_, value); });
  }
  void flag(std::string_view key, bool value) {
    add(key, 7, [&] { put(header_, static_cast<std::uint8_t>(value)); });
  }

  void texts(std::string_view key, const std::vector<std::string>& values) {
    add(key, 9, [&] {
      put(header_, std::uint32_t{8});
      put(header_, std::uint64_t{values.size()});
      for (const auto& value : values) put_text(header_, value);
    });
  }
  void wholes(std::string_view key, const std::vector<std::int32_t>& values) {
    add(key, 9, [&] {
      put(header_, std::uint32_t{5});
      put(header_, std::uint64_t{values.size()});
      for (const auto value : values) put(header_, value);
    });
  }
  void numbers(std::string_view key, const std::vector<float>& values) {
    add(key, 9, [&] {
      put(header_, std::uint32_t{6});
      put(header_, std::uint64_t{values.size()});
      for (const auto value : values) put(header_, value);
    });
  }

  /// `fill` writes the tensor's bytes.
  void tensor(std::string_view name, Type type, const std::vector<std::uint64_t>& shape,
              std::function<void(std::span<char> bytes)> fill) {
    const auto elements = std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, std::multiplies{});
    const auto bytes = type == f32 ? elements * 4 : type == f16 ? elements * 2 : elements / 32 * 34;
    put_text(tensors_, name);
    put(tensors_, static_cast<std::uint32_t>(shape.size()));
    for (const auto size : shape) put(tensors_, size);
    put(tensors_, static_cast<std::uint32_t>(type));
    put(tensors_, offset_);
    offset_ += padded(bytes);
    fills_.push_back({bytes, std::move(fill)});
  }

  /// The header alone, with its padding.
  std::string header() const {
    std::string out = "GGUF";
    put(out, std::uint32_t{3});
    put(out, std::uint64_t{fills_.size()});
    put(out, keys_);
    out += header_;
    out += tensors_;
    out.resize(padded(out.size()));
    return out;
  }

  void write(const std::string& path) const {
    std::ofstream file(path, std::ios::binary);
    const auto start = header();
    file.write(start.data(), static_cast<std::streamsize>(start.size()));
    std::vector<char> data;
    for (const auto& [bytes, fill] : fills_) {
      data.assign(padded(bytes), '\0');
      fill(std::span(data).first(bytes));
      file.write(data.data(), static_cast<std::streamsize>(data.size()));
    }
  }

 private:
  struct Fill {
    std::uint64_t bytes;
    std::function<void(std::span<char>)> write;
  };

  static std::uint64_t padded(std::uint64_t size) { return (size + 31) / 32 * 32; }

  template <class T>
  static void put(std::string& out, const T& value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out.append(bytes, sizeof value);
  }
  static void put_text(std::string& out, std::string_view text) {
    put(out, std::uint64_t{text.size()});
    out += text;
  }
  template <class F>
  void add(std::string_view key, std::uint32_t type, F&& value) {
    put_text(header_, key);
    put(header_, type);
    value();
    ++keys_;
  }

  std::string header_;
  std::string tensors_;
  std::uint64_t keys_ = 0;
  std::uint64_t offset_ = 0;
  std::vector<Fill> fills_;
};

}  // namespace dspy::test
