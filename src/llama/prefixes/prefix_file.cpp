// The file: a line that names the format, then a header of fixed size, the tokens, the state.  Numbers are
// little-endian. The header binds it to the model's bytes, the library's version and how tokens are kept, and carries a
// hash of all that follows.

#include "llama/prefixes/prefix_file.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "llama/model/runtime.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <format>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

namespace dspy::llama {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "the file is written as it lies in memory");

constexpr std::string_view format_name = "dspy prompt prefix 2\n";

struct Header {
  std::uint64_t binding = 0;
  std::uint64_t tokens = 0;
  std::uint64_t begin = 0;
  std::uint64_t state_bytes = 0;
  std::uint64_t content = 0;  ///< Hash of tokens and state.
};

/// FNV-1a over words of eight bytes, four of them side by side: a multiplication has not ended when the next begins.
class Hash {
 public:
  void add(std::span<const std::byte> bytes) {
    constexpr auto block = lanes * sizeof(std::uint64_t);
    for (; bytes.size() >= block; bytes = bytes.subspan(block)) {
      std::array<std::uint64_t, lanes> words{};
      std::memcpy(words.data(), bytes.data(), block);
      for (std::size_t lane = 0; lane < lanes; ++lane) mix(values_[lane], words[lane]);
    }
    for (const auto byte : bytes) mix(values_[0], std::to_integer<std::uint64_t>(byte));
  }
  std::uint64_t value() const {
    auto value = values_[0];
    for (std::size_t lane = 1; lane < lanes; ++lane) mix(value, values_[lane]);
    return value ^ (value >> 29);
  }

 private:
  static constexpr std::size_t lanes = 4;

  static void mix(std::uint64_t& value, std::uint64_t word) {
    value = (value ^ word) * 0x100000001B3U;
    value ^= value >> 32;
  }

  std::array<std::uint64_t, lanes> values_{0xCBF29CE484222325U, 0x9E3779B97F4A7C15U, 0xBF58476D1CE4E5B9U,
                                           0x94D049BB133111EBU};
};

std::uint64_t content_hash(std::span<const Token> tokens, std::span<const std::byte> state) {
  Hash hash;
  hash.add(std::as_bytes(tokens));
  hash.add(state);
  return hash.value();
}

[[noreturn]] void fail(const fs::path& file, std::string_view what) {
  throw Error(Errc::io_error, std::format("the saved prefix {} {}", file.string(), what));
}

/// Checks that the sizes in the header fit the file's, and whom it is for.
void check(const fs::path& file, const Header& header, std::uint64_t rest, std::uint64_t binding,
           std::string_view model) {
  if (header.tokens > rest || header.state_bytes > rest || header.begin > header.tokens ||
      header.tokens * sizeof(Token) + header.state_bytes != rest)
    fail(file, "is truncated or damaged; save it again");
  if (header.binding != binding)
    throw Error(Errc::invalid_parameter,
                std::format("the saved prefix {} belongs to another model than `{}`, to another version of the "
                            "inference library, or to other engine options (kv_type, flash_attention); save it again "
                            "with these",
                            file.string(), model),
                {.model = std::string(model)});
}

void read(std::ifstream& in, const fs::path& file, std::span<std::byte> into) {
  in.read(reinterpret_cast<char*>(into.data()), static_cast<std::streamsize>(into.size()));
  if (!in) fail(file, "is truncated or cannot be read; save it again");
}

struct OpenPrefix {
  std::ifstream in;  ///< At the state.
  Prefix prefix{};   ///< Without it.
  Header header{};
};

OpenPrefix open_prefix(const fs::path& file, std::uint64_t binding, std::string_view model) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error) fail(file, std::format("cannot be read: {}", error.message()));
  OpenPrefix open{.in = std::ifstream(file, std::ios::binary)};
  std::string name(format_name.size(), '\0');
  open.in.read(name.data(), static_cast<std::streamsize>(name.size()));
  if (!open.in || name != format_name) fail(file, "is not one that this version of dspy wrote; save it again");
  read(open.in, file, std::as_writable_bytes(std::span(&open.header, 1)));
  check(file, open.header, size - format_name.size() - sizeof open.header, binding, model);
  open.prefix.begin = open.header.begin;
  open.prefix.tokens.resize(open.header.tokens);
  read(open.in, file, std::as_writable_bytes(std::span(open.prefix.tokens)));
  return open;
}

}  // namespace

// Of the file's size, its first megabyte (what it says about itself) and blocks all through its weights: reading
// gigabytes would take longer than what the file saves.
std::uint64_t prefix_binding(const Model& model, const EngineOptions& options) {
  Hash hash;
  const auto& facts = model.handle().facts();
  hash.add(std::as_bytes(std::span(facts.library)));
  const std::array how = {static_cast<int>(options.kv_type), static_cast<int>(options.flash_attention),
                          static_cast<int>(options.reproducible), static_cast<int>(model.kernels())};
  hash.add(std::as_bytes(std::span(how)));
  std::error_code error;
  const std::uint64_t size = fs::file_size(model.info().path, error);
  hash.add(std::as_bytes(std::span(&size, 1)));
  std::ifstream file(model.info().path, std::ios::binary);
  std::vector<char> block(std::size_t{1} << 20);
  const auto read = [&](std::uint64_t from, std::size_t count) {
    file.clear();
    file.seekg(static_cast<std::streamoff>(from));
    file.read(block.data(), static_cast<std::streamsize>(count));
    hash.add(std::as_bytes(std::span(block).first(static_cast<std::size_t>(file.gcount()))));
  };
  read(0, block.size());
  constexpr std::uint64_t samples = 256;
  for (std::uint64_t i = 1; i <= samples; ++i) read(size / (samples + 1) * i, 4096);
  return hash.value();
}

void write_prefix(const fs::path& file, std::uint64_t binding, const Prefix& prefix, PrefixDurability durability) {
  const Header header{.binding = binding,
                      .tokens = prefix.tokens.size(),
                      .begin = prefix.begin,
                      .state_bytes = prefix.state.size(),
                      .content = content_hash(prefix.tokens, prefix.state)};
  std::string bytes(format_name);
  const auto append = [&](std::span<const std::byte> part) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  };
  append(std::as_bytes(std::span(&header, 1)));
  append(std::as_bytes(std::span(prefix.tokens)));
  append(prefix.state);
  if (durability == PrefixDurability::survives_power_cut) return replace_file(file, bytes);
  const auto partial = fs::path(file.string() + ".part");
  std::error_code error;
  {
    std::ofstream out(partial, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!out.flush()) error = std::make_error_code(std::errc::io_error);
  }
  if (!error) fs::rename(partial, file, error);
  if (!error) return;
  std::error_code ignored;
  fs::remove(partial, ignored);
  fail(file, "could not be written; is the folder there and the disk not full?");
}

Prefix read_prefix(const fs::path& file, std::uint64_t binding, std::string_view model) {
  auto [in, prefix, header] = open_prefix(file, binding, model);
  prefix.state.resize(header.state_bytes);
  read(in, file, std::as_writable_bytes(std::span(prefix.state)));
  if (header.content != content_hash(prefix.tokens, prefix.state)) fail(file, "is truncated or damaged; save it again");
  return std::move(prefix);
}

Prefix read_prefix_tokens(const fs::path& file, std::uint64_t binding, std::string_view model) {
  return open_prefix(file, binding, model).prefix;
}

}  // namespace dspy::llama
