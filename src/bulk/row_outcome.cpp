#include "bulk/row_outcome.hpp"

#include "bulk/row_source.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/violation.hpp"
#include "dspy/bulk/run.hpp"

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace dspy {

std::string idempotency_key(std::string_view version, const JsonObject& values) {
  std::string text(version);
  text += '\n';
  text += bulk::canonical_text(values);
  return sha256(text);
}

bool passes(Errc code) noexcept {
  switch (code) {
    case Errc::bad_input:
    case Errc::parse_error:
    case Errc::signature_error:
    case Errc::invalid_parameter:
    case Errc::context_too_long:
    case Errc::tokenization_failed:
    case Errc::refused:
    case Errc::unsupported: return false;
    default: return true;
  }
}

bool ends_all(Errc code) noexcept {
  switch (code) {
    case Errc::authentication_failed:
    case Errc::billing_error:
    case Errc::token_budget_exhausted:
    case Errc::config_error:
    case Errc::io_error:
    case Errc::model_not_found:
    case Errc::model_not_loaded:
    case Errc::model_load_error: return true;
    default: return false;
  }
}

namespace bulk {

Async<RowOutcome> ask_row(const Program& program, std::string_view version, JsonObject values, CallOptions call) {
  RowOutcome out{.key = idempotency_key(version, values)};
  const auto stop = call.stop;
  try {
    out.prediction = co_await program.run(std::move(values), Run{.options = std::move(call)});
    out.usage = out.prediction.lm_usage;
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled && stop.stop_requested()) throw;
    out.error = error;
    out.usage = error.info().usage;
  } catch (const std::exception& error) {
    out.error = Error(Errc::inference_failed, error.what());
  }
  co_return out;
}

void append_outcome(std::string& out, const RowOutcome& outcome) {
  out += R"("key":")";
  out += outcome.key;
  out += '"';
  const auto add = [&](std::string_view name, const Json& value) {
    out += ",\"";
    out += name;
    out += "\":";
    append_text(out, value);
  };
  if (outcome.error) {
    add("error", to_json(*outcome.error));
  } else {
    const auto& prediction = outcome.prediction;
    add("outputs", prediction.data);
    if (!prediction.flags.empty()) {
      JsonArray flags;
      for (const auto& flag : prediction.flags)
        flags.push_back(JsonObject{{"field", flag.field}, {"repair", flag.repair}});
      add("flags", flags);
    }
    if (!prediction.violations.empty()) add("violations", to_json(prediction.violations));
  }
  if (outcome.usage != Usage()) add("usage", to_json(outcome.usage));
}

}  // namespace bulk
}  // namespace dspy
