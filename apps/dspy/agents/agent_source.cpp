#include "agents/agent_source.hpp"

#include "dspy/agents/agent_program.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/registry/registry.hpp"
#include "measuring/registry.hpp"

#include <cstdlib>
#include <format>
#include <string_view>
#include <utility>

namespace dspy::app {
namespace {

constexpr std::string_view scheme = "registry:";

AgentSource of_program(ProgramFile program, std::string_view where) {
  auto file = agent_in(program);
  if (!file) {
    const auto remedy = where.starts_with(scheme)
                            ? std::format(
                                  "write it to a file with `dspy registry get {} --out FILE.json`, and use "
                                  "`dspy run FILE.json`",
                                  where.substr(scheme.size()))
                            : std::string("use `dspy run` for it");
    throw Error(Errc::bad_input, std::format("`{}` is a program, not an agent; {}", where, remedy));
  }
  return {.file = *std::move(file), .program = std::move(program)};
}

}  // namespace

ReActAgent AgentSource::agent(PredictorOptions predictor) const {
  return program ? agent_of(file, *program, std::move(predictor)) : file.agent(std::move(predictor));
}

bool is_agent_file(const std::string& path) {
  const auto json = parse_json(read_text(path, std::uintmax_t{256} << 20));
  const auto* const format = json && json->is_object() ? json->get_object().if_contains("format") : nullptr;
  return format != nullptr && *format == Json("dspy.agent");
}

AgentSource read_agent_source(const std::string& where) {
  if (where.starts_with(scheme)) {
    const auto* const named = std::getenv("DSPY_REGISTRY");
    Registry registry(named != nullptr ? named : default_registry());
    return of_program(registry.load(registry.find(std::string_view(where).substr(scheme.size()))), where);
  }
  const auto json = parse_json(read_text(where, std::uintmax_t{256} << 20));
  // A program file has the predictors of a program at its top, and no format; anything else is treated as an agent's
  // file, with that format's error messages.
  const bool is_program = json && json->is_object() && json->get_object().contains("metadata");
  return is_program ? of_program(load_program(where), where) : AgentSource{.file = load_agent(where)};
}

}  // namespace dspy::app
