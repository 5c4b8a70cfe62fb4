// Expressions.

#include "llama/jinja/interpreter.hpp"
#include "llama/jinja/parsing/syntax.hpp"
#include "llama/jinja/scope.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <cstddef>
#include <format>
#include <utility>

namespace dspy::llama::jinja {
namespace {

using Kind = Expression::Kind;

}  // namespace

Value Interpreter::evaluate(const Expression& expression, Scope& scope) {
  const struct Entered {
    Work* work;
    ~Entered() { work->leave(); }
  } entered{work_};
  work_->enter(expression.place);
  switch (expression.kind) {
    case Kind::literal: return expression.value;
    case Kind::name: return name(expression, scope);
    case Kind::list: return items(expression, scope);
    case Kind::tuple: return {items(expression, scope), true};
    case Kind::dict: return dict(expression, scope);
    case Kind::attribute: {
      const auto object = evaluate(*expression.items.front(), scope);
      work_->at(expression.place);
      return member(*work_, object, expression.text);
    }
    case Kind::subscript: {
      const auto object = evaluate(*expression.items[0], scope);
      const auto key = evaluate(*expression.items[1], scope);
      work_->at(expression.place);
      return item(*work_, object, key);
    }
    case Kind::slice: {
      const auto object = evaluate(*expression.items[0], scope);
      const auto from = part(expression.items[1].get(), scope), to = part(expression.items[2].get(), scope),
                 step = part(expression.items[3].get(), scope);
      work_->at(expression.place);
      return slice(*work_, object, from, to, step);
    }
    case Kind::call: return call(expression, scope, nullptr);
    case Kind::filter: return filter(expression, scope, nullptr);
    case Kind::test: return test(expression, scope);
    case Kind::unary: {
      const auto value = evaluate(*expression.items.front(), scope);
      work_->at(expression.place);
      return negated(*work_, expression.text, value);
    }
    case Kind::binary: return binary(expression, scope);
    case Kind::compare: return compare(expression, scope);
    case Kind::choice:
      if (evaluate(*expression.items[1], scope).truth()) return evaluate(*expression.items[0], scope);
      return expression.items[2] ? evaluate(*expression.items[2], scope) : Value::undefined("the other choice");
    case Kind::spread: break;
  }
  work_->fail("`*` is only allowed in a call");
}

Value Interpreter::name(const Expression& expression, const Scope& scope) const {
  if (const auto* const found = scope.find(expression.text)) return *found;
  if (const auto function = find_function(expression.text); function != nullptr)
    return Callable{.name = expression.text, .call = function};
  return Value::undefined(expression.text);
}

Value Interpreter::part(const Expression* expression, Scope& scope) {
  return expression == nullptr ? Value(Value::None()) : evaluate(*expression, scope);
}

List Interpreter::items(const Expression& expression, Scope& scope) {
  List out;
  out.reserve(expression.items.size());
  for (const auto& each : expression.items) out.push_back(evaluate(*each, scope));
  return out;
}

Value Interpreter::dict(const Expression& expression, Scope& scope) {
  Dict out;
  for (std::size_t i = 0; i + 1 < expression.items.size(); i += 2)
    out.set(evaluate(*expression.items[i], scope), evaluate(*expression.items[i + 1], scope));
  return out;
}

Arguments Interpreter::arguments(const Expression& expression, Scope& scope) {
  Arguments out;
  out.positional.emplace_back();  // the value it is put to
  for (std::size_t i = 1; i < expression.items.size(); ++i) {
    const auto& each = *expression.items[i];
    if (each.kind != Kind::spread) {
      out.positional.push_back(evaluate(each, scope));
      continue;
    }
    const auto value = evaluate(*each.items.front(), scope);
    if (each.text == "*") {
      for (auto& item : items_of(*work_, value)) out.positional.push_back(std::move(item));
    } else if (const auto* const dict = value.dict()) {
      for (const auto& [key, member] : dict->members) out.named.emplace_back(shown(key).bytes(), member);
    } else {
      work_->fail("`**` needs a dict");
    }
  }
  for (const auto& [name, value] : expression.named) out.named.emplace_back(name, evaluate(*value, scope));
  return out;
}

Value Interpreter::apply(BuiltIn built_in, const Arguments& arguments) {
  if (const auto* const text = arguments.positional.front().text()) work_->write(text->size() / 8);
  return built_in(*work_, arguments);
}

Value Interpreter::call(const Expression& expression, Scope& scope, const Value* caller) {
  const auto& callee = *expression.items.front();
  if (callee.kind == Kind::attribute) {
    const auto object = evaluate(*callee.items.front(), scope);
    if (const auto method = find_method(object, callee.text); method != nullptr) {
      auto given = arguments(expression, scope);
      given.positional.front() = object;
      work_->at(expression.place);
      return apply(method, given);
    }
  }
  const auto function = evaluate(callee, scope);
  auto given = arguments(expression, scope);
  given.positional.erase(given.positional.begin());
  if (caller != nullptr) given.named.emplace_back("caller", *caller);
  work_->at(expression.place);
  const auto* const callable = function.callable();
  if (callable == nullptr) {
    const auto* const undefined = function.if_undefined();
    work_->fail(undefined != nullptr ? std::format("there is no function `{}`", undefined->name)
                                     : std::format("{} cannot be called", function.type_name()));
  }
  return callable->call(*work_, given);
}

Value Interpreter::filter(const Expression& expression, Scope& scope, const Value* subject) {
  // In a block, the innermost of several filters has no value of its own.
  const auto* const inner = expression.items.front().get();
  auto value = inner == nullptr                                    ? *subject
               : subject != nullptr && inner->kind == Kind::filter ? filter(*inner, scope, subject)
                                                                   : evaluate(*inner, scope);
  work_->at(expression.place);
  const auto built_in = find_filter(expression.text);
  if (built_in == nullptr) work_->fail(std::format("there is no filter `{}`", expression.text));
  auto given = arguments(expression, scope);
  given.positional.front() = std::move(value);
  work_->at(expression.place);
  return apply(built_in, given);
}

Value Interpreter::test(const Expression& expression, Scope& scope) {
  auto value = evaluate(*expression.items.front(), scope);
  const auto built_in = find_test(expression.text);
  work_->at(expression.place);
  if (built_in == nullptr) work_->fail(std::format("there is no test `{}`", expression.text));
  auto given = arguments(expression, scope);
  given.positional.front() = std::move(value);
  work_->at(expression.place);
  return apply(built_in, given);
}

Value Interpreter::binary(const Expression& expression, Scope& scope) {
  auto left = evaluate(*expression.items[0], scope);
  if (expression.text == "and") return left.truth() ? evaluate(*expression.items[1], scope) : left;
  if (expression.text == "or") return left.truth() ? left : evaluate(*expression.items[1], scope);
  const auto right = evaluate(*expression.items[1], scope);
  work_->at(expression.place);
  return arithmetic(*work_, expression.text, left, right);
}

Value Interpreter::compare(const Expression& expression, Scope& scope) {
  auto left = evaluate(*expression.items[0], scope);
  for (std::size_t i = 0; i < expression.operators.size(); ++i) {
    auto right = evaluate(*expression.items[i + 1], scope);
    work_->at(expression.place);
    if (!compared(*work_, expression.operators[i], left, right)) return false;
    left = std::move(right);
  }
  return true;
}

}  // namespace dspy::llama::jinja
