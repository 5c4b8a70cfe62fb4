#include "agents/loop/held_arguments.hpp"

#include "dspy/base/error.hpp"
#include "dspy/signature/json_schema.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Form = OutputContract::Form;

Type any_object() {
  return Type::dict(Type::string(), Type::any());
}

Type arguments_of(const FunctionTool& tool) {
  auto read = attempt([&] { return from_json_schema(tool.definition().parameters); });
  const bool is_exact = read && read->gaps.empty() && read->type.kind == Type::Kind::object;
  return is_exact ? std::move(read->type) : any_object();
}

class HeldLM final : public LM {
 public:
  HeldLM(std::shared_ptr<LM> lm, std::shared_ptr<const Type> arguments)
      : lm_(std::move(lm)), arguments_(std::move(arguments)) {}

  std::string_view model() const noexcept override { return lm_->model(); }
  Capabilities capabilities() const override { return lm_->capabilities(); }
  std::string fingerprint() const override { return lm_->fingerprint(); }
  Async<Reply> complete(Request request) override { return lm_->complete(held(std::move(request))); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return lm_->stream(held(std::move(request)), std::move(sink));
  }

 private:
  Request held(Request request) const {
    auto& contract = request.contract;
    // Elements nest by their type, and an object of any members is written in another way than one of a tool's.
    const bool is_json = contract.form == Form::fields || contract.form == Form::markers || contract.form == Form::json;
    if (!is_json || !contract.signature) return request;
    const auto& outputs = contract.signature->outputs;
    const auto at = std::ranges::find(outputs, "next_tool_args", &Field::name);
    if (at == outputs.end()) return request;
    auto changed = std::make_shared<Signature>(*contract.signature);
    changed->outputs[static_cast<std::size_t>(at - outputs.begin())].type = *arguments_;
    contract.signature = std::move(changed);
    return request;
  }

  std::shared_ptr<LM> lm_;
  std::shared_ptr<const Type> arguments_;
};

}  // namespace

Type arguments_of_any(const Tools& tools) {
  std::vector<Type> all = {Type::object("", {})};  // of `finish`
  for (const auto& tool : tools) {
    auto type = arguments_of(tool);
    if (type.kind == Type::Kind::dict) return type;
    all.push_back(std::move(type));
  }
  return Type::union_of(std::move(all));
}

std::shared_ptr<LM> held_to(std::shared_ptr<LM> lm, std::shared_ptr<const Type> arguments) {
  return std::make_shared<HeldLM>(std::move(lm), std::move(arguments));
}

}  // namespace dspy
