#include "retrieval/passage_lines.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::app {
namespace {

class Line {
 public:
  Line(const std::filesystem::path& path, std::size_t number) : path_(path), number_(number) {}

  Passage read(std::string_view text) const {
    const auto json = parse_json(text);
    if (!json) fail(std::format("is not JSON: {}", json.error().message));
    const auto* const object = json->if_object();
    if (object == nullptr) fail("is not an object with a `text`");
    Passage passage{.id = std::format("{}:{}", path_.filename().string(), number_)};
    bool has_text = false;
    for (const auto& member : *object) {
      const std::string_view name = member.key();
      const auto& value = member.value();
      if (name == "text") {
        passage.text = text_of(name, value);
        has_text = true;
      } else if (name == "id") {
        passage.id = text_of(name, value);
      } else if (name == "source") {
        passage.source = text_of(name, value);
      } else if (name == "begin") {
        passage.begin = offset(name, value);
      } else if (name == "end") {
        passage.end = offset(name, value);
      } else if (name == "vector") {
        passage.vector = vector(value);
      } else if (name == "metadata" && value.is_object()) {
        for (const auto& inner : value.get_object()) add(passage, inner.key(), inner.value());
      } else {
        add(passage, name, value);
      }
    }
    if (!has_text) fail("lacks its `text`");
    return passage;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(Errc::bad_input, std::format("line {} of `{}` {}", number_, path_.string(), why));
  }
  void add(Passage& passage, std::string_view name, const Json& value) const {
    if (passage.metadata.contains(name)) fail(std::format("has `{}` twice", name));
    passage.metadata[name] = value;
  }
  std::string text_of(std::string_view name, const Json& value) const {
    if (!value.is_string()) fail(std::format("has a `{}` that is not text", name));
    return std::string(view(value.get_string()));
  }
  std::size_t offset(std::string_view name, const Json& value) const {
    if (!value.is_int64() || value.get_int64() < 0)
      fail(std::format("has a `{}` that is not an offset in bytes", name));
    return static_cast<std::size_t>(value.get_int64());
  }
  std::vector<float> vector(const Json& value) const {
    const auto* const list = value.if_array();
    if (list == nullptr) fail("has a `vector` that is not a list");
    std::vector<float> out;
    for (const auto& number : *list) {
      if (!number.is_number()) fail("has a `vector` with something that is not a number");
      out.push_back(number.to_number<float>());
    }
    return out;
  }

  const std::filesystem::path& path_;
  std::size_t number_;
};

}  // namespace

std::vector<Passage> read_passages(const std::filesystem::path& path) {
  const auto all = read_text(path, std::numeric_limits<std::uintmax_t>::max());
  std::vector<Passage> passages;
  std::size_t number = 0;
  for (std::size_t start = 0; start < all.size();) {
    const auto end = std::min(all.find('\n', start), all.size());
    const auto line = text::trim(std::string_view(all).substr(start, end - start));
    start = end + 1;
    ++number;
    if (!line.empty()) passages.push_back(Line(path, number).read(line));
  }
  return passages;
}

}  // namespace dspy::app
