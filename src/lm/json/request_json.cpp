#include "dspy/base/sha256.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "lm/json/members.hpp"
#include "lm/json/sampling_json.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <memory>
#include <utility>

namespace dspy {
namespace {

using Effort = ReasoningOptions::Effort;
using Form = OutputContract::Form;
using Mode = ToolChoice::Mode;

constexpr std::array efforts = {Effort::off,  Effort::minimal, Effort::low, Effort::medium,
                                Effort::high, Effort::xhigh,   Effort::max};
constexpr std::array forms = {Form::text,    Form::fields, Form::markers, Form::json, Form::xml,
                              Form::choices, Form::regex,  Form::schema,  Form::gbnf};
constexpr std::array modes = {Mode::automatic, Mode::required, Mode::none};

/// The one of `all` that `name` names.
template <class All>
auto named(const All& all, const MemberReader& member, std::string_view place, const std::string& name) {
  const auto* const found = std::ranges::find(all, name, [](auto each) { return to_string(each); });
  if (found == all.end()) member.reject(place, "one of those there are", Json(name));
  return *found;
}

template <class M, class T>
void members_of(M& member, T& cache)
  requires std::same_as<std::remove_const_t<T>, PromptCacheOptions>
{
  member("enabled", cache.enabled);
  member("retention", cache.retention);
  member("key", cache.key);
  member("prefix", cache.prefix);
  member("prefix_until", cache.prefix_until);
  member("resource", cache.resource);
}

template <class M, class T>
void members_of(M& member, T& options)
  requires std::same_as<std::remove_const_t<T>, ProviderOptions>
{
  member("probabilities", options.probabilities);
  member("service_tier", options.service_tier);
  member("user_id", options.user_id);
  member("store", options.store);
  member("extensions", options.extensions);
  member("metadata", options.metadata);
}

template <class M, class T>
void members_of(M& member, T& tool)
  requires std::same_as<std::remove_const_t<T>, ToolDefinition>
{
  member("name", tool.name);
  member("description", tool.description);
  member("parameters", tool.parameters);
  member("strict", tool.strict);
  member("builtin", tool.builtin);
  member("options", tool.options);
}

template <class T>
JsonObject written(const T& value) {
  JsonObject out;
  MemberWriter member(out);
  members_of(member, value);
  return out;
}

template <class T>
T read(const JsonObject& in, std::string_view what) {
  T out;
  MemberReader member(in, what);
  members_of(member, out);
  member.finish();
  return out;
}

JsonObject to_json(const ProviderOptions& options) {
  auto out = written(options);
  JsonObject reasoning;
  if (options.reasoning.effort) reasoning["effort"] = to_string(*options.reasoning.effort);
  MemberWriter member(reasoning);
  member("budget_tokens", options.reasoning.budget_tokens);
  member("summary", options.reasoning.summary);
  if (!reasoning.empty()) out["reasoning"] = std::move(reasoning);
  if (auto cache = written(options.prompt_cache); !cache.empty()) out["prompt_cache"] = std::move(cache);
  return out;
}

ProviderOptions provider_from_json(const JsonObject& in) {
  ProviderOptions options;
  MemberReader member(in, "the provider's options");
  members_of(member, options);
  if (const auto* const value = member.take("reasoning")) {
    MemberReader inside(member.object("reasoning", *value), "the options of reasoning");
    std::optional<std::string> effort;
    inside("effort", effort);
    if (effort) options.reasoning.effort = named(efforts, inside, "effort", *effort);
    inside("budget_tokens", options.reasoning.budget_tokens);
    inside("summary", options.reasoning.summary);
    inside.finish();
  }
  if (const auto* const value = member.take("prompt_cache"))
    options.prompt_cache =
        read<PromptCacheOptions>(member.object("prompt_cache", *value), "the prompt cache's options");
  member.finish();
  return options;
}

JsonObject to_json(const ToolChoice& choice) {
  JsonObject out;
  if (choice.mode != Mode::automatic) out["mode"] = to_string(choice.mode);
  MemberWriter member(out);
  member("allowed", choice.allowed);
  member("parallel", choice.parallel);
  return out;
}

ToolChoice tool_choice_from_json(const JsonObject& in) {
  ToolChoice choice;
  MemberReader member(in, "the choice of tools");
  std::optional<std::string> mode;
  member("mode", mode);
  if (mode) choice.mode = named(modes, member, "mode", *mode);
  member("allowed", choice.allowed);
  member("parallel", choice.parallel);
  member.finish();
  return choice;
}

JsonObject field_to_json(const Field& field) {
  JsonObject out{{"name", field.name}, {"type", to_notation(field.type)}, {"label", field.label}};
  MemberWriter member(out);
  member("description", field.description);
  if (field.default_value) out["default"] = *field.default_value;
  return out;
}

Field field_from_json(const JsonObject& in) {
  MemberReader member(in, "an output");
  std::string name, type;
  member("name", name);
  member("type", type);
  auto field = make_field(std::move(name), Type::parse(type));
  member("label", field.label);
  member("description", field.description);
  member("default", field.default_value);
  member.finish();
  return field;
}

}  // namespace

JsonObject to_json(const OutputContract& contract) {
  JsonObject out{{"form", to_string(contract.form)}};
  if (contract.signature) {
    JsonArray outputs;
    for (const auto& field : contract.signature->outputs) outputs.push_back(field_to_json(field));
    out["outputs"] = std::move(outputs);
  }
  MemberWriter member(out);
  member("choices", contract.choices);
  member("grammar", contract.grammar);
  member("name", contract.name);
  member("strict", contract.strict);
  member("literal_text", contract.literal_text);
  member("may_think", contract.may_think);
  return out;
}

OutputContract contract_from_json(const JsonObject& in) {
  OutputContract contract;
  MemberReader member(in, "a contract");
  std::string form;
  member("form", form);
  contract.form = named(forms, member, "form", form);
  auto signature = std::make_shared<Signature>();
  member.each("outputs", [&](const Json& field) {
    signature->outputs.push_back(field_from_json(member.object("outputs", field)));
  });
  if (!signature->outputs.empty()) contract.signature = std::move(signature);
  member("choices", contract.choices);
  member("grammar", contract.grammar);
  member("name", contract.name);
  member("strict", contract.strict);
  member("literal_text", contract.literal_text);
  member("may_think", contract.may_think);
  member.finish();
  return contract;
}

JsonObject to_json(const Request& request) {
  JsonArray messages;
  for (const auto& message : request.messages) messages.push_back(to_json(message));
  JsonObject out{{"messages", std::move(messages)}};
  const auto add = [&](std::string_view name, JsonObject value) {
    if (!value.empty()) out[name] = std::move(value);
  };
  add("sampling", to_json(request.sampling));
  if (request.contract != OutputContract()) out["contract"] = to_json(request.contract);
  JsonObject prefill;
  MemberWriter member(prefill);
  member("reasoning", request.prefill.reasoning);
  member("text", request.prefill.text);
  add("prefill", std::move(prefill));
  if (!request.tools.empty()) {
    JsonArray tools;
    for (const auto& tool : request.tools) tools.push_back(written(tool));
    out["tools"] = std::move(tools);
  }
  add("tool_choice", to_json(request.tool_choice));
  if (request.n != 1) out["n"] = request.n;
  add("provider", to_json(request.provider_options()));
  return out;
}

Request request_from_json(const JsonObject& in) {
  Request request;
  MemberReader member(in, "a request");
  member.each("messages", [&](const Json& message) {
    request.messages.push_back(message_from_json(member.object("messages", message)));
  });
  const auto part = [&](std::string_view name, auto read_it) {
    if (const auto* const value = member.take(name)) read_it(member.object(name, *value));
  };
  part("sampling", [&](const JsonObject& value) { request.sampling = sampling_from_json(value); });
  part("contract", [&](const JsonObject& value) { request.contract = contract_from_json(value); });
  part("prefill", [&](const JsonObject& value) {
    MemberReader inside(value, "the prefill");
    inside("reasoning", request.prefill.reasoning);
    inside("text", request.prefill.text);
    inside.finish();
  });
  std::vector<ToolDefinition> tools;
  member.each("tools",
              [&](const Json& tool) { tools.push_back(read<ToolDefinition>(member.object("tools", tool), "a tool")); });
  request.tools = std::move(tools);
  part("tool_choice", [&](const JsonObject& value) { request.tool_choice = tool_choice_from_json(value); });
  member("n", request.n);
  part("provider", [&](const JsonObject& value) {
    request.provider = std::make_shared<const ProviderOptions>(provider_from_json(value));
  });
  member.finish();
  return request;
}

std::string digest(const Request& request) {
  return sha256(to_text(to_json(request)));
}

}  // namespace dspy
