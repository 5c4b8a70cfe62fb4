#include "llama/prefixes/prefix_store.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "llama/prefixes/prefix_file.hpp"

#include <algorithm>
#include <format>
#include <tuple>
#include <utility>

namespace dspy::llama {

namespace fs = std::filesystem;

PrefixStore::PrefixStore(fs::path directory, std::uint64_t binding, std::string model)
    : directory_(std::move(directory)), binding_(binding), model_(std::move(model)) {
  std::error_code error;
  fs::create_directories(directory_, error);
  if (!fs::is_directory(directory_, error))
    throw Error(Errc::io_error, std::format("the folder {} for prefixes cannot be made; name another prefix_directory",
                                            directory_.string()));
}

fs::path PrefixStore::file_of(std::span<const Token> tokens, std::size_t begin) const {
  std::uint64_t hash = 0xCBF29CE484222325U ^ begin;
  for (const auto token : tokens) {
    hash = (hash ^ static_cast<std::uint64_t>(token)) * 0x100000001B3U;
    hash ^= hash >> 32;
  }
  return directory_ / std::format("{:016x}-{:016x}.prefix", binding_, hash);
}

std::vector<PrefixStore::Entry> PrefixStore::list() {
  const auto ours = std::format("{:016x}-", binding_);
  std::vector<Entry> entries;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(directory_, error)) {
    const auto name = file.path().filename().string();
    if (!name.starts_with(ours) || !name.ends_with(".prefix")) continue;
    try {
      auto prefix = read_prefix_tokens(file.path(), binding_, model_);
      std::error_code unknown;
      const auto bytes = fs::file_size(file.path(), unknown);
      if (!unknown) entries.push_back({std::move(prefix.tokens), prefix.begin, bytes});
    } catch (const Error& damaged) {
      log(LogLevel::warning, "llama", std::format("removing it: {}", damaged.what()));
      std::error_code ignored;
      fs::remove(file.path(), ignored);
    }
  }
  std::ranges::sort(entries, {}, [](const Entry& entry) { return std::tie(entry.begin, entry.tokens); });
  return entries;
}

std::uint64_t PrefixStore::write(std::span<const Token> tokens, std::size_t begin, std::span<const std::byte> state) {
  const auto file = file_of(tokens, begin);
  try {
    write_prefix(file, binding_,
                 {.tokens = {tokens.begin(), tokens.end()}, .begin = begin, .state = {state.begin(), state.end()}},
                 PrefixDurability::may_be_lost);
    return fs::file_size(file);
  } catch (const std::exception& error) {
    log(LogLevel::warning, "llama", error.what());
    return 0;
  }
}

std::optional<std::vector<std::byte>> PrefixStore::read(std::span<const Token> tokens, std::size_t begin) {
  try {
    auto prefix = read_prefix(file_of(tokens, begin), binding_, model_);
    if (prefix.begin == begin && std::ranges::equal(prefix.tokens, tokens)) return std::move(prefix.state);
  } catch (const Error& error) {
    log(LogLevel::warning, "llama", error.what());
  }
  return std::nullopt;
}

void PrefixStore::remove(std::span<const Token> tokens, std::size_t begin) noexcept {
  std::error_code ignored;
  fs::remove(file_of(tokens, begin), ignored);
}

}  // namespace dspy::llama
