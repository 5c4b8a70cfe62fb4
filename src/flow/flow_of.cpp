// The plan of a program that is code.  The program runs once with values that occur nowhere else: each input, and each
// output of each step, is recognised where it comes up again.  What comes up changed was made by code.

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/flow/flow.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/reply.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <format>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Kind = Type::Kind;

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Errc::unsupported, why + "; write the plan by hand, or leave the program in C++");
}

/// A value of a type by which it is known again, of the `number`th that is made; nothing where all are alike.
std::optional<Json> token(const Type& type, std::uint64_t number) {
  const auto& wanted = type.required();
  if (*wanted.limits != Limits()) return std::nullopt;
  switch (wanted.kind) {
    case Kind::string: return Json(std::format("value-{}", number));
    case Kind::integer: return Json(static_cast<std::int64_t>(900000 + number));
    case Kind::number: return Json(900000.5 + static_cast<double>(number));
    case Kind::any: return Json(std::format("value-{}", number));
    case Kind::list: {
      auto item = token(wanted.arguments[0], number);
      return item ? std::optional<Json>(JsonArray{*std::move(item)}) : std::nullopt;
    }
    default: return std::nullopt;
  }
}

/// What is seen while the program runs.
struct Observed {
  std::mutex lock;
  std::vector<std::pair<std::string, FlowSource>> known;  ///< By JSON text.
  std::uint64_t made = 0;
  std::vector<FlowStep> steps;

  Json make(const Type& type, const FlowSource& source) {
    auto value = token(type, ++made);
    if (!value) {
      refuse(std::format("`{}` is a {}, whose values cannot be traced", to_string(source), annotation_name(type)));
    }
    known.emplace_back(to_text(*value), source);
    return *std::move(value);
  }

  FlowSource source_of(const Json& value, const std::string& where) const {
    const auto text = to_text(value);
    const auto found = std::ranges::find(known, text, &std::pair<std::string, FlowSource>::first);
    if (found == known.end())
      refuse(std::format("{} is made by the program's own code: it is not an input, and no output of a step", where));
    return found->second;
  }
};

std::string step_name(const std::string& path) {
  std::string out =
      path.ends_with(".predict") ? path.substr(0, path.size() - std::string_view(".predict").size()) : path;
  if (out == "self" || out == "predict") out = "answer";
  std::ranges::replace_if(out, [](char c) { return c == '.' || c == '[' || c == ']' || c == '\''; }, '_');
  return out;
}

/// Answers with values that are known again, as JSON that the adapter of the watched program reads.
class WatchingLM final : public LM {
 public:
  WatchingLM(std::shared_ptr<Observed> observed, FlowStep step)
      : observed_(std::move(observed)), step_(std::move(step)) {}

  std::string_view model() const noexcept override { return "flow_of"; }

  Async<Reply> complete(Request request) override { return answered(observed_, step_, std::move(request)); }

 private:
  static Async<Reply> answered(std::shared_ptr<Observed> observed, FlowStep step, Request request) {
    const std::scoped_lock guard(observed->lock);
    // The inputs stand in the last message as the JSON that `flow_of`'s own adapter wrote.
    const auto written = parse_json(request.messages.back().text());
    if (!written || !written->is_object()) refuse(std::format("the step `{}` was asked in an unknown form", step.name));
    if (std::ranges::contains(observed->steps, step.name, &FlowStep::name))
      refuse(std::format("the step `{}` is asked more than once", step.name));
    for (const auto& member : written->get_object()) {
      if (member.value().is_null()) continue;
      step.inputs[member.key()] = observed->source_of(
          member.value(), std::format("the input `{}` of `{}`", std::string_view(member.key()), step.name));
    }
    JsonObject outputs;
    for (const auto& field : step.asked().outputs)
      outputs[field.name] = observed->make(field.type, {.step = step.name, .field = field.name});
    observed->steps.push_back(std::move(step));
    co_return Reply(Completion{.text = to_text(outputs)});
  }

  std::shared_ptr<Observed> observed_;
  FlowStep step_;
};

/// The inputs as JSON, and the outputs from it.
class WatchingExchange final : public Exchange {
 public:
  explicit WatchingExchange(std::shared_ptr<const Signature> signature) : Exchange(std::move(signature)) {}

  using Exchange::parse;
  Chat format(const JsonObject& inputs, std::span<const Example>) const override {
    Chat chat;
    chat.push_back({Role::user, to_text(inputs)});
    return chat;
  }
  std::expected<Reading, Unreadable> parse(const Completion& completion) const override {
    return Reading{.outputs = parse_json(completion.text).value().as_object()};
  }
  std::unique_ptr<FieldStream> open_stream() const override { refuse("the program streams its own values"); }
  OutputContract contract() const override { return {}; }
};

class WatchingAdapter final : public Adapter {
 public:
  std::string_view name() const noexcept override { return "flow_of"; }
  std::shared_ptr<const Exchange> prepare(std::shared_ptr<const Signature> signature,
                                          std::span<const Example>) const override {
    return std::make_shared<WatchingExchange>(std::move(signature));
  }
};

/// The step that a predictor is, without its sources.
FlowStep step_of(const std::string& path, const Predictor& predictor) {
  FlowStep out{.name = step_name(path), .signature = predictor.signature(), .sampling = predictor.sampling()};
  if (predictor.adapter() != nullptr) out.adapter = predictor.adapter()->name();
  auto& outputs = out.signature.outputs;
  if (path.ends_with("predict") && outputs.size() > 1 && outputs.front().name == "reasoning") {
    out.module = FlowStep::Module::chain_of_thought;
    outputs.erase(outputs.begin());
  }
  return out;
}

}  // namespace

Flow flow_of(const Program& program, const std::vector<Field>& inputs) {
  const auto observed = std::make_shared<Observed>();
  JsonObject values;
  for (const auto& input : inputs) values[input.name] = observed->make(input.type, {.field = input.name});

  auto watched = program;
  std::vector<std::pair<std::string, std::string>> paths;  ///< Of the program, by the step's name.
  watched.for_each_predictor([&](const std::string& path, Predictor& predictor) {
    auto step = step_of(path, predictor);
    paths.emplace_back(step.name, path);
    predictor.set_adapter(std::make_shared<WatchingAdapter>());
    predictor.set_lm(std::make_shared<WatchingLM>(observed, std::move(step)));
    predictor.set_policy({.rewrite = 0, .ask_again = 0});
    predictor.set_decisions({});
  });
  const auto result = watched(std::move(values));

  FlowPlan plan{.inputs = inputs, .steps = std::move(observed->steps)};
  for (const auto& [name, path] : paths) {
    if (plan.find(name) == nullptr) refuse(std::format("the step `{}` was not asked for these inputs", path));
  }
  for (const auto& member : result.data)
    plan.outputs.emplace_back(
        member.key(),
        observed->source_of(member.value(), std::format("the output `{}`", std::string_view(member.key()))));

  Flow out(std::move(plan));
  out.for_each_predictor([&](const std::string& path, Predictor& made) {
    const auto name = path.ends_with(".predict") ? path.substr(0, path.rfind('.')) : path;
    program.for_each_predictor([&](const std::string& own, const Predictor& from) {
      if (step_name(own) != name) return;
      made.set_demos(from.demos());
      made.set_lm(from.lm());
      made.set_policy(from.policy());
      if (!from.decisions().empty()) made.set_decisions(from.decisions());
    });
  });
  return out;
}

}  // namespace dspy
