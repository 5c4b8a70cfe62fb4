#include "dspy/lm/prices.hpp"

#include "base/unicode/letters.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "lm/price_list.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <limits>

namespace dspy {
namespace {

__extension__ using Wide = __int128;

constexpr std::int64_t million = 1'000'000;

/// Providers that sell their own models under names without a provider.  Other providers have their own prices for the
/// same models.
constexpr auto own_models = std::to_array<std::string_view>({"openai/", "anthropic/", "gemini/", "xai/", "deepseek/",
                                                             "mistral/", "moonshot/", "dashscope/", "zai/", "cohere/"});

using text::is_digit;

/// Without a date such as `-2024-08-06` or `-20240806` at its end.
std::string_view without_date(std::string_view model) noexcept {
  const auto ends_with_digits = [&](std::string_view form) {
    if (model.size() <= form.size()) return false;
    const auto end = model.substr(model.size() - form.size());
    return std::ranges::equal(end, form, [](char c, char wanted) { return wanted == '0' ? is_digit(c) : c == wanted; });
  };
  for (const std::string_view form : {"-0000-00-00", "-00000000", "@00000000"}) {
    if (ends_with_digits(form)) return model.substr(0, model.size() - form.size());
  }
  return model;
}

[[noreturn]] void fail(const std::string& what) {
  throw Error(Errc::config_error, std::format("the price list {}", what));
}

std::optional<std::int64_t> rate(const JsonObject& in, std::string_view name, std::string_view model) {
  const auto* const value = in.if_contains(name);
  if (value == nullptr || value->is_null()) return {};
  boost::system::error_code code;
  const auto dollars = value->is_number() ? value->to_number<double>(code) : -1;
  if (code || !(dollars >= 0) || dollars > 1e6)
    fail(std::format("gives `{}` of `{}` as {}; it must be a number of dollars from 0 for a million tokens", name,
                     model, to_text(*value)));
  return std::llround(dollars * 1e9);
}

Price price_from_json(const JsonObject& in, std::string_view model) {
  for (const auto& [name, unused] : in) {
    if (const std::string_view member = name; member != "prompt" && member != "completion" && member != "cache_read" &&
                                              member != "cache_write" && member != "up_to_prompt_tokens")
      fail(std::format("has `{}` of `{}`; there is prompt, completion, cache_read, cache_write and up_to_prompt_tokens",
                       member, model));
  }
  Price price{.prompt = rate(in, "prompt", model),
              .completion = rate(in, "completion", model),
              .cache_read = rate(in, "cache_read", model),
              .cache_write = rate(in, "cache_write", model)};
  if (const auto* const most = in.if_contains("up_to_prompt_tokens"); most != nullptr && !most->is_null()) {
    boost::system::error_code code;
    const auto tokens = most->is_number() ? most->to_number<std::uint64_t>(code) : 0;
    if (code || tokens == 0)
      fail(std::format("gives `up_to_prompt_tokens` of `{}` as {}; it must be a whole number from 1", model,
                       to_text(*most)));
    price.up_to_prompt_tokens = tokens;
  }
  return price;
}

/// Rounded to the nearest billionth.
std::optional<std::int64_t> rounded(Wide millionths) {
  const auto whole = (millionths + million / 2) / million;
  if (whole > std::numeric_limits<std::int64_t>::max()) return {};
  return static_cast<std::int64_t>(whole);
}

}  // namespace

const PriceTable& PriceTable::builtin() {
  static const PriceTable table = [] {
    PriceTable out;
    out.date_ = price_list_date;
    for (const auto& row : price_list) {
      const auto known = [](double dollars) -> Price::Rate {
        if (dollars < 0) return {};
        return std::llround(dollars * 1e9);
      };
      Price price{.prompt = known(row.prompt),
                  .completion = known(row.completion),
                  .cache_read = known(row.cache_read),
                  .cache_write = known(row.cache_write)};
      if (row.up_to != 0) price.up_to_prompt_tokens = row.up_to;
      out.prices_.emplace(row.model, price);
    }
    return out;
  }();
  return table;
}

std::shared_ptr<const PriceTable> builtin_prices() {
  return {std::shared_ptr<void>(), &PriceTable::builtin()};
}

PriceTable PriceTable::from_json(const JsonObject& written) {
  PriceTable table;
  for (const auto& [name, value] : written) {
    if (name == "date" && value.is_string()) {
      table.date_ = std::string(view(value.get_string()));
    } else if (name == "models" && value.is_object()) {
      for (const auto& [model, price] : value.get_object()) {
        if (!price.is_object()) fail(std::format("has no object for `{}`", std::string_view(model)));
        table.prices_.emplace(std::string(model), price_from_json(price.get_object(), model));
      }
    } else {
      fail(
          std::format("has the member `{}`; there is `date`, a text, and `models`, an object", std::string_view(name)));
    }
  }
  if (table.prices_.empty()) fail("names no model; put them into `models`");
  return table;
}

PriceTable PriceTable::from_file(const std::filesystem::path& path) {
  const auto text = read_text(path, 16U << 20);
  const auto json = parse_json(text);
  if (!json)
    throw Error(Errc::config_error, std::format("`{}` is not JSON at byte {}: {}", path.string(), json.error().position,
                                                json.error().message));
  if (!json->is_object()) fail(std::format("`{}` must be a JSON object", path.string()));
  if (const auto twice = repeated_member(text))
    throw Error(Errc::config_error, std::format("`{}` at byte {}: {}", path.string(), twice->position, twice->message));
  return from_json(json->get_object());
}

std::optional<Price> PriceTable::find(std::string_view model) const {
  auto bare = model;
  for (const auto provider : own_models) {
    if (model.starts_with(provider)) bare = model.substr(provider.size());
  }
  for (const auto form : {model, bare, without_date(model), without_date(bare)}) {
    if (const auto found = prices_.find(form); found != prices_.end()) return found->second;
  }
  return {};
}

PriceTable PriceTable::with(const PriceTable& other) const {
  auto out = *this;
  if (!other.date_.empty()) out.date_ = other.date_;
  for (const auto& [model, price] : other.prices_) out.prices_[model] = price;
  return out;
}

std::optional<std::int64_t> cost(const Price& price, const Usage& usage) {
  if (!usage.prompt_tokens || !usage.completion_tokens) return {};
  if (price.up_to_prompt_tokens && *usage.prompt_tokens > *price.up_to_prompt_tokens) return {};
  if (usage.audio_prompt_tokens.value_or(0) != 0 || usage.audio_completion_tokens.value_or(0) != 0) return {};
  const auto read = usage.cache_read_tokens.value_or(0), written = usage.cache_write_tokens.value_or(0);
  if (read > *usage.prompt_tokens || written > *usage.prompt_tokens - read) return {};
  Wide sum = 0;
  bool is_known = true;
  const auto add = [&](std::uint64_t tokens, const Price::Rate& rate) {
    if (tokens == 0) return;
    is_known = is_known && rate.has_value();
    sum += static_cast<Wide>(tokens) * rate.value_or(0);
  };
  add(*usage.prompt_tokens - read - written, price.prompt);
  add(read, price.cache_read);
  add(written, price.cache_write);
  add(*usage.completion_tokens, price.completion);
  return is_known ? rounded(sum) : std::nullopt;
}

std::optional<std::int64_t> highest_cost(const Price& price, std::uint64_t prompt_tokens,
                                         std::uint64_t completion_tokens) {
  if (!price.prompt || !price.completion) return {};
  if (price.up_to_prompt_tokens && prompt_tokens > *price.up_to_prompt_tokens) return {};
  const auto dearest = std::max(*price.prompt, price.cache_write.value_or(0));
  return rounded(static_cast<Wide>(prompt_tokens) * dearest + static_cast<Wide>(completion_tokens) * *price.completion);
}

}  // namespace dspy
