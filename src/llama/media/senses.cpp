#include "llama/media/senses.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/sha256.hpp"
#include "llama/media/media_header.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <iterator>
#include <limits>
#include <string_view>
#include <utility>

namespace dspy::llama {
namespace {

/// Contents whose tokens are remembered though nobody holds them.
constexpr std::size_t most_numbers = 1 << 16;

}  // namespace

/// All that can be seen without decoding.
void Senses::check(std::span<const std::byte> file, bool is_sound, const std::string& what) const {
  const std::string_view kind = is_sound ? "sound" : "picture";
  if (is_sound ? !file_.hears : !file_.sees)
    throw Error(Errc::unsupported,
                std::format("{} is a {}, and this model reads {} only (`{}`)", what, kind,
                            file_.sees ? "text and pictures" : "text and sounds", file_.path.string()),
                {.feature = std::string(is_sound ? "audio" : "images")});
  if (file.size() > options_.max_bytes)
    throw Error(Errc::bad_input,
                std::format("{} has {} bytes, more than {}; make it smaller, or raise max_media_bytes", what,
                            file.size(), options_.max_bytes),
                {.actual = file.size(), .max = options_.max_bytes});
  const auto header = read_media_header(file);
  if (!header) throw Error(Errc::bad_input, std::format("{} {}", what, header.error()));
  if (is_sound ? !header->is_sound() : !header->is_picture())
    throw Error(Errc::bad_input, std::format("{} was given as a {}, but is not one", what, kind));
  // Each side is below 2^32.
  if (!is_sound && header->height > options_.max_pixels / header->width)
    throw Error(Errc::bad_input,
                std::format("{} has {} × {} pixels, more than {} in all; make it smaller, or raise max_pixels", what,
                            header->width, header->height, options_.max_pixels));
  if (is_sound && header->seconds > options_.max_seconds)
    throw Error(Errc::bad_input,
                std::format("{} is {:.0f} seconds long, more than {:.0f}; cut it, or raise max_seconds", what,
                            header->seconds, options_.max_seconds));
}

std::shared_ptr<const Medium> Senses::read(std::span<const std::byte> file, bool is_sound, const std::string& what) {
  check(file, is_sound, what);
  const auto key = (is_sound ? "s" : "p") + sha256({reinterpret_cast<const char*>(file.data()), file.size()});
  if (auto medium = known(key)) return medium;
  const std::scoped_lock alone(encoding_);
  if (auto medium = known(key)) return medium;  // another caller encoded it meanwhile
  const auto began = std::chrono::steady_clock::now();
  if (!loaded_) {
    try {
      loaded_ = model_->load_senses({.path = file_.path.string(),
                                     .threads = threads_,
                                     .on_card = on_card_,
                                     .image_tokens = options_.image_tokens});
    } catch (const Error& error) {
      throw Error(error.code(), std::format("cannot load `{}`: {}", file_.path.string(), error.what()),
                  {.model = file_.path.string()});
    }
  }
  std::vector<SensePiece> pieces;
  try {
    pieces = loaded_->encode(file, is_sound);
  } catch (const Error& error) {
    throw Error(error.code(), std::format("{} cannot be read: {}", what, error.what()));
  }
  auto medium = number(key, std::move(pieces));
  const std::scoped_lock lock(mutex_);
  ++stats_.encoded;
  stats_.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return medium;
}

std::shared_ptr<const Medium> Senses::known(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto found = by_content_.find(key);
  auto medium = found == by_content_.end() ? nullptr : found->second.lock();
  if (!medium) return nullptr;
  ++stats_.reused;
  keep(key, medium);
  return medium;
}

/// Gives each piece its tokens: those it had before, if it was known once and nothing else is.
std::shared_ptr<const Medium> Senses::number(const std::string& key, std::vector<SensePiece> pieces) {
  const std::scoped_lock lock(mutex_);
  if (numbers_.size() >= most_numbers) numbers_.clear();
  auto& firsts = numbers_[key];
  auto medium = std::make_shared<Medium>();
  std::size_t place = 0;
  for (auto& [tokens, rows, count, positions, places, causal] : pieces) {
    if (count == 0) {
      medium->tokens.insert(medium->tokens.end(), tokens.begin(), tokens.end());
      continue;
    }
    if (place < firsts.size() && firsts[place].second != count) firsts.resize(place);
    if (place == firsts.size()) {
      if (next_ < std::numeric_limits<Token>::min() + count + 1)
        throw Error(Errc::unsupported, "this process has read too many pictures to identify new ones; restart it");
      firsts.emplace_back(next_, count);
      next_ -= count;
    }
    const auto first = firsts[place++].first;
    for (int i = 0; i < count; ++i) medium->tokens.push_back(first - i);
    medium->bytes += rows.size() * sizeof(float) + places.size() * sizeof(int);
    medium->pieces.push_back({.first = first,
                              .count = count,
                              .positions = positions,
                              .rows = std::move(rows),
                              .places = std::move(places),
                              .causal = causal});
  }
  for (const auto& piece : medium->pieces) by_last_[piece.last()] = medium;
  by_content_[key] = medium;
  keep(key, medium);
  return medium;
}

void Senses::keep(const std::string& key, std::shared_ptr<const Medium> medium) {
  const auto found = std::ranges::find(kept_, key, &Kept::key);
  if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
    return;
  }
  stats_.bytes += medium->bytes;
  kept_.push_front({key, std::move(medium)});
  while (stats_.bytes > options_.cache_bytes && !kept_.empty()) {
    stats_.bytes -= kept_.back().medium->bytes;
    kept_.pop_back();
  }
  if (by_content_.size() > 4 * kept_.size() + 64) {
    std::erase_if(by_content_, [](const auto& each) { return each.second.expired(); });
    std::erase_if(by_last_, [](const auto& each) { return each.second.expired(); });
  }
}

Senses::Found Senses::find(Token token) const {
  const std::scoped_lock lock(mutex_);
  // Tokens count down, so the piece whose last one is next below.
  auto place = by_last_.upper_bound(token);
  if (place == by_last_.begin()) return {};
  auto medium = std::prev(place)->second.lock();
  if (!medium) return {};
  for (const auto& piece : medium->pieces) {
    if (token <= piece.first && token >= piece.last()) return {std::move(medium), &piece};
  }
  return {};
}

MediaStats Senses::stats() const {
  const std::scoped_lock lock(mutex_);
  return stats_;
}

}  // namespace dspy::llama
