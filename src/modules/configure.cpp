#include "dspy/modules/configure.hpp"

#include "dspy/adapters/field_adapter.hpp"

#include <mutex>

namespace dspy {
namespace {

struct Defaults {
  std::mutex mutex;
  Settings settings{.lm = nullptr, .adapter = std::make_shared<FieldAdapter>()};
};

Defaults& defaults() {
  static Defaults instance;
  return instance;
}

}  // namespace

void configure(Settings settings) {
  auto& state = defaults();
  const std::lock_guard lock(state.mutex);
  // Swapped, so that what is replaced is destroyed after the lock is gone.
  if (settings.lm) state.settings.lm.swap(settings.lm);
  if (settings.adapter) state.settings.adapter.swap(settings.adapter);
}

Settings settings() {
  auto& state = defaults();
  const std::lock_guard lock(state.mutex);
  return state.settings;
}

}  // namespace dspy
