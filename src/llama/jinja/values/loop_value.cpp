#include "llama/jinja/values/loop_value.hpp"

#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace dspy::llama::jinja {

Value loop_value(const List& items, std::size_t index, const std::shared_ptr<List>& last) {
  Dict loop;
  const auto add = [&](std::string name, Value value) {
    loop.members.emplace_back(Value::own(std::move(name)), std::move(value));
  };
  const auto left = items.size() - index;
  add("first", index == 0);
  add("last", left == 1);
  add("index0", Value::count(index));
  add("index", Value::count(index + 1));
  add("length", Value::count(items.size()));
  add("revindex", Value::count(left));
  add("revindex0", Value::count(left - 1));
  add("previtem", index == 0 ? Value::undefined("previtem") : items[index - 1]);
  add("nextitem", left == 1 ? Value::undefined("nextitem") : items[index + 1]);
  add("depth", std::int64_t{1});
  add("depth0", std::int64_t{0});
  add("cycle", Callable{.name = "cycle", .call = [index](Work& work, const Arguments& arguments) -> Value {
                          if (arguments.positional.empty()) work.fail("`loop.cycle` needs something to go through");
                          return arguments.positional[index % arguments.positional.size()];
                        }});
  add("changed", Callable{.name = "changed", .call = [last](Work&, const Arguments& arguments) -> Value {
                            if (*last == arguments.positional) return false;
                            *last = arguments.positional;
                            return true;
                          }});
  return loop;
}

}  // namespace dspy::llama::jinja
