#include "server/keys/key_bounds.hpp"

#include "dspy/base/error.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/keys/key.hpp"
#include "dspy/server/routes.hpp"
#include "server/keys/key_text.hpp"

#include <algorithm>
#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::string_view model_scope = "model:";

HttpError more_than_held(const std::string& what) {
  return {403, Errc::authentication_failed, std::format("this key cannot do that: {}", what)};
}

std::vector<std::string> models_of(const std::vector<std::string>& scopes) {
  std::vector<std::string> out;
  for (const auto& scope : scopes)
    if (scope.starts_with(model_scope)) out.push_back(scope.substr(model_scope.size()));
  return out;
}

/// Whether one of `held` matches all texts that `pattern` matches: a `*` in the pattern needs a `*` there.
bool is_within(std::string_view pattern, const std::vector<std::string>& held) {
  return std::ranges::any_of(held, [&](const std::string& wider) { return matches(wider, pattern); });
}

/// No patterns: all models.
void require_models(const std::vector<std::string>& patterns, const std::vector<std::string>& held,
                    std::string_view where) {
  if (held.empty()) return;
  if (patterns.empty())
    throw more_than_held(std::format("it is held to models by its {}, and the other is not", where));
  for (const auto& pattern : patterns) {
    if (!is_within(pattern, held))
      throw more_than_held(std::format("the model `{}` is none of its {}", pattern.substr(0, 64), where));
  }
}

void require_scopes(const std::vector<std::string>& scopes, const Key& holder) {
  for (const auto& scope : scopes) {
    // That one narrows what a key may do.
    if (scope.starts_with(model_scope)) continue;
    if (!std::ranges::contains(holder.scopes, scope) && !std::ranges::contains(holder.scopes, "*"))
      throw more_than_held(std::format("it does not have the scope `{}` itself", scope.substr(0, 64)));
  }
  require_models(models_of(scopes), models_of(holder.scopes), "scopes");
}

void require_expiry(const Key& key, const Key& holder) {
  if (!holder.expires_at || (key.expires_at && *key.expires_at <= *holder.expires_at)) return;
  throw more_than_held(std::format("it expires at {}, and the other would later", iso_time(*holder.expires_at)));
}

template <class T>
bool differs(const T& wanted, const T& held) {
  return wanted && wanted != held;
}

}  // namespace

Key bounded(Key wanted, const Key& maker) {
  if (models_of(wanted.scopes).empty()) {
    for (const auto& model : models_of(maker.scopes)) wanted.scopes.push_back(std::string(model_scope) + model);
  }
  if (wanted.models.empty()) wanted.models = maker.models;
  if (!wanted.expires_at) wanted.expires_at = maker.expires_at;
  if (maker.limits != KeyLimits()) {
    const auto& [rate, tokens_day, tokens_month, money_day, money_month] = wanted.limits;
    const auto& held = maker.limits;
    if (differs(rate, held.requests_per_minute) || differs(tokens_day, held.tokens_per_day) ||
        differs(tokens_month, held.tokens_per_month) || differs(money_day, held.nanodollars_per_day) ||
        differs(money_month, held.nanodollars_per_month))
      throw more_than_held("it has limits, which the other shares; leave limits out");
    wanted.limits = maker.limits;
    wanted.family = maker.family;
  } else {
    wanted.family.clear();
  }
  require_no_more(wanted, maker);
  return wanted;
}

void require_no_more(const Key& key, const Key& holder) {
  require_scopes(key.scopes, holder);
  require_models(key.models, holder.models, "models");
  require_expiry(key, holder);
  if (holder.limits != KeyLimits() && key.family != holder.family)
    throw more_than_held("it has limits, and the other does not share them");
}

}  // namespace dspy::server
