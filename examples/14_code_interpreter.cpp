// Code runs in a sandbox: it keeps its variables, can call our functions, and has access to nothing
// else.  Requires bubblewrap; without it no code is run, and the program says so.

#include "dspy/agents/sandbox/python_interpreter.hpp"
#include "dspy/base/error.hpp"

#include <iostream>
#include <string>

int main() {
  if (const auto problem = dspy::sandbox_problem()) {
    std::cerr << "no sandbox here: " << *problem << '\n';
    return 77;
  }
  dspy::HostFunction price{
      .name = "price", .parameters = {"fruit"}, .call = [](dspy::JsonObject given) -> dspy::Async<dspy::Json> {
        co_return given.at("fruit") == "apple" ? 0.5 : 0.25;
      }};
  dspy::PythonInterpreter python({price});

  python("basket = {'apple': 4, 'pear': 2}");
  const auto total = python("sum(n * price(fruit) for fruit, n in basket.items())");
  std::cout << "total: " << dspy::to_text(*total.value) << ", after " << total.calls << " calls\n";

  std::cout << "no network: " << python("import socket\nsocket.create_connection(('1.1.1.1', 53))").error->kind << '\n';
  std::cout << "no files: " << python("open('/etc/passwd')").error->kind << '\n';
  std::cout << "no processes: " << python("import os\nos.fork()").error->kind << '\n';
  std::cout << "still there: " << python("sorted(basket)").repr << '\n';
}
