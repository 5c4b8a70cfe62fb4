#include "llama/gguf/gguf.hpp"

#include "dspy/base/error.hpp"
#include "llama/gguf/gguf_metadata.hpp"
#include "llama/gguf/gguf_reader.hpp"
#include "llama/gguf/tensor_type.hpp"

#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <format>
#include <fstream>
#include <istream>
#include <unordered_set>
#include <utility>

namespace dspy::llama {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are little-endian");

GgufTensor read_tensor(GgufReader& reader) {
  GgufTensor tensor;
  tensor.name = reader.text(1024, "a tensor's name");
  const auto dimensions = reader.read<std::uint32_t>();
  if (dimensions > 4)
    throw GgufProblem{std::format("is damaged: tensor `{}` has {} dimensions", tensor.name, dimensions)};
  tensor.elements = 1;
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    const auto size = reader.read<std::uint64_t>();
    // No number format takes less than an eighth of a byte for an element, and files stay far under 2^60 bytes.
    if (size == 0 || size > (std::uint64_t{1} << 60) / tensor.elements)
      throw GgufProblem{std::format("is damaged: tensor `{}` has an impossible shape", tensor.name)};
    tensor.shape.push_back(size);
    tensor.elements *= size;
  }
  tensor.type = reader.read<std::uint32_t>();
  tensor.offset = reader.read<std::uint64_t>();
  if (const auto* type = tensor_type(tensor.type)) {
    const auto row = tensor.shape.empty() ? 1 : tensor.shape.front();
    if (row % type->block != 0)
      throw GgufProblem{std::format("is damaged: tensor `{}` has rows of {} values, which {} cannot hold", tensor.name,
                                    row, type->name)};
    tensor.bytes = tensor.elements / type->block * type->bytes;
  }
  return tensor;
}

void check_extents(const Gguf& gguf) {
  for (const auto& tensor : gguf.tensors) {
    const auto room = gguf.file_bytes - gguf.data_offset;
    if (tensor.offset > room || tensor.bytes > room - tensor.offset) {
      throw GgufProblem{
          std::format("is cut short: tensor `{}` ends at byte {} of a file of {} bytes; copy or download it again",
                      tensor.name, gguf.data_offset + tensor.offset + tensor.bytes, gguf.file_bytes)};
    }
  }
}

Gguf read_header(GgufReader& reader, std::uint64_t file_bytes) {
  Gguf gguf{.file_bytes = file_bytes};
  std::array<char, 4> magic{};
  if (file_bytes < 4) throw GgufProblem{"is not a GGUF file: it has fewer than 4 bytes"};
  reader.read(magic.data(), magic.size());
  if (std::string_view(magic.data(), 4) != "GGUF")
    throw GgufProblem{"is not a GGUF file (it does not start with `GGUF`); convert the model to GGUF first"};
  gguf.version = reader.read<std::uint32_t>();
  if (gguf.version != 2 && gguf.version != 3)
    throw GgufProblem{std::format("is GGUF version {}; versions 2 and 3 can be read", gguf.version)};
  const auto tensors = reader.read<std::uint64_t>();
  const auto keys = reader.read<std::uint64_t>();
  // Each takes some bytes of the header, so larger counts are damage, and not worth the memory.
  if (tensors > reader.left() / 24 || keys > reader.left() / 13)
    throw GgufProblem{std::format("is damaged or cut short: it announces {} tensors and {} keys in {} bytes", tensors,
                                  keys, file_bytes)};

  read_gguf_metadata(reader, keys, gguf);
  std::unordered_set<std::string> names;
  for (std::uint64_t i = 0; i < tensors; ++i) {
    gguf.tensors.push_back(read_tensor(reader));
    if (!names.insert(gguf.tensors.back().name).second)
      throw GgufProblem{std::format("is damaged: it has the tensor `{}` twice", gguf.tensors.back().name)};
  }

  const auto alignment = gguf.whole("general.alignment").value_or(32);
  if (!std::has_single_bit(alignment) || alignment > 65536)
    throw GgufProblem{std::format("is damaged: an alignment of {} bytes", alignment)};
  gguf.data_offset = (reader.position() + alignment - 1) / alignment * alignment;
  if (gguf.data_offset > file_bytes) gguf.data_offset = file_bytes;
  check_extents(gguf);
  return gguf;
}

}  // namespace

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
  GgufReader reader(in, file_bytes);
  try {
    return read_header(reader, file_bytes);
  } catch (GgufProblem& problem) {
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
