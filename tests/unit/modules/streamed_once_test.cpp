#include "adapters/reading/reader.hpp"
#include "dspy/adapters/adapter.hpp"
#include "dspy/lm/request.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/call_policy.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/signature/prediction.hpp"
#include "dspy/signature/signature.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

/// How often whole replies are read while a predictor streams, and what came of it.
struct Streamed {
  Prediction prediction = {};
  std::string text = {};
  std::size_t readings = 0;
};

Streamed stream(const char* adapter_name, std::vector<std::string> replies) {
  auto lm = std::make_shared<ScriptedLM>(
      [replies = std::move(replies), next = std::size_t{0}](const Request&) mutable { return replies.at(next++); });
  Predictor predict(
      Signature::parse("question -> answer, count: int"),
      {.lm = lm, .adapter = adapter(adapter_name), .policy = {.streamed = CallPolicy::Streamed::take_back}});
  Streamed out;
  const auto before = ReplyReader::count();
  out.prediction = predict.stream({{"question", "how many?"}}, [&](const FieldEvent& event) {
    if (event.field != "answer") return;
    if (event.restart) out.text.clear();
    out.text += event.text;
  });
  out.readings = ReplyReader::count() - before;
  return out;
}

}  // namespace

TEST_CASE("A streamed reply is read as a whole once") {
  const std::pair<const char*, std::string> replies[] = {
      {"field", "Answer: three birds\nCount: 3"},
      {"chat", "[[ ## answer ## ]]\nthree birds\n\n[[ ## count ## ]]\n3\n\n[[ ## completed ## ]]"},
      {"json", "{\n  \"answer\": \"three birds\",\n  \"count\": 3\n}"},
      {"xml", "<answer>\nthree birds\n</answer>\n\n<count>\n3\n</count>"},
  };
  for (const auto& [name, reply] : replies) {
    CAPTURE(name);
    const auto streamed = stream(name, {reply});
    CHECK(streamed.prediction.data.at("answer") == "three birds");
    CHECK(streamed.prediction.data.at("count") == 3);
    CHECK(streamed.text == "three birds");
    CHECK(streamed.readings == 1);
  }
}

TEST_CASE("Each reply of a call that asks again is read once, and none is taken for another") {
  const auto streamed = stream("field", {"Answer: some birds\nCount: a few", "Answer: two birds\nCount: 2"});
  CHECK(streamed.prediction.data.at("answer") == "two birds");
  CHECK(streamed.prediction.data.at("count") == 2);
  CHECK(streamed.text == "two birds");
  CHECK(streamed.readings == 2);
}

TEST_CASE("A streamed reply that is not UTF-8 keeps its flag") {
  const auto streamed = stream("field", {"Answer: caf\xE9\nCount: 1"});
  CHECK(streamed.prediction.data.at("count") == 1);
  REQUIRE(!streamed.prediction.flags.empty());
  CHECK(streamed.prediction.flags[0].repair == "invalid_utf8");
}
