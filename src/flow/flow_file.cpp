// Flows in files: as people write them, and with the state of their predictors as a program file whose part for this
// library has the plan in the member `flow`.

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/text.hpp"
#include "dspy/flow/flow.hpp"

#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

/// True for a program file that has a plan.
bool is_saved(const JsonObject& root) {
  const auto* const own = root.if_contains("dspy_cpp");
  return own != nullptr && own->is_object() && own->get_object().contains("flow");
}

FlowPlan plan_of(const ProgramFile& file, const std::string& source) {
  const auto* const written = file.own_kept.if_contains("flow");
  if (written == nullptr || !written->is_object())
    throw Error(Errc::config_error, std::format("{}: `flow` in `dspy_cpp` must be an object", source));
  try {
    return flow_plan_from_json(written->get_object());
  } catch (const Error& error) {
    throw Error(error.code(), std::format("{}: /dspy_cpp/flow{}", source, error.what()));
  }
}

}  // namespace

bool is_flow(std::string_view text) {
  text = text::trim(text::without_byte_order_mark(text));
  if (!text.starts_with('{')) return text.contains("[[steps]]");
  const auto json = parse_json(text);
  return json && json->is_object() && (json->get_object().contains("steps") || is_saved(json->get_object()));
}

LoadedFlow load_flow(const std::filesystem::path& path, const LoadOptions& options) {
  const auto text = read_text(path, options.max_bytes);
  const auto source = path.string();
  if (text::trim(text).starts_with('{')) {
    const auto json = parse_json(text);
    if (json && json->is_object() && is_saved(json->get_object())) {
      auto file = read_program(text, options, source);
      Flow flow(plan_of(file, source));
      apply(file, flow, options);
      return {.flow = std::move(flow), .file = std::move(file)};
    }
  }
  return {.flow = Flow(parse_flow_plan(text, source))};
}

void save_flow(const Flow& flow, const std::filesystem::path& path, ProgramFile known) {
  known.own_kept["flow"] = to_json(flow.plan());
  save(flow, path, std::move(known));
}

}  // namespace dspy
