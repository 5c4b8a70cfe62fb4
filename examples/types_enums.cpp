// An enumeration as a choice: the prompt lists its values, a reply names one in any case or emphasis, and anything else
// is an error.  The type also carries what to call each value in words.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <array>
#include <deque>
#include <iostream>
#include <memory>
#include <string>

namespace {

enum class Urgency { low, high };

}  // namespace

template <>
inline constexpr auto dspy::enum_labels<Urgency> =
    std::to_array<dspy::EnumLabel<Urgency>>({{Urgency::low, "can wait"}, {Urgency::high, "needs a reply today"}});

namespace {

struct Triage {
  static constexpr auto instructions = "How urgent is the ticket?";
  struct Input {
    std::string ticket;
  };
  struct Output {
    Urgency urgency{};
  };
};

}  // namespace

int main() {
  for (const auto& label : dspy::type_of<Urgency>().labels) std::cout << label << '\n';
  const auto lm = std::make_shared<dspy::ScriptedLM>(
      std::deque<std::string>{"Urgency: high", "Urgency: **Low**.", "Urgency: rather high or low"});
  const dspy::Predict<Triage> triage({.lm = lm, .policy = {.ask_again = 0}});

  for (const auto& message : triage.render({.ticket = "The server is down."})) std::cout << message.text() << "\n--\n";
  for (const auto* ticket : {"The server is down.", "The logo looks old."})
    std::cout << ticket << ' ' << (triage({.ticket = ticket}).urgency == Urgency::high ? "today" : "later") << '\n';

  const auto unclear = dspy::attempt([&] { return triage({.ticket = "Hm."}); });
  if (!unclear) std::cout << unclear.error().what() << '\n';
}
