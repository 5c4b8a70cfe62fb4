#include "dspy/agents/memory/memory.hpp"

#include "dspy/agents/memory/blocks.hpp"
#include "dspy/agents/memory/context_builder.hpp"
#include "dspy/agents/memory/conversation_store.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

using dspy::Message;
using dspy::Role;
using dspy::wait;

namespace {

Message call(const std::string& id) {
  return {Role::assistant, {dspy::ToolCallPart{.id = id, .name = "f", .input = {{"x", 1}}}}};
}

Message result(const std::string& id) {
  return {Role::tool, {dspy::ToolResultPart{.id = id, .name = "f", .content = {dspy::TextPart{.text = "one"}}}}};
}

/// Every result follows its call, and no call stands alone.
bool is_whole(const std::vector<Message>& messages) {
  std::set<std::string> open, closed;
  for (const auto& message : messages)
    for (const auto& part : message.parts) {
      if (const auto* const made = part.get<dspy::ToolCallPart>()) open.insert(made->id);
      if (const auto* const got = part.get<dspy::ToolResultPart>()) {
        if (!open.contains(got->id)) return false;
        closed.insert(got->id);
      }
    }
  return open == closed;
}

std::vector<Message> conversation(std::uint64_t seed, int turns) {
  dspy::Random random(seed);
  std::vector<Message> out;
  for (int i = 0; i < turns; ++i) {
    out.emplace_back(Role::user, std::string(random.below(60) + 1, 'u'));
    for (auto calls = random.below(3); calls > 0; --calls) {
      const auto id = std::to_string(i) + "." + std::to_string(calls);
      out.push_back(call(id));
      out.push_back(result(id));
    }
    out.emplace_back(Role::assistant, "answer " + std::to_string(i));
  }
  return out;
}

class LetterEmbedder final : public dspy::Embedder {
 public:
  std::string_view model() const noexcept override { return "letters"; }
  std::size_t dimensions() const noexcept override { return 26; }
  dspy::Async<dspy::Embeddings> embed(dspy::EmbedRequest request) override {
    return [](dspy::EmbedRequest asked) -> dspy::Async<dspy::Embeddings> {
      dspy::Embeddings out;
      for (const auto& text : asked.texts) {
        std::vector<float> vector(26);
        for (const auto c : text)
          if (c >= 'a' && c <= 'z') vector[static_cast<std::size_t>(c - 'a')] += 1;
        out.vectors.push_back(std::move(vector));
      }
      co_return out;
    }(std::move(request));
  }
};

bool file_has(const std::filesystem::path& folder, std::string_view text) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    if (std::string(std::istreambuf_iterator<char>(in), {}).find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("memory of the last turns forgets whole turns, and never parts a call from its result") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    dspy::RecentMemory turns({.turns = 3}), tokens({.tokens = 60}), all;
    std::size_t gone = 0;
    const auto said = conversation(seed, 12);
    for (const auto& message : said) {
      gone += turns.add(message).size();
      tokens.add(message);
      CHECK(all.add(message).empty());
    }
    CHECK(all.messages() == said);
    CHECK(is_whole(turns.messages()));
    CHECK(is_whole(tokens.messages()));
    CHECK(gone + turns.messages().size() == said.size());
    CHECK(std::ranges::count(turns.messages(), Role::user, &Message::role) == 3);
    const bool is_one_turn = std::ranges::count(tokens.messages(), Role::user, &Message::role) == 1;
    CHECK((tokens.tokens() <= 60 || is_one_turn));
    std::size_t counted = 0;
    for (const auto& message : tokens.messages()) counted += message_tokens(message, dspy::likely_tokens);
    CHECK(counted == tokens.tokens());
  }
}

TEST_CASE("turns that go are summarised once") {
  auto lm =
      std::make_shared<dspy::ScriptedLM>(std::deque<std::string>{"New summary: They greeted.", "New summary: More."});
  dspy::SummaryMemory memory({.turns = 1, .predictor = {.lm = lm}});
  for (const auto* const word : {"hello", "and now", "at last"}) {
    wait(memory.add({Role::user, word}));
    wait(memory.add({Role::assistant, "yes"}));
  }
  CHECK(memory.summary() == "More.");
  CHECK(lm->requests().size() == 2);
  CHECK(lm->requests()[1].messages.back().text().find("They greeted.") != std::string::npos);
  const auto messages = memory.messages();
  REQUIRE(messages.size() == 3);
  CHECK(messages[0].text() == "What was said before, in short: More.");
  CHECK(messages[1].text() == "at last");
}

TEST_CASE("a summary that fails loses nothing") {
  auto lm = std::make_shared<dspy::ScriptedLM>(std::deque<std::string>{});
  dspy::SummaryMemory memory({.turns = 1, .predictor = {.lm = lm}});
  wait(memory.add({Role::user, "first"}));
  CHECK_THROWS_AS(wait(memory.add({Role::user, "second"})), dspy::Error);
  CHECK(memory.messages().size() == 2);
}

TEST_CASE("texts are recalled by likeness, less with age, and can be forgotten") {
  dspy::FakeClock clock;
  dspy::VectorMemory memory(std::make_shared<LetterEmbedder>(),
                            {.most = 3, .half_life = std::chrono::seconds(60), .clock = &clock});
  const auto first = wait(memory.add("aaab"));
  clock.advance(std::chrono::seconds(60));
  wait(memory.add("zzz"));
  const auto best = wait(memory.recall("aaab", 2));
  REQUIRE(best.size() == 2);
  CHECK(best[0].text == "aaab");
  CHECK(best[0].score == doctest::Approx(0.5));
  CHECK(memory.forget(first));
  CHECK_FALSE(memory.forget(first));
  CHECK(wait(memory.recall("aaab", 1)).at(0).text == "zzz");
  for (const auto* const text : {"b", "c", "d"}) wait(memory.add(text));
  CHECK(memory.size() == 3);
}

TEST_CASE("facts are kept by entity; who was not met for longest goes") {
  auto lm = std::make_shared<dspy::ScriptedLM>(std::deque<std::string>{
      R"(Facts: [{"entity": "Ada", "fact": "likes tea"}, {"entity": "Bo", "fact": "is late"}])"});
  dspy::EntityMemory memory({.entities = 2, .facts = 2, .predictor = {.lm = lm}});
  wait(memory.add("Ada likes tea. Bo is late."));
  CHECK(memory.facts("ada") == std::vector<std::string>{"likes tea"});
  CHECK(memory.about("What does ADA drink?") == "Ada: likes tea");
  for (const auto* const fact : {"one", "two", "one"}) memory.add_fact("Ada", fact);
  CHECK(memory.facts("Ada") == std::vector<std::string>{"two", "one"});
  memory.add_fact("Cy", "is new");
  CHECK(memory.entities() == std::vector<std::string>{"Cy", "Ada"});
  CHECK(memory.forget("Ada"));
  CHECK(memory.about("Ada").empty());
}

TEST_CASE("an agent edits blocks within their limits") {
  dspy::MemoryBlocks blocks(
      {{.name = "user", .text = "Name: Ada", .limit = 20}, {.name = "rules", .text = "x", .read_only = true}});
  const auto tools = blocks.tools();
  const auto ask = [&](const char* name, dspy::JsonObject arguments) {
    return dspy::wait(tools.call(name, std::move(arguments)));
  };
  CHECK_FALSE(ask("memory_append", {{"block", "user"}, {"text", "Tea"}}).is_error);
  CHECK(blocks.get("user")->text == "Name: Ada\nTea");
  CHECK(ask("memory_append", {{"block", "user"}, {"text", "far too long"}}).is_error);
  CHECK_FALSE(ask("memory_replace", {{"block", "user"}, {"before", "Tea"}, {"after", "Mate"}}).is_error);
  CHECK(ask("memory_replace", {{"block", "user"}, {"before", "a"}, {"after", "b"}}).is_error);
  CHECK(ask("memory_rewrite", {{"block", "rules"}, {"text", "y"}}).is_error);
  CHECK(ask("memory_rewrite", {{"block", "none"}, {"text", "y"}}).is_error);
  CHECK(blocks.to_prompt().find("### user (14 of 20 bytes)\nName: Ada\nMate") == 0);
}

TEST_CASE("conversations are kept in a file, and what is forgotten is not in it any more") {
  const dspy::test::Folder folder;
  dspy::ConversationStore store(folder.path / "chats.sqlite", {.redact = [](Message message) {
                                  if (message.text() == "my key is k") return Message(message.role, "(left out)");
                                  return message;
                                }});
  for (const auto& message :
       {Message(Role::user, "the secret is swordfish"), call("1"), result("1"), Message(Role::user, "my key is k")})
    store.add("a", message);
  store.add("b", {Role::user, "other"});
  CHECK(store.conversations().size() == 2);
  const auto all = store.messages("a");
  REQUIRE(all.size() == 4);
  CHECK(all[1].message == call("1"));
  CHECK(all[3].message.text() == "(left out)");
  CHECK(store.messages("a", 2).size() == 1);  // the result's call is not among the last two
  CHECK(store.messages("a", 3).size() == 3);
  CHECK(file_has(folder.path, "swordfish"));
  CHECK(store.forget("a", all[0].sequence) == 1);
  CHECK_FALSE(file_has(folder.path, "swordfish"));
  CHECK(store.forget("a", all[2].sequence) == 2);  // with its call
  CHECK(store.forget("a", 99) == 0);
  CHECK(store.add("a", {Role::user, "new"}) == 5);
  CHECK(store.forget("a") == 2);
  CHECK(store.messages("a").empty());
  CHECK(store.messages("b").size() == 1);
}

TEST_CASE("a prompt is filled by priority, and what was left out is told") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto history = conversation(seed, 8);
    dspy::ContextBuilder builder({.max_tokens = 120});
    builder.add({.name = "instructions", .messages = {{Role::system, "Be brief."}}, .required = true});
    builder.add({.name = "passage", .messages = {{Role::user, std::string(200, 'p')}}, .priority = 2});
    builder.add({.name = "history", .messages = history, .priority = 1, .may_be_cut = true});
    builder.add({.name = "question", .messages = {{Role::user, "Why?"}}, .required = true});
    const auto built = builder.build();
    CHECK(built.tokens <= 120);
    CHECK(is_whole(built.messages));
    CHECK(built.messages.front().text() == "Be brief.");
    CHECK(built.messages.back().text() == "Why?");
    std::size_t gone = 0;
    for (const auto& each : built.left_out) gone += each.messages;
    CHECK(gone + built.messages.size() == history.size() + 3);
  }
  dspy::ContextBuilder small({.max_tokens = 3});
  small.add({.name = "x", .messages = {{Role::user, "too long for that"}}, .required = true});
  CHECK_THROWS_AS(small.build(), dspy::Error);
}
