// Statements.

#include "llama/jinja/interpreter.hpp"

#include "llama/jinja/parsing/syntax.hpp"
#include "llama/jinja/scope.hpp"
#include "llama/jinja/values/loop_value.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <memory>
#include <utility>

namespace dspy::llama::jinja {
namespace {

/// One deeper while it lives.
class Entered {
 public:
  Entered(Work& work, Place place) : work_(&work) { work.enter(place); }
  ~Entered() { work_->leave(); }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

 private:
  Work* work_;
};

}  // namespace

Interpreter::Flow Interpreter::run(const Block& block, Scope& scope, Text& out) {
  for (const auto& statement : block) {
    if (const auto flow = run(*statement, scope, out); flow != Flow::on) return flow;
  }
  return Flow::on;
}

Interpreter::Flow Interpreter::run(const Statement& statement, Scope& scope, Text& out) {
  const Entered entered(*work_, statement.place);
  using Kind = Statement::Kind;
  switch (statement.kind) {
    case Kind::data:
      work_->write(statement.text.size());
      out.append(std::string_view(statement.text));
      break;
    case Kind::print: {
      const auto text = shown(evaluate(*statement.expression, scope));
      work_->write(text.size());
      out.append(text);
      break;
    }
    case Kind::condition: return condition(statement, scope, out);
    case Kind::loop: loop(statement, scope, out); break;
    case Kind::set: assign(statement, scope, evaluate(*statement.expression, scope)); break;
    case Kind::set_block: {
      Value value = text_of(statement.body, scope.inside());
      if (statement.filter) value = filter(*statement.filter, scope, &value);
      assign(*statement.targets.front(), scope, std::move(value));
      break;
    }
    case Kind::macro: scope.set(statement.text, macro(statement, scope)); break;
    case Kind::call: call_block(statement, scope, out); break;
    case Kind::filter: {
      const Value value = text_of(statement.body, scope.inside());
      out.append(shown(filter(*statement.filter, scope, &value)));
      break;
    }
    case Kind::with: {
      const auto inside = scope.inside();
      for (std::size_t i = 0; i < statement.targets.size(); ++i)
        inside->set(statement.targets[i]->text, evaluate(*statement.values[i], scope));
      return run(statement.body, *inside, out);
    }
    case Kind::part: return run(statement.body, scope, out);
    case Kind::leave: return Flow::leave;
    case Kind::next: return Flow::next;
    case Kind::run: evaluate(*statement.expression, scope); break;
  }
  return Flow::on;
}

Text Interpreter::text_of(const Block& block, const std::shared_ptr<Scope>& scope) {
  Text out;
  run(block, *scope, out);
  return out;
}

Interpreter::Flow Interpreter::condition(const Statement& statement, Scope& scope, Text& out) {
  const bool holds = evaluate(*statement.expression, scope).truth();
  return run(holds ? statement.body : statement.otherwise, scope, out);
}

void Interpreter::loop(const Statement& statement, Scope& scope, Text& out) {
  auto list = items_of(*work_, evaluate(*statement.expression, scope));
  if (statement.filter) {
    List kept;
    for (auto& each : list) {
      const auto inside = scope.inside();
      assign(statement, *inside, each);
      if (evaluate(*statement.filter, *inside).truth()) kept.push_back(std::move(each));
    }
    list = std::move(kept);
  }
  if (list.empty()) {
    run(statement.otherwise, *scope.inside(), out);
    return;
  }
  const auto changes = std::make_shared<List>();
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto inside = scope.inside();
    assign(statement, *inside, list[i]);
    if (statement.uses_loop) {
      work_->spend(16);
      inside->set("loop", loop_value(list, i, changes));
    }
    if (run(statement.body, *inside, out) == Flow::leave) return;
  }
}

void Interpreter::assign(const Statement& statement, Scope& scope, Value value) {
  const auto& targets = statement.targets;
  if (targets.size() == 1) return assign(*targets.front(), scope, std::move(value));
  const auto parts = items_of(*work_, value);
  if (parts.size() != targets.size()) work_->fail(std::format("{} names for {} values", targets.size(), parts.size()));
  for (std::size_t i = 0; i < parts.size(); ++i) assign(*targets[i], scope, parts[i]);
}

void Interpreter::assign(const Expression& target, Scope& scope, Value value) {
  if (value.depth() > Value::deepest) work_->fail("lists and dicts are nested too deeply, or contain a namespace");
  if (target.kind == Expression::Kind::name) return scope.set(target.text, std::move(value));
  const auto held = evaluate(*target.items.front(), scope);
  auto* const space = held.changeable();
  if (space == nullptr)
    work_->fail(std::format("`{}` is not a namespace, and only its members can be set", target.items.front()->text));
  if (value.changeable() != nullptr) work_->fail("a namespace cannot hold another");
  space->members.set(Value::own(target.text), std::move(value));
}

/// The macro sees what is around it when it is called, as long as that is there.
Value Interpreter::macro(const Statement& statement, Scope& scope) {
  const auto call = [this, &statement, around = scope.weak_from_this()](Work& work, const Arguments& given) -> Value {
    const auto outside = around.lock();
    if (!outside) work.fail(std::format("the scope of the macro `{}` no longer exists", statement.text));
    const auto inside = outside->inside();
    const auto& parameters = statement.parameters;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const auto* const value = given.find(i, parameters[i].name);
      if (value != nullptr)
        inside->set(parameters[i].name, *value);
      else
        inside->set(parameters[i].name, parameters[i].preset ? evaluate(*parameters[i].preset, *inside)
                                                             : Value::undefined(parameters[i].name));
    }
    List more;
    for (auto i = parameters.size(); i < given.positional.size(); ++i) more.push_back(given.positional[i]);
    inside->set("varargs", Value(std::move(more), true));
    Dict named;
    for (const auto& [name, value] : given.named) {
      if (name == "caller")
        inside->set(name, value);
      else if (std::ranges::find(parameters, name, &Parameter::name) == parameters.end())
        named.set(Value::own(name), value);
    }
    inside->set("kwargs", std::move(named));
    return text_of(statement.body, inside);
  };
  return Callable{.name = statement.text, .call = call};
}

void Interpreter::call_block(const Statement& statement, Scope& scope, Text& out) {
  const auto caller = macro(statement, scope);
  out.append(shown(call(*statement.expression, scope, &caller)));
}

}  // namespace dspy::llama::jinja
