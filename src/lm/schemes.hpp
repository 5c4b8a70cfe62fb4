#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/lm.hpp"
#include "lm/uri.hpp"

#include <algorithm>
#include <format>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// The factories of one kind of thing, by URI scheme.  Thread-safe.
template <class T>
class Schemes {
 public:
  using Factory = std::shared_ptr<T> (*)(const LMUri& uri);

  /// `kind` is a plural for messages, such as `language models`.
  explicit Schemes(std::string_view kind) : kind_(kind) {}

  void add(std::string_view scheme, Factory factory) {
    const std::lock_guard lock(mutex_);
    factories_[text::to_lower(scheme)] = factory;
  }

  std::shared_ptr<T> make(std::string_view uri) {
    const auto parts = parse_lm_uri(uri);
    return find(parts.scheme)(parts);
  }

 private:
  Factory find(const std::string& scheme) {
    const std::lock_guard lock(mutex_);
    if (const auto found = factories_.find(scheme); found != factories_.end()) return found->second;
    std::vector<std::string> known;
    for (const auto& [name, unused] : factories_) known.push_back(name);
    auto message = std::format("no part of this program offers {} of the scheme `{}`", kind_, scheme);
    if (const auto near = text::nearest(scheme, known)) message += std::format("; did you mean `{}`?", *near);
    message += known.empty() ? "; none is linked in: link dspy::llama for `llama:`"
                             : std::format("; there is {}", text::enumerate(known, "`", "and"));
    throw Error(Errc::config_error, message);
  }

  std::string_view kind_;
  std::mutex mutex_;
  std::map<std::string, Factory> factories_;
};

}  // namespace dspy
