#pragma once

#include "dspy.h"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/programs/program.hpp"

#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

// What the handles of dspy.h hold, and how C++ and C meet: no exception crosses, strings come from the host's
// allocator.

struct dspy_lm {
  std::shared_ptr<dspy::LM> value;
};

struct dspy_program {
  dspy::Program value;
};

struct dspy_stop {
  std::stop_source value;
};

namespace dspy::c {

/// A copy for the host, or null if there is no memory.
char* to_host(std::string_view text) noexcept;

void set(dspy_error* error, const std::exception_ptr& thrown) noexcept;

/// What `work` returns, or `otherwise` and the error.
template <class T, class F>
T guarded(dspy_error* error, T otherwise, F&& work) noexcept {
  try {
    return std::forward<F>(work)();
  } catch (...) {
    set(error, std::current_exception());
    return otherwise;
  }
}

/// Throws `Error` (`invalid_parameter`) for NULL.
std::string_view text_of(const char* text, std::string_view what);
/// Throws `Error` (`bad_input`) for what is not JSON, or not of that kind.
JsonObject object_of(const char* text, std::string_view what);
JsonArray array_of(const char* text, std::string_view what);

std::stop_token token_of(const dspy_stop* stop) noexcept;

}  // namespace dspy::c
