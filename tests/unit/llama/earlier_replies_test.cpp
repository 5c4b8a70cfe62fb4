#include "llama/engine/reply/earlier_replies.hpp"

#include "dspy/adapters/adapter.hpp"
#include "engine_fixture.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace dspy::llama {
namespace {

using Tokens = std::vector<Token>;

Tokens found(const EarlierReplies& replies, const Tokens& tokens, std::size_t most = 8, std::size_t alike = 0) {
  const auto next = replies.look_up(tokens, most, alike);
  return {next.begin(), next.end()};
}

TEST_CASE("what followed in earlier replies is found by the longest end in common, the latest of several") {
  EarlierReplies replies(1000);
  CHECK(found(replies, {1, 2, 3}).empty());
  replies.keep(Tokens{9, 1, 2, 3, 4, 5}, 4);
  CHECK(found(replies, {1, 2, 3}) == Tokens{4, 5});
  CHECK(found(replies, {1, 2, 3}, 1) == Tokens{4});
  CHECK(found(replies, {1, 2, 3}, 0).empty());
  CHECK(found(replies, {2, 3}).empty());
  CHECK(found(replies, {1, 2, 3, 4, 5}).empty());  // it ended there
  CHECK(found(replies, {1, 2, 3}, 8, 3).empty());  // the request's own place is as much alike

  replies.keep(Tokens{7, 1, 2, 3, 6}, 4);
  CHECK(found(replies, {1, 2, 3}) == Tokens{6});
  CHECK(found(replies, {9, 1, 2, 3}) == Tokens{4, 5});
  replies.keep(Tokens{1, 2, 3}, 3);  // no reply
  CHECK(found(replies, {1, 2, 3}) == Tokens{6});
}

TEST_CASE("only so many tokens are kept, the latest, and of a prompt only its end") {
  EarlierReplies few(40);
  for (Token reply = 0; reply < 20; ++reply)
    few.keep(Tokens{100 + reply, 200 + reply, 300 + reply, 400 + reply, 500 + reply}, 3);
  CHECK(found(few, {119, 219, 319}) == Tokens{419, 519});
  CHECK(found(few, {101, 201, 301}).empty());

  EarlierReplies replies(1000);
  Tokens prompt;
  for (Token token = 0; token < 300; ++token) prompt.push_back(token);
  replies.keep(prompt, 290);
  CHECK(found(replies, {100, 101, 102}).empty());
  CHECK(found(replies, {287, 288, 289}, 2) == Tokens{290, 291});

  EarlierReplies none(0);
  none.keep(Tokens{1, 2, 3, 4}, 3);
  CHECK(found(none, {1, 2, 3}).empty());
  few.keep(prompt, 100);  // larger than all that is kept
  CHECK(found(few, {98, 99, 100}).size() <= 40);
}

TEST_CASE_FIXTURE(test::EmbeddedModel,
                  "a question that is asked again under other words is guessed by its earlier reply, and is the same") {
  const auto generation = [&](const char* instructions) {
    const auto exchange = adapter("field")->prepare(
        std::make_shared<const Signature>(Signature::parse("ticket -> reasoning, category", instructions)));
    return Generation{.prompt = model->tokenize(exchange->format({{"ticket", "My order A-1043 arrived broken."}})),
                      .sampling = {.max_tokens = 60, .temperature = 0},
                      .contract = exchange->contract()};
  };
  const auto first = generation("Sort the support ticket."), second = generation("Sort the ticket.");
  std::vector<std::string> texts;
  std::vector<std::uint64_t> accepted;
  for (const int memory : {0, 4096}) {
    Engine engine(
        model,
        {.context_length = 1024, .sequences = 1, .threads = 1, .speculation = Speculation::on, .draft_memory = memory});
    wait(engine.generate(first));
    const auto before = engine.stats().accepted_tokens;
    texts.push_back(wait(engine.generate(first)).text);
    texts.push_back(wait(engine.generate(second)).text);
    accepted.push_back(engine.stats().accepted_tokens - before);
  }
  CHECK(texts[0] == texts[2]);
  CHECK(texts[1] == texts[3]);
  CHECK(accepted[1] > accepted[0]);
}

}  // namespace
}  // namespace dspy::llama
