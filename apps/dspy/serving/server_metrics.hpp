#pragma once

#include "dspy/lm/tracing/metrics.hpp"
#include "dspy/server/admission.hpp"
#include "dspy/server/listener.hpp"

#include <memory>

// What `/metrics` says of the server itself.

namespace dspy::app {

void watch_queue(Metrics& metrics, const std::shared_ptr<server::Admission>& admission);
/// The listener outlives whoever asks for the figures.
void watch_listener(Metrics& metrics, const server::Listener& listener);

}  // namespace dspy::app
