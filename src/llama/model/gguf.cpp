#include "llama/model/gguf.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <format>
#include <fstream>
#include <istream>
#include <unordered_set>

namespace dspy::llama {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are little-endian");

constexpr std::array tensor_types = std::to_array<TensorType>({
    {0, "F32", 1, 4},         {1, "F16", 1, 2},         {2, "Q4_0", 32, 18},      {3, "Q4_1", 32, 20},
    {6, "Q5_0", 32, 22},      {7, "Q5_1", 32, 24},      {8, "Q8_0", 32, 34},      {9, "Q8_1", 32, 36},
    {10, "Q2_K", 256, 84},    {11, "Q3_K", 256, 110},   {12, "Q4_K", 256, 144},   {13, "Q5_K", 256, 176},
    {14, "Q6_K", 256, 210},   {15, "Q8_K", 256, 292},   {16, "IQ2_XXS", 256, 66}, {17, "IQ2_XS", 256, 74},
    {18, "IQ3_XXS", 256, 98}, {19, "IQ1_S", 256, 50},   {20, "IQ4_NL", 32, 18},   {21, "IQ3_S", 256, 110},
    {22, "IQ2_S", 256, 82},   {23, "IQ4_XS", 256, 136}, {24, "I8", 1, 1},         {25, "I16", 1, 2},
    {26, "I32", 1, 4},        {27, "I64", 1, 8},        {28, "F64", 1, 8},        {29, "IQ1_M", 256, 56},
    {30, "BF16", 1, 2},       {34, "TQ1_0", 256, 54},   {35, "TQ2_0", 256, 66},   {39, "MXFP4", 32, 17},
    {40, "NVFP4", 64, 36},    {41, "Q1_0", 128, 18},    {42, "Q2_0", 64, 18},
});

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

struct Problem {
  std::string text;
};

class Reader {
 public:
  Reader(std::istream& in, std::uint64_t size) : in_(in), size_(size) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t left() const { return size_ - position_; }

  void read(void* to, std::uint64_t bytes) {
    need(bytes);
    in_.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    if (static_cast<std::uint64_t>(in_.gcount()) != bytes) throw Problem{"could not be read to its end"};
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
      throw Problem{std::format("is damaged: {} of {} bytes at byte {}", what, length, position_ - 8)};
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
      throw Problem{std::format(
          "is cut short: it has {} bytes, and its header does not end there; copy or download it again", size_)};
  }

  std::istream& in_;
  std::uint64_t size_;
  std::uint64_t position_ = 0;
};

JsonString valid_text(const std::string& text) {
  if (!text::invalid_utf8(text)) return JsonString(text);
  text::Utf8Buffer buffer;
  auto repaired = buffer.push(text);
  repaired += buffer.finish();
  return JsonString(repaired);
}

Json read_value(Reader& reader, std::uint32_t type) {
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
    default: throw Problem{std::format("is damaged: there is no value type {} (byte {})", type, reader.position())};
  }
}

/// The tokens of a vocabulary that say which chat format suits it.
struct ChatmlTokens {
  static constexpr std::string_view start = "<|im_start|>";
  static constexpr std::string_view end = "<|im_end|>";
  bool has_start = false;
  bool has_end = false;

  void read(Reader& reader) {
    const auto size = reader.read<std::uint64_t>();
    if (size != start.size() && size != end.size()) return reader.skip(size);
    std::string token;
    for (std::uint64_t i = 0; i < size; ++i) token += static_cast<char>(reader.read<std::uint8_t>());
    has_start |= token == start;
    has_end |= token == end;
  }
};

Json read_list(Reader& reader, ChatmlTokens& tokens) {
  const auto type = reader.read<std::uint32_t>();
  const auto count = reader.read<std::uint64_t>();
  if (type == array || type >= value_type_names.size())
    throw Problem{std::format("is damaged: a list of value type {} at byte {}", type, reader.position() - 12)};
  if (count <= Gguf::long_list) {
    JsonArray list;
    for (std::uint64_t i = 0; i < count; ++i) list.push_back(read_value(reader, type));
    return list;
  }
  if (type == string) {
    for (std::uint64_t i = 0; i < count; ++i) tokens.read(reader);
  } else {
    if (count > reader.left())
      throw Problem{std::format("is damaged: a list of {} values at byte {}", count, reader.position() - 8)};
    reader.skip(count * size_of(type));
  }
  return JsonString(std::format("{}[{}]", value_type_names[type], count));
}

void read_metadata(Reader& reader, std::uint64_t count, JsonObject& metadata, ChatmlTokens& tokens) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto key = valid_text(reader.text(65535, "a key"));
    const auto type = reader.read<std::uint32_t>();
    auto value = type == array ? read_list(reader, tokens) : read_value(reader, type);
    if (!metadata.emplace(view(key), std::move(value)).second)
      throw Problem{std::format("is damaged: it has the key `{}` twice", view(key))};
  }
}

GgufTensor read_tensor(Reader& reader) {
  GgufTensor tensor;
  tensor.name = reader.text(1024, "a tensor's name");
  const auto dimensions = reader.read<std::uint32_t>();
  if (dimensions > 4) throw Problem{std::format("is damaged: tensor `{}` has {} dimensions", tensor.name, dimensions)};
  tensor.elements = 1;
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    const auto size = reader.read<std::uint64_t>();
    // No number format takes less than an eighth of a byte for an element, and files stay far under 2^60 bytes.
    if (size == 0 || size > (std::uint64_t{1} << 60) / tensor.elements)
      throw Problem{std::format("is damaged: tensor `{}` has an impossible shape", tensor.name)};
    tensor.shape.push_back(size);
    tensor.elements *= size;
  }
  tensor.type = reader.read<std::uint32_t>();
  tensor.offset = reader.read<std::uint64_t>();
  if (const auto* type = tensor_type(tensor.type)) {
    const auto row = tensor.shape.empty() ? 1 : tensor.shape.front();
    if (row % type->block != 0)
      throw Problem{std::format("is damaged: tensor `{}` has rows of {} values, which {} cannot hold", tensor.name, row,
                                type->name)};
    tensor.bytes = tensor.elements / type->block * type->bytes;
  }
  return tensor;
}

void check_extents(const Gguf& gguf) {
  for (const auto& tensor : gguf.tensors) {
    const auto room = gguf.file_bytes - gguf.data_offset;
    if (tensor.offset > room || tensor.bytes > room - tensor.offset) {
      throw Problem{
          std::format("is cut short: tensor `{}` ends at byte {} of a file of {} bytes; copy or download it again",
                      tensor.name, gguf.data_offset + tensor.offset + tensor.bytes, gguf.file_bytes)};
    }
  }
}

Gguf read_header(Reader& reader, std::uint64_t file_bytes) {
  Gguf gguf{.file_bytes = file_bytes};
  std::array<char, 4> magic{};
  if (file_bytes < 4) throw Problem{"is not a GGUF file: it has fewer than 4 bytes"};
  reader.read(magic.data(), magic.size());
  if (std::string_view(magic.data(), 4) != "GGUF")
    throw Problem{"is not a GGUF file (it does not start with `GGUF`); convert the model to GGUF first"};
  gguf.version = reader.read<std::uint32_t>();
  if (gguf.version != 2 && gguf.version != 3)
    throw Problem{std::format("is GGUF version {}; versions 2 and 3 can be read", gguf.version)};
  const auto tensors = reader.read<std::uint64_t>();
  const auto keys = reader.read<std::uint64_t>();
  // Each takes some bytes of the header, so larger counts are damage, and not worth the memory.
  if (tensors > reader.left() / 24 || keys > reader.left() / 13)
    throw Problem{std::format("is damaged or cut short: it announces {} tensors and {} keys in {} bytes", tensors, keys,
                              file_bytes)};

  ChatmlTokens tokens;
  read_metadata(reader, keys, gguf.metadata, tokens);
  gguf.has_chatml_tokens = tokens.has_start && tokens.has_end;
  std::unordered_set<std::string> names;
  for (std::uint64_t i = 0; i < tensors; ++i) {
    gguf.tensors.push_back(read_tensor(reader));
    if (!names.insert(gguf.tensors.back().name).second)
      throw Problem{std::format("is damaged: it has the tensor `{}` twice", gguf.tensors.back().name)};
  }

  const auto alignment = gguf.whole("general.alignment").value_or(32);
  if (!std::has_single_bit(alignment) || alignment > 65536)
    throw Problem{std::format("is damaged: an alignment of {} bytes", alignment)};
  gguf.data_offset = (reader.position() + alignment - 1) / alignment * alignment;
  if (gguf.data_offset > file_bytes) gguf.data_offset = file_bytes;
  check_extents(gguf);
  return gguf;
}

}  // namespace

const TensorType* tensor_type(std::uint32_t id) noexcept {
  const auto found = std::ranges::find(tensor_types, id, &TensorType::id);
  return found == tensor_types.end() ? nullptr : &*found;
}

const Json* Gguf::find(std::string_view key) const {
  return metadata.if_contains(key);
}

std::optional<std::string> Gguf::text(std::string_view key) const {
  const auto* value = find(key);
  if (!value || !value->is_string()) return std::nullopt;
  return std::string(view(value->get_string()));
}

std::optional<double> Gguf::number(std::string_view key) const {
  const auto* value = find(key);
  if (!value || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

std::optional<std::uint64_t> Gguf::whole(std::string_view key) const {
  const auto* value = find(key);
  if (!value) return std::nullopt;
  if (value->is_uint64()) return value->get_uint64();
  if (value->is_int64() && value->get_int64() >= 0) return static_cast<std::uint64_t>(value->get_int64());
  return std::nullopt;
}

std::optional<std::uint64_t> Gguf::length(std::string_view key) const {
  const auto* value = find(key);
  if (!value) return std::nullopt;
  if (value->is_array()) return value->get_array().size();
  if (!value->is_string()) return std::nullopt;
  const auto shown = view(value->get_string());
  const auto open = shown.find('[');
  if (open == shown.npos || !shown.ends_with(']')) return std::nullopt;
  std::uint64_t length = 0;
  const auto* const end = shown.data() + shown.size() - 1;
  const auto [parsed, error] = std::from_chars(shown.data() + open + 1, end, length);
  if (error != std::errc{} || parsed != end) return std::nullopt;
  return length;
}

std::expected<Gguf, std::string> read_gguf(std::istream& in, std::uint64_t file_bytes) {
  Reader reader(in, file_bytes);
  try {
    return read_header(reader, file_bytes);
  } catch (Problem& problem) {
    return std::unexpected(std::move(problem.text));
  }
}

Gguf read_gguf(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error))
    throw Error(Errc::model_not_found, std::format("there is no model file `{}`", file.string()),
                {.model = file.string()});
  if (std::filesystem::is_directory(file, error))
    throw Error(Errc::model_not_found, std::format("`{}` is a folder; name a GGUF file in it", file.string()),
                {.model = file.string()});
  const auto size = std::filesystem::file_size(file, error);
  std::ifstream in(file, std::ios::binary);
  if (error || !in)
    throw Error(Errc::io_error,
                std::format("the model file `{}` cannot be opened: {}", file.string(), std::strerror(errno)),
                {.model = file.string()});
  auto gguf = read_gguf(in, size);
  if (!gguf)
    throw Error(Errc::model_load_error, std::format("the model file `{}` {}", file.string(), gguf.error()),
                {.model = file.string()});
  return *std::move(gguf);
}

}  // namespace dspy::llama
