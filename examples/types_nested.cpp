// Objects inside objects: a struct whose members are structs and lists of them.  The prompt describes them, the reply
// is read into them, and an error says where in the value it is.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <deque>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

struct Address {
  std::string street;
  std::string city;
};

struct Item {
  std::string name;
  int count = 1;
  double price = 0;
};

struct ReadOrder {
  static constexpr auto instructions = "Read the order.";
  struct Input {
    std::string mail;
  };
  struct Output {
    std::string customer;
    Address address;
    std::vector<Item> items;
  };
};

}  // namespace

int main() {
  const auto lm = std::make_shared<dspy::ScriptedLM>(std::deque<std::string>{
      R"({"customer": "Nora", "address": {"street": "Sea Road 4", "city": "Lima"},
          "items": [{"name": "lamp", "count": 2, "price": 30.5}, {"name": "cable", "count": 1, "price": 4}]})",
      R"({"customer": "Nora", "address": {"street": "Sea Road 4"}, "items": [{"name": "lamp", "count": "many"}]})"});
  const dspy::Predict<ReadOrder> read({.lm = lm, .adapter = dspy::adapter("json"), .policy = {.ask_again = 0}});

  const auto order = read({.mail = "Two lamps and a cable to Sea Road 4, Lima, please. Nora"});
  std::cout << order.customer << ", " << order.address.street << ", " << order.address.city << '\n';
  for (const auto& item : order.items)
    std::cout << "  " << item.count << " x " << item.name << " at " << item.price << '\n';

  const auto wrong = dspy::attempt([&] { return read({.mail = "Many lamps, please. Nora"}); });
  if (wrong) return 1;
  for (const auto& violation : wrong.error().info().violations)
    std::cout << violation.path << ": " << violation.message << '\n';
}
