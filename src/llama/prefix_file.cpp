// The file: a line that names the format, then a header of fixed size, the tokens, the state.  Numbers are
// little-endian. The header binds it to the model's bytes, the library's version and how tokens are kept, and carries a
// hash of all that follows.

#include "llama/prefix_file.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "llama/runtime.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <format>
#include <fstream>
#include <limits>
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

}  // namespace

// Of the file's size, its first megabyte (what it says about itself) and blocks all through its weights: reading
// gigabytes would take longer than what the file saves.
std::uint64_t prefix_binding(const Model& model, const EngineOptions& options) {
  Hash hash;
  const auto& facts = model.handle().facts();
  hash.add(std::as_bytes(std::span(facts.library)));
  const std::array how = {static_cast<int>(options.kv_type), static_cast<int>(options.flash_attention),
                          static_cast<int>(options.reproducible)};
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
  const auto bytes = read_file(file, std::numeric_limits<std::uintmax_t>::max());
  auto rest = std::string_view(bytes);
  if (!rest.starts_with(format_name)) fail(file, "is not one that this version of dspy wrote; save it again");
  rest.remove_prefix(format_name.size());
  Header header;
  if (rest.size() < sizeof header) fail(file, "is truncated; save it again");
  std::memcpy(&header, rest.data(), sizeof header);
  rest.remove_prefix(sizeof header);
  check(file, header, rest.size(), binding, model);
  Prefix prefix{.tokens = std::vector<Token>(header.tokens),
                .begin = header.begin,
                .state = std::vector<std::byte>(header.state_bytes)};
  std::memcpy(prefix.tokens.data(), rest.data(), header.tokens * sizeof(Token));
  std::memcpy(prefix.state.data(), rest.data() + header.tokens * sizeof(Token), header.state_bytes);
  if (header.content != content_hash(prefix.tokens, prefix.state)) fail(file, "is truncated or damaged; save it again");
  return prefix;
}

Prefix read_prefix_tokens(const fs::path& file, std::uint64_t binding, std::string_view model) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error) fail(file, std::format("cannot be read: {}", error.message()));
  std::ifstream in(file, std::ios::binary);
  std::string name(format_name.size(), '\0');
  Header header;
  in.read(name.data(), static_cast<std::streamsize>(name.size()));
  if (!in || name != format_name) fail(file, "is not one that this version of dspy wrote; save it again");
  in.read(reinterpret_cast<char*>(&header), sizeof header);
  if (!in) fail(file, "is truncated; save it again");
  check(file, header, size - format_name.size() - sizeof header, binding, model);
  Prefix prefix{.tokens = std::vector<Token>(header.tokens), .begin = header.begin};
  in.read(reinterpret_cast<char*>(prefix.tokens.data()), static_cast<std::streamsize>(header.tokens * sizeof(Token)));
  if (!in) fail(file, "is truncated; save it again");
  return prefix;
}

}  // namespace dspy::llama
