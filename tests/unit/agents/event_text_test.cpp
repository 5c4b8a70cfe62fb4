#include "agents/event_text.hpp"

#include "dspy/base/json.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "dspy/lm/message.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace dspy;

namespace {

using Kind = AgentEvent::Kind;

std::string text_of(const AgentEvent& event) {
  std::string out = "{";
  append_members(out, event);
  return out + "}";
}

Usage whole_usage() {
  return {.requests = 3,
          .prompt_tokens = 1,
          .completion_tokens = 2,
          .cache_read_tokens = 3,
          .cache_write_tokens = 4,
          .reasoning_tokens = 5,
          .audio_prompt_tokens = 6,
          .audio_completion_tokens = 7,
          .reported_total = std::numeric_limits<std::uint64_t>::max(),
          .cost_nanodollars = 8};
}

std::vector<AgentEvent> all_events() {
  const std::string odd = "a \"quote\", a \\, a tab\t, \x01, \x7f and π\n";
  const Json value = {{"list", {1, -2, 2.5, 1e300, true, nullptr, odd}}, {odd, JsonObject()}};
  return {
      {.kind = Kind::begun, .at = 1, .agent = odd, .program = "p", .inputs = value.as_object(), .text = "run"},
      {.kind = Kind::begun},
      {.kind = Kind::turn, .at = std::numeric_limits<std::int64_t>::min()},
      {.kind = Kind::turn,
       .text = odd,
       .calls = {{.id = "call_0_0", .tool = "add", .arguments = value}, {.id = odd, .tool = "", .arguments = nullptr}},
       .message = to_json(Message(Role::assistant, odd)),
       .usage = whole_usage()},
      {.kind = Kind::forgotten, .at = -1},
      {.kind = Kind::decided, .call = "c", .decision = {.kind = Verdict::Kind::edit, .value = value, .words = odd}},
      {.kind = Kind::decided, .call = odd, .decision = {.kind = Verdict::Kind::wait}},
      {.kind = Kind::started, .call = odd},
      {.kind = Kind::finished, .call = "c"},
      {.kind = Kind::finished,
       .call = "c",
       .outcome = {.value = value,
                   .is_error = true,
                   .parts = {TextPart{odd}, MediaPart{.url = "https://example.org/a.png"}},
                   .hands_to = odd,
                   .left_out = std::numeric_limits<std::size_t>::max()}},
      {.kind = Kind::ended, .text = odd, .usage = whole_usage(), .end = AgentEnd::max_cost},
      {.kind = Kind::ended},
      {.kind = Kind::done, .outputs = value.as_object(), .usage = whole_usage()},
      {.kind = Kind::done},
  };
}

}  // namespace

TEST_CASE("an event's text is that of its JSON, and what it says comes back") {
  for (const auto& event : all_events()) {
    const auto json = to_json(event);
    const auto text = text_of(event);
    CHECK(text == to_text(Json(json)));
    const auto read = parse_json(text);
    REQUIRE(read);
    CHECK(to_text(Json(to_json(agent_event_from_json(read->as_object())))) == text);
  }
}

TEST_CASE("a number that JSON does not have is written as it always was") {
  const AgentEvent event{
      .kind = Kind::finished, .call = "c", .outcome = {.value = std::numeric_limits<double>::infinity()}};
  CHECK(text_of(event) == to_text(Json(to_json(event))));
  CHECK(text_of(event).contains(R"("value":"Infinity")"));
}
