#pragma once

#include "dspy/base/usage.hpp"
#include "providers/protocol.hpp"

#include <memory>

namespace dspy::providers::gemini {

struct WireChat {
  JsonArray system = {};  ///< Parts.
  JsonArray contents = {};
};

WireChat write_contents(const Chat& messages, const Dialect& dialect, Notes& notes);

Usage read_usage(const JsonObject& usage);

WireRequest write(const Request& request, const Target& target);
Reply read(const JsonObject& body, const Dialect& dialect);
std::unique_ptr<Reducer> reduce(const Dialect& dialect);

}  // namespace dspy::providers::gemini
