#include "dspy/lm/key_handover.hpp"

#include "dspy/base/error.hpp"

#include <format>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <utility>

namespace dspy {
namespace {

struct Keys {
  std::mutex mutex;
  std::map<std::string, Secret, std::less<>> waiting;
};

Keys& keys() {
  static Keys all;
  return all;
}

}  // namespace

std::string hand_over_key(Secret key) {
  std::random_device random;
  auto reference = std::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
  const std::lock_guard lock(keys().mutex);
  keys().waiting.emplace(reference, std::move(key));
  return reference;
}

Secret take_over_key(std::string_view reference) {
  const std::lock_guard lock(keys().mutex);
  const auto found = keys().waiting.find(reference);
  if (found == keys().waiting.end())
    throw Error(Errc::config_error,
                "`api_key_ref` names no key that was handed over; use `api_key_env` to name an environment variable");
  auto key = std::move(found->second);
  keys().waiting.erase(found);
  return key;
}

}  // namespace dspy
