#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

/// What a model's tokens cost, in billionths of a US dollar for a million of them.  A price that is absent is unknown.
struct Price {
  using Rate = std::optional<std::int64_t>;

  Rate prompt = {};
  Rate completion = {};
  Rate cache_read = {};
  Rate cache_write = {};
  /// Longer prompts cost more than is said here: how much is unknown.
  std::optional<std::uint64_t> up_to_prompt_tokens = {};

  bool operator==(const Price&) const = default;
};

/// What models cost.  A value.
class PriceTable {
 public:
  /// The built-in prices.  Prices change: see `date`, and use your own file where they must be exact.
  static const PriceTable& builtin();

  /// `{"date": "2026-08-06", "models": {"NAME": {"prompt": 2.5, "completion": 15, "cache_read": 0.25, "cache_write": …,
  /// "up_to_prompt_tokens": …}}}`, in dollars for a million tokens.  Throws `Error` (`config_error`) that names the
  /// member at fault.
  static PriceTable from_json(const JsonObject& written);
  /// The same, from a file.  Throws `Error` (`io_error`) as well.
  static PriceTable from_file(const std::filesystem::path& path);

  /// The day the prices were looked up, such as `2026-08-06`.
  const std::string& date() const noexcept { return date_; }
  std::size_t size() const noexcept { return prices_.size(); }
  const std::map<std::string, Price, std::less<>>& prices() const noexcept { return prices_; }

  /// By name, with or without the provider prefix (`openai/gpt-5.4-mini`) and the date suffix (`gpt-4o-2024-08-06`).
  std::optional<Price> find(std::string_view model) const;
  /// This table, with what `other` has instead.
  PriceTable with(const PriceTable& other) const;

 private:
  std::string date_;
  std::map<std::string, Price, std::less<>> prices_;
};

/// The library's own, shared.
std::shared_ptr<const PriceTable> builtin_prices();

/// What it cost, rounded to the next billionth; absent if a price or a count that is needed is unknown.
std::optional<std::int64_t> cost(const Price& price, const Usage& usage);

/// What a request costs at most; absent if a price is unknown.
std::optional<std::int64_t> highest_cost(const Price& price, std::uint64_t prompt_tokens,
                                         std::uint64_t completion_tokens);

}  // namespace dspy
