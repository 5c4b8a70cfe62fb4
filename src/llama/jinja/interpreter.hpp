#pragma once

#include "llama/jinja/parsing/syntax.hpp"
#include "llama/jinja/scope.hpp"
#include "llama/jinja/values/text.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <cstdint>
#include <memory>

namespace dspy::llama::jinja {

/// Runs a tree, once.  The tree outlives it.  Throws `Error`: `config_error` for what cannot be done, with the place;
/// `invalid_parameter` for what the template itself refuses.
class Interpreter {
 public:
  explicit Interpreter(Work& work) : work_(&work) {}

  enum class Flow : std::uint8_t { on, leave, next };

  Flow run(const Block& block, Scope& scope, Text& out);
  Value evaluate(const Expression& expression, Scope& scope);

 private:
  Flow run(const Statement& statement, Scope& scope, Text& out);
  Flow condition(const Statement& statement, Scope& scope, Text& out);
  void loop(const Statement& statement, Scope& scope, Text& out);
  void assign(const Statement& statement, Scope& scope, Value value);
  void assign(const Expression& target, Scope& scope, Value value);
  Value macro(const Statement& statement, Scope& scope);
  void call_block(const Statement& statement, Scope& scope, Text& out);
  Text text_of(const Block& block, const std::shared_ptr<Scope>& scope);

  Value dict(const Expression& expression, Scope& scope);
  Value call(const Expression& expression, Scope& scope, const Value* caller);
  Value filter(const Expression& expression, Scope& scope, const Value* subject);
  Value test(const Expression& expression, Scope& scope);
  Value binary(const Expression& expression, Scope& scope);
  Value compare(const Expression& expression, Scope& scope);
  Value name(const Expression& expression, const Scope& scope) const;
  Value part(const Expression* expression, Scope& scope);
  Arguments arguments(const Expression& expression, Scope& scope);
  List items(const Expression& expression, Scope& scope);
  /// A filter, a test or a method, put to the first argument.
  Value apply(BuiltIn built_in, const Arguments& arguments);

  Work* work_;
};

}  // namespace dspy::llama::jinja
