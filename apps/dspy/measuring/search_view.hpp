#pragma once

#include "dspy/optimize/kernel/report.hpp"

#include <functional>
#include <string>

namespace dspy::app {

/// Shows how far a search is on a terminal's last line; prints nothing where there is none.
std::function<void(const optimize::Event&)> live_view();

/// What was found; the program was saved at `path`.
void tell_search(const optimize::Report& report, const std::string& path, bool as_json);

}  // namespace dspy::app
