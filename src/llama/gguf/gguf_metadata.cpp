// The values of a header by key.  Long lists, such as the words of a vocabulary, are described and not kept.
#include "llama/gguf/gguf_metadata.hpp"

#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"

#include <array>
#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::llama {
namespace {

enum ValueType : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64,
};

constexpr std::array<std::string_view, 13> value_type_names = {"uint8",  "int8",    "uint16", "int16",  "uint32",
                                                               "int32",  "float32", "bool",   "string", "array",
                                                               "uint64", "int64",   "float64"};

std::uint64_t size_of(std::uint32_t type) {
  switch (type) {
    case u8:
    case i8:
    case boolean: return 1;
    case u16:
    case i16: return 2;
    case u32:
    case i32:
    case f32: return 4;
    case u64:
    case i64:
    case f64: return 8;
    default: return 0;
  }
}

JsonString valid_text(const std::string& text) {
  if (!text::invalid_utf8(text)) return JsonString(text);
  text::Utf8Buffer buffer;
  auto repaired = buffer.push(text);
  repaired += buffer.finish();
  return JsonString(repaired);
}

Json read_value(GgufReader& reader, std::uint32_t type) {
  switch (type) {
    case u8: return reader.read<std::uint8_t>();
    case i8: return reader.read<std::int8_t>();
    case u16: return reader.read<std::uint16_t>();
    case i16: return reader.read<std::int16_t>();
    case u32: return reader.read<std::uint32_t>();
    case i32: return reader.read<std::int32_t>();
    case f32: return static_cast<double>(reader.read<float>());
    case boolean: return reader.read<std::uint8_t>() != 0;
    case string: return valid_text(reader.text(reader.left(), "a text"));
    case u64: return reader.read<std::uint64_t>();
    case i64: return reader.read<std::int64_t>();
    case f64: return reader.read<double>();
    default: throw GgufProblem{std::format("is damaged: there is no value type {} (byte {})", type, reader.position())};
  }
}

/// The tokens of a vocabulary that say which chat format suits it.
struct ChatmlTokens {
  static constexpr std::string_view start = "<|im_start|>";
  static constexpr std::string_view end = "<|im_end|>";
  bool has_start = false;
  bool has_end = false;

  void read(GgufReader& reader) {
    const auto size = reader.read<std::uint64_t>();
    if (size != start.size() && size != end.size()) return reader.skip(size);
    std::string token;
    for (std::uint64_t i = 0; i < size; ++i) token += static_cast<char>(reader.read<std::uint8_t>());
    has_start |= token == start;
    has_end |= token == end;
  }
};

Json read_list(GgufReader& reader, ChatmlTokens& tokens) {
  const auto type = reader.read<std::uint32_t>();
  const auto count = reader.read<std::uint64_t>();
  if (type == array || type >= value_type_names.size())
    throw GgufProblem{std::format("is damaged: a list of value type {} at byte {}", type, reader.position() - 12)};
  if (count <= Gguf::long_list) {
    JsonArray list;
    for (std::uint64_t i = 0; i < count; ++i) list.push_back(read_value(reader, type));
    return list;
  }
  if (type == string) {
    for (std::uint64_t i = 0; i < count; ++i) tokens.read(reader);
  } else {
    if (count > reader.left())
      throw GgufProblem{std::format("is damaged: a list of {} values at byte {}", count, reader.position() - 8)};
    reader.skip(count * size_of(type));
  }
  return JsonString(std::format("{}[{}]", value_type_names[type], count));
}

}  // namespace

void read_gguf_metadata(GgufReader& reader, std::uint64_t count, Gguf& gguf) {
  ChatmlTokens tokens;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto key = valid_text(reader.text(65535, "a key"));
    const auto type = reader.read<std::uint32_t>();
    auto value = type == array ? read_list(reader, tokens) : read_value(reader, type);
    if (!gguf.metadata.emplace(view(key), std::move(value)).second)
      throw GgufProblem{std::format("is damaged: it has the key `{}` twice", view(key))};
  }
  gguf.has_chatml_tokens = tokens.has_start && tokens.has_end;
}

}  // namespace dspy::llama
