#include "llama/jinja/program.hpp"

#include "llama/jinja/interpreter.hpp"
#include "llama/jinja/parsing/parser.hpp"
#include "llama/jinja/parsing/syntax.hpp"
#include "llama/jinja/scope.hpp"
#include "llama/jinja/values/fault.hpp"

#include <cstddef>
#include <format>
#include <memory>
#include <string_view>
#include <utility>

namespace dspy::llama::jinja {
namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 20;

}  // namespace

struct Program::Tree {
  Block block;
};

Program::Program(std::string_view source) {
  if (source.size() > most_bytes)
    throw fault({}, std::format("it has {} bytes, which is more than {}", source.size(), most_bytes));
  tree_ = std::make_shared<const Tree>(parse(source));
}

Text Program::render(Variables variables, const Work::Now& now, Limits limits) const {
  Work work(limits, now);
  const auto globals = std::make_shared<Scope>(nullptr);
  for (auto& [name, value] : variables) globals->set(name, std::move(value));
  const auto scope = globals->inside();
  Text out;
  Interpreter(work).run(tree_->block, *scope, out);
  return out;
}

}  // namespace dspy::llama::jinja
