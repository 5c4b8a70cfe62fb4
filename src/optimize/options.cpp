#include "optimize/options.hpp"

#include "dspy/base/error.hpp"

#include <format>

namespace dspy::optimize {

void require_metric(std::string_view optimizer, const Metric& metric) {
  if (metric.is_set()) return;
  throw Error(Errc::config_error,
              std::format("{} compares programs, and has no metric to do so: set `.metric`", optimizer));
}

}  // namespace dspy::optimize
