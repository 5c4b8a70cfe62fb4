// Which files of a repository are wanted.

#include "dspy/base/text.hpp"
#include "models/files.hpp"
#include "models/hub.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace dspy::models {
namespace {

/// The part's number and how many there are, of `x-00001-of-00003.gguf`.
struct PartMark {
  int number = 0;
  int count = 0;
  std::size_t at = 0;  ///< Where the mark begins.
};

std::optional<int> number_of(std::string_view digits) noexcept {
  int number = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [parsed, error] = std::from_chars(digits.data(), end, number);
  return error == std::errc{} && parsed == end && digits.size() == 5 ? std::optional(number) : std::nullopt;
}

std::optional<PartMark> mark_of(std::string_view name) noexcept {
  constexpr std::size_t size = 20;  // -00001-of-00003.gguf
  if (name.size() <= size || !name.ends_with(".gguf")) return std::nullopt;
  const auto mark = name.substr(name.size() - size);
  if (mark[0] != '-' || mark.substr(6, 4) != "-of-") return std::nullopt;
  const auto number = number_of(mark.substr(1, 5)), count = number_of(mark.substr(10, 5));
  if (!number || !count || *number < 1 || *count < *number) return std::nullopt;
  return PartMark{.number = *number, .count = *count, .at = name.size() - size};
}

bool is_model(const std::string& name) {
  if (!text::to_lower(name).ends_with(".gguf") || is_senses_file(name)) return false;
  const auto mark = mark_of(name);
  return !mark || mark->number == 1;
}

/// Whether a name has a format as a word of its own: `Q4_K` is not in `x-Q4_K_M.gguf`.
bool has_format(std::string_view name, std::string_view format) {
  const auto lower = text::to_lower(name), wanted = text::to_lower(format);
  const auto is_edge = [&](std::size_t at) {
    return at >= lower.size() ||
           !(lower[at] == '_' || (lower[at] >= 'a' && lower[at] <= 'z') || (lower[at] >= '0' && lower[at] <= '9'));
  };
  for (auto at = lower.find(wanted); at != std::string::npos; at = lower.find(wanted, at + 1)) {
    if ((at == 0 || is_edge(at - 1)) && is_edge(at + wanted.size())) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> parts_of(const std::string& name) {
  const auto mark = mark_of(name);
  if (!mark) return {name};
  std::vector<std::string> out;
  for (int part = 1; part <= mark->count; ++part)
    out.push_back(std::format("{}-{:05}-of-{:05}.gguf", name.substr(0, mark->at), part, mark->count));
  return out;
}

std::optional<std::string> choose_file(const std::vector<std::string>& names, std::string_view wanted) {
  std::vector<std::string> models;
  std::ranges::copy_if(names, std::back_inserter(models), is_model);
  if (text::to_lower(wanted).ends_with(".gguf")) {
    const auto first = parts_of(std::string(wanted)).front();
    return std::ranges::contains(names, first) ? std::optional(first) : std::nullopt;
  }
  const auto with = [&](std::string_view format) -> std::optional<std::string> {
    const auto found = std::ranges::find_if(models, [&](const std::string& name) { return has_format(name, format); });
    return found == models.end() ? std::nullopt : std::optional(*found);
  };
  if (!wanted.empty()) return with(wanted);
  if (models.size() == 1) return models.front();
  // What most machines run well: small, and close to the original.
  constexpr std::array<std::string_view, 6> formats = {"q4_k_m", "q4_0", "q8_0", "q5_k_m", "q6_k", "f16"};
  for (const auto format : formats) {
    if (auto found = with(format)) return found;
  }
  return std::nullopt;
}

}  // namespace dspy::models
