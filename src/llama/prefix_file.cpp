// The file: a line that names the format, then a header of fixed size, the tokens, the state.  Numbers are
// little-endian. The header binds it to the model's bytes and the library's version, and carries a hash of all that
// follows.

#include "llama/prefix_file.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "llama/runtime.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <format>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

namespace dspy::llama {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "the file is written as it lies in memory");

constexpr std::string_view format_name = "dspy prompt prefix 1\n";

struct Header {
  std::uint64_t model = 0;  ///< Hash of the model file and the library's version.
  std::uint64_t tokens = 0;
  std::uint64_t state_bytes = 0;
  std::uint64_t content = 0;  ///< Hash of tokens and state.
};

/// FNV-1a, eight bytes at a time.
class Hash {
 public:
  void add(std::span<const std::byte> bytes) {
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data(), 8);
      mix(word);
    }
    for (const auto byte : bytes) mix(std::to_integer<std::uint64_t>(byte));
  }
  std::uint64_t value() const { return value_ ^ (value_ >> 29); }

 private:
  void mix(std::uint64_t word) {
    value_ = (value_ ^ word) * 0x100000001B3U;
    value_ ^= value_ >> 32;
  }

  std::uint64_t value_ = 0xCBF29CE484222325U;
};

/// Of the file's size, its first megabyte (what it says about itself) and blocks all through its weights: reading
/// gigabytes would take longer than what the file saves.
std::uint64_t fingerprint(const Model& model) {
  Hash hash;
  const auto& facts = model.handle().facts();
  hash.add(std::as_bytes(std::span(facts.library)));
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

std::uint64_t content_hash(std::span<const Token> tokens, std::span<const std::byte> state) {
  Hash hash;
  hash.add(std::as_bytes(tokens));
  hash.add(state);
  return hash.value();
}

[[noreturn]] void fail(const fs::path& file, std::string_view what) {
  throw Error(Errc::io_error, std::format("the saved prefix {} {}", file.string(), what));
}

}  // namespace

void write_prefix(const fs::path& file, const Model& model, std::span<const Token> tokens,
                  std::span<const std::byte> state) {
  const Header header{.model = fingerprint(model),
                      .tokens = tokens.size(),
                      .state_bytes = state.size(),
                      .content = content_hash(tokens, state)};
  std::string bytes(format_name);
  const auto append = [&](std::span<const std::byte> part) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  };
  append(std::as_bytes(std::span(&header, 1)));
  append(std::as_bytes(tokens));
  append(state);
  replace_file(file, bytes);
}

Prefix read_prefix(const fs::path& file, const Model& model) {
  const auto bytes = read_file(file, std::numeric_limits<std::uintmax_t>::max());
  auto rest = std::string_view(bytes);
  if (!rest.starts_with(format_name)) fail(file, "is not one that this version of dspy wrote; save it again");
  rest.remove_prefix(format_name.size());
  Header header;
  if (rest.size() < sizeof header) fail(file, "is truncated; save it again");
  std::memcpy(&header, rest.data(), sizeof header);
  rest.remove_prefix(sizeof header);
  if (header.tokens > rest.size() || header.state_bytes > rest.size() ||
      header.tokens * sizeof(Token) + header.state_bytes != rest.size())
    fail(file, "is truncated or damaged; save it again");
  if (header.model != fingerprint(model))
    throw Error(Errc::invalid_parameter,
                std::format("the saved prefix {} belongs to another model than `{}`, or to another version of the "
                            "inference library; save it again with this one",
                            file.string(), model.name()),
                {.model = model.name()});
  Prefix prefix{.tokens = std::vector<Token>(header.tokens), .state = std::vector<std::byte>(header.state_bytes)};
  std::memcpy(prefix.tokens.data(), rest.data(), header.tokens * sizeof(Token));
  std::memcpy(prefix.state.data(), rest.data() + header.tokens * sizeof(Token), header.state_bytes);
  if (header.content != content_hash(prefix.tokens, prefix.state)) fail(file, "is truncated or damaged; save it again");
  return prefix;
}

}  // namespace dspy::llama
