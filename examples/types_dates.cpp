// Dates, times and lengths of time, as types of <chrono> or of the library.  What a model writes in words a person
// would use is read where it can only mean one thing.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <chrono>
#include <deque>
#include <format>
#include <iostream>
#include <memory>
#include <string>

namespace {

struct ReadMeeting {
  static constexpr auto instructions = "Read the invitation.";
  struct Input {
    std::string mail;
    std::chrono::year_month_day today;
  };
  struct Output {
    std::chrono::year_month_day day;
    dspy::Time start;
    std::chrono::minutes length{};
    std::chrono::sys_seconds sent;
  };
};

}  // namespace

int main() {
  const auto lm = std::make_shared<dspy::ScriptedLM>(
      std::deque<std::string>{"Day: 2026-12-01\nStart: 14:30\nLength: PT1H30M\nSent: 2026-11-29T09:00:00+02:00",
                              "Day: 3/4/2026\nStart: 14:30\nLength: PT45M\nSent: 2026-11-29T09:00:00Z"});
  const dspy::Predict<ReadMeeting> read({.lm = lm, .policy = {.ask_again = 0}});
  const auto today = std::chrono::year_month_day(std::chrono::year(2026), std::chrono::month(11), std::chrono::day(29));

  const auto meeting = read({.mail = "Next Tuesday at half past two, an hour and a half.", .today = today});
  std::cout << std::format("{}, {}, sent {:%F %T} UTC\n", meeting.day, meeting.length, meeting.sent);
  std::cout << dspy::to_text(meeting.prediction().at("start")) << '\n';

  // The third of April or the fourth of March?
  const auto unclear = dspy::attempt([&] { return read({.mail = "On 3/4.", .today = today}); });
  if (!unclear) std::cout << unclear.error().info().violations.front().message << '\n';
}
