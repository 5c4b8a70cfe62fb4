#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/retrieve/embedded/embedded_store.hpp"
#include "dspy/retrieve/memory_store.hpp"
#include "dspy/retrieve/store.hpp"

#include <algorithm>
#include <format>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

struct Schemes {
  std::mutex mutex;
  std::map<std::string, StoreFactory> factories = {
      {"memory",
       [](std::string_view, const StoreOptions& options) -> std::shared_ptr<Store> {
         return std::make_shared<MemoryStore>(options);
       }},
  };
};

Schemes& schemes() {
  static Schemes all;
  return all;
}

/// Of two letters or more, so that `C:\docs` stays a path; empty: there is none.
std::string scheme_of(std::string_view uri) {
  const auto end = uri.find(':');
  if (end == std::string_view::npos || end < 2) return {};
  const auto name = text::to_lower(uri.substr(0, end));
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-'; };
  return std::ranges::all_of(name, fits) ? name : std::string();
}

StoreFactory find(const std::string& scheme) {
  auto& all = schemes();
  const std::lock_guard lock(all.mutex);
  if (const auto found = all.factories.find(scheme); found != all.factories.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [name, unused] : all.factories) known.push_back(name);
  const auto near = text::nearest(scheme, known);
  throw Error(
      Errc::config_error,
      std::format("no part of this program offers stores of the scheme `{}`{}; there is {}, and a path for the "
                  "embedded store",
                  scheme, near ? std::format("; did you mean `{}`?", *near) : "", text::enumerate(known, "`", "and")));
}

}  // namespace

bool register_store_scheme(std::string_view scheme, StoreFactory factory) {
  auto& all = schemes();
  const std::lock_guard lock(all.mutex);
  all.factories[text::to_lower(scheme)] = factory;
  return true;
}

std::shared_ptr<Store> open_store(std::string_view uri_or_path, StoreOptions options) {
  if (text::trim(uri_or_path).empty())
    throw Error(Errc::config_error, "a store needs a path, such as `docs.index`, or a URI");
  if (const auto scheme = scheme_of(uri_or_path); !scheme.empty()) return find(scheme)(uri_or_path, options);
  EmbeddedOptions embedded;
  static_cast<StoreOptions&>(embedded) = std::move(options);
  return std::make_shared<EmbeddedStore>(uri_or_path, std::move(embedded));
}

}  // namespace dspy
