#include "dspy/adapters/adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/sampling.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/signature/example.hpp"
#include "dspy/signature/signature.hpp"
#include "server/programs/program_call.hpp"

#include <algorithm>
#include <cstdint>
#include <format>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The `options` of a call: what one request may change about a program.

namespace dspy::server {
namespace {

[[noreturn]] void refuse(std::string_view name, std::string_view why) {
  throw Error(Errc::bad_input, std::format("`options.{}` {}", name, why),
              {.invalid = {std::format("options.{}", name)}});
}

std::optional<std::string> text_wish(const JsonObject& options, std::string_view name) {
  const auto* const value = options.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_string()) refuse(name, "must be text");
  return std::string(view(value->get_string()));
}

std::optional<std::uint64_t> count_wish(const JsonObject& options, std::string_view name) {
  const auto* const value = options.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (value->is_int64() && value->get_int64() >= 0) return static_cast<std::uint64_t>(value->get_int64());
  if (value->is_uint64()) return value->get_uint64();
  refuse(name, "must be a whole number from 0");
}

bool flag_wish(const JsonObject& options, std::string_view name) {
  const auto* const value = options.if_contains(name);
  if (value == nullptr || value->is_null()) return false;
  if (!value->is_bool()) refuse(name, "must be true or false");
  return value->get_bool();
}

Sampling sampling_wish(const JsonObject& options) {
  Sampling out;
  if (const auto* const value = options.if_contains("temperature"); value != nullptr && !value->is_null()) {
    if (!value->is_number()) refuse("temperature", "must be a number");
    out.temperature = value->to_number<double>();
    if (!(*out.temperature >= 0)) refuse("temperature", "must be a number of at least 0");
  }
  if (const auto most = count_wish(options, "max_tokens")) {
    if (*most > std::numeric_limits<int>::max()) refuse("max_tokens", "is more than any model writes");
    if (*most == 0) refuse("max_tokens", "must be at least 1");
    out.max_tokens = static_cast<int>(*most);
  }
  out.seed = count_wish(options, "seed");
  if (const auto others = count_wish(options, "logprobs")) {
    constexpr std::uint64_t most = 100;
    if (*others > most) refuse("logprobs", std::format("must be a whole number from 0 to {}", most));
    out.logprobs = static_cast<int>(*others);
  }
  validate(out);
  return out;
}

/// A demo is made of the predictor's fields.
void require_fields(const JsonObject& demo, const Signature& signature) {
  std::vector<std::string> names;
  for (const auto& field : signature.inputs) names.push_back(field.name);
  for (const auto& field : signature.outputs) names.push_back(field.name);
  if (demo.empty())
    refuse("demos", std::format("has an empty example; its fields are {}", text::enumerate(names, "`", "and")));
  for (const auto& member : demo) {
    const std::string_view name(member.key().data(), member.key().size());
    if (!std::ranges::contains(names, name))
      refuse("demos", std::format("has a field `{}`, and the program has {}", name.substr(0, 64),
                                  text::enumerate(names, "`", "and")));
  }
}

void set_demos(const Json& wish, Program& program) {
  if (wish.is_bool() && !wish.get_bool()) {
    program.for_each_predictor([](const std::string&, Predictor& predictor) { predictor.set_demos({}); });
    return;
  }
  if (!wish.is_array()) refuse("demos", "must be a list of examples, or false for none");
  int predictors = 0;
  program.for_each_predictor([&](const std::string&, Predictor&) { ++predictors; });
  if (predictors != 1) refuse("demos", "can be given for a program of one predictor; false takes all away");
  program.for_each_predictor([&](const std::string&, Predictor& predictor) {
    std::vector<Example> demos;
    for (const auto& each : wish.get_array()) {
      if (!each.is_object()) refuse("demos", "must hold objects");
      require_fields(each.get_object(), predictor.signature());
      demos.emplace_back(each.get_object(), predictor.signature());
    }
    predictor.set_demos(std::move(demos));
  });
}

}  // namespace

CallWishes apply_wishes(const JsonObject& options, const Catalog& catalog, const ProgramsOptions& around,
                        const Caller& caller, Program& program) {
  if (options.empty()) return {};
  require_known(options, {"model", "adapter", "temperature", "max_tokens", "seed", "logprobs", "demos", "trace"},
                "`options`", "options.");
  if (const auto name = text_wish(options, "model")) {
    require_may_use(around, caller, *name);
    const auto model = catalog.model(*name);
    if (!model || !model->lm) refuse("model", std::format("names `{}`, which this server does not serve", *name));
    program = with_lm(std::move(program), model->lm);
  }
  if (const auto name = text_wish(options, "adapter")) {
    try {
      program = with_adapter(std::move(program), adapter(*name));
    } catch (const Error& error) {
      refuse("adapter", std::format("cannot be used: {}", error.what()));
    }
  }
  if (const auto sampling = sampling_wish(options); sampling != Sampling())
    program = with_sampling(std::move(program), sampling);
  if (const auto* const demos = options.if_contains("demos"); demos != nullptr && !demos->is_null())
    set_demos(*demos, program);
  return {.wants_trace = flag_wish(options, "trace")};
}

}  // namespace dspy::server
