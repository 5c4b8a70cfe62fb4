#include "llama/prefixes/prompt_tree.hpp"

#include "fake_runtime.hpp"

#include <doctest/doctest.h>

#include <format>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {
namespace {

std::vector<Token> tokens(std::string_view text) {
  return {text.begin(), text.end()};
}

/// A tree over the fake's cells, with four sequences that may run.
struct Fixture {
  test::FakeRuntime runtime;
  std::unique_ptr<RuntimeModel> model = runtime.load_model({});
  std::unique_ptr<RuntimeContext> context;
  std::unique_ptr<PromptTree> tree;

  Fixture() { start(); }

  void start(std::size_t host_bytes = 1 << 20, int own = 8, int cells = 4096) {
    tree.reset();
    context = model->new_context({.context_length = cells, .batch = 4096, .sequences = 4 + own, .outputs = 4});
    tree = std::make_unique<PromptTree>(
        *context, PromptTree::Limits{.first_sequence = 4, .sequences = own, .host_bytes = host_bytes});
  }

  /// Brings `sequence` to hold `all`, and says how many of its tokens were known.
  std::size_t run(int sequence, const std::vector<Token>& all) {
    tree->reserve(sequence, all);
    const auto known = tree->take(sequence);
    std::vector<BatchEntry> batch;
    for (auto i = known; i < all.size(); ++i)
      batch.push_back({.token = all[i], .position = static_cast<int>(i), .sequence = sequence});
    if (!batch.empty()) REQUIRE(context->decode(batch) == DecodeStatus::ok);
    return known;
  }
  void end(int sequence) {
    tree->release(sequence);
    context->remove(sequence, 0, -1);
  }
  std::size_t run_and_keep(std::string_view text) {
    const auto all = tokens(text);
    const auto known = run(0, all);
    CHECK(tree->give(0, all, 4096) == all.size());
    end(0);
    return known;
  }
  /// What a sequence holds.
  std::vector<Token> held(int sequence) const {
    const auto state = context->save(sequence);
    std::vector<Token> numbers(state.size() / sizeof(Token));
    std::memcpy(numbers.data(), state.data(), state.size());
    std::vector<Token> result;
    for (std::size_t i = 0; i + 1 < numbers.size(); i += 2) {
      CHECK(numbers[i] == static_cast<Token>(i / 2));
      result.push_back(numbers[i + 1]);
    }
    return result;
  }
};

TEST_CASE_FIXTURE(Fixture, "a prompt shares its longest known start, however far that goes into a node") {
  struct Case {
    std::string_view text;
    std::size_t known;
  };
  const std::vector<Case> cases = {
      {"translate: cat", 0}, {"translate: cat", 14}, {"translate: cow", 12}, {"translate: cat food", 14},
      {"trans", 5},          {"sum: 1", 0},          {"translate: cow", 14}, {"t", 1}};
  std::size_t distinct = 0;
  for (const auto& [text, known] : cases) {
    CAPTURE(text);
    CHECK(run_and_keep(text) == known);
    distinct += text.size() - known;
    CHECK(tree->cells() == distinct);
  }
}

TEST_CASE_FIXTURE(Fixture, "a text that grows word by word is known to its end, in a tree of few sequences") {
  std::string text;
  for (int word = 0; word < 60; ++word) {
    CAPTURE(word);
    const auto before = text.size();
    text += std::format(" word {}", word);
    CHECK(run_and_keep(text) == before);
    CHECK(tree->cells() == text.size());
  }
  CHECK(tree->totals().dropped == 0);
  CHECK(run_and_keep(text) == text.size());
  CHECK(run(0, tokens(text)) == text.size());
  CHECK(held(0) == tokens(text));
}

TEST_CASE_FIXTURE(Fixture, "nodes are joined under sequences that use them") {
  start(1 << 20, /*own=*/4);
  const auto whole = tokens("one two three four five six");
  run(1, tokens("one two"));
  CHECK(tree->give(1, tokens("one two"), 4096) == 7);
  run(2, whole);
  // Each piece is a node of its own, and there are too few sequences for them and another prompt.
  for (const auto end : {9UZ, 13UZ, 18UZ}) CHECK(tree->give(2, std::span(whole).first(end), 4096) == end);
  run(0, tokens("another"));
  CHECK(tree->give(0, tokens("another"), 4096) == 7);
  CHECK(held(1) == tokens("one two"));
  CHECK(held(2) == whole);
  CHECK(tree->cells() == 18 + 7);
  end(1);
  end(2);
  CHECK(run(3, whole) == 18);
  CHECK(held(3) == whole);
}

TEST_CASE_FIXTURE(Fixture, "running sequences share cells, and keep them when the tree forgets") {
  const auto all = tokens("a long common start");
  run_and_keep("a long common start");
  CHECK(run(1, all) == all.size());
  CHECK(run(2, all) == all.size());
  CHECK(runtime.computed == static_cast<int>(all.size()));

  tree->clear();
  CHECK(tree->cells() == all.size());  // in use
  end(1);
  tree->clear();
  CHECK(held(2) == all);
  end(2);
  tree->clear();
  CHECK(tree->cells() == 0);
  CHECK(tree->totals().dropped == all.size());
}

TEST_CASE_FIXTURE(Fixture, "what two computed at the same time is kept once") {
  const auto first = tokens("same start, one end");
  const auto second = tokens("same start, another end");
  run(0, first);
  run(1, second);
  CHECK(tree->give(0, first, 4096) == first.size());
  CHECK(tree->give(1, second, 4096) == second.size());

  CHECK(tree->cells() == first.size() + std::string_view("another end").size());
  CHECK(held(1) == second);
  end(0);
  CHECK(held(1) == second);
}

TEST_CASE_FIXTURE(Fixture, "idle prompts go to host memory, oldest first, and come back") {
  for (const auto* text : {"first prompt", "second prompt", "third prompt"}) run_and_keep(text);

  tree->shrink_idle(20);

  CHECK(tree->cells() == std::string_view("third prompt").size());
  CHECK(tree->host_bytes() > 0);
  const int computed = runtime.computed;
  CHECK(run(1, tokens("first prompt")) == 12);
  CHECK(runtime.computed == computed);
  CHECK(held(1) == tokens("first prompt"));
  CHECK(tree->totals().restored == 12);
  // A short part of a long one is not worth its room.
  tree->shrink_idle(0);
  CHECK(run(2, tokens("second p")) == 8);
  tree->shrink_idle(0);
  CHECK(run(3, tokens("third")) == 0);
}

TEST_CASE_FIXTURE(Fixture, "room is made of the rest of a prompt of which another uses the start, and it comes back") {
  const std::string start = "the same start, ";
  run_and_keep(start + "then one question");
  const auto other = tokens(start + "and another");
  run(1, other);
  const auto before = tree->cells();

  tree->make_room(4);

  CHECK(tree->cells() == start.size());
  CHECK(tree->cells() < before);
  CHECK(tree->totals().stored == before - start.size());
  CHECK(held(1) == other);
  CHECK(tree->give(1, other, 4096) == other.size());
  end(1);
  tree->make_room(4096);
  CHECK(run(2, tokens(start + "then one question")) == start.size() + 17);
  CHECK(held(2) == tokens(start + "then one question"));
  CHECK(tree->totals().dropped == 0);
}

TEST_CASE_FIXTURE(Fixture, "host memory has a bound; what is pinned stays") {
  start(48 * sizeof(int));  // two prompts of twelve
  tree->pin(tokens("first"));
  for (const auto* text : {"first prompt", "secnd prompt", "third prompt", "forth prompt"}) run_and_keep(text);

  tree->shrink_idle(0);

  CHECK(tree->cells() == 0);
  CHECK(run(0, tokens("first prompt")) == 12);
  CHECK(run(1, tokens("forth prompt")) == 12);
  CHECK(run(2, tokens("secnd prompt")) == 0);
  CHECK(tree->unpin(tokens("first")));
  CHECK_FALSE(tree->unpin(tokens("first")));
}

TEST_CASE_FIXTURE(Fixture, "a pinned prompt in host memory outlives prompts that leave it half-way") {
  const std::string pinned = "a pinned prompt of some length";
  tree->pin(tokens(pinned));
  run_and_keep(pinned + ", its question and the reply to that");
  tree->shrink_idle(0);
  REQUIRE(tree->cells() == 0);

  // Too little in common to be brought back for; and no room to bring it back beside the other.
  CHECK(run(1, tokens("a pinned cat")) == 0);
  CHECK(tree->give(1, tokens("a pinned cat"), /*room=*/3) == 12);
  end(1);
  tree->shrink_idle(0);
  CHECK(run(2, tokens(pinned + ", its question and the")) == pinned.size() + 22);
  end(2);
  tree->shrink_idle(0);

  // Both are known.
  CHECK(run_and_keep("a pinned cat") == 12);
  tree->shrink_idle(0);
  CHECK(run(1, tokens("a pinned cat")) == 12);
  CHECK(run(2, tokens(pinned + ", its question and the")) == pinned.size() + 22);
  CHECK(held(2) == tokens(pinned + ", its question and the"));
  end(1);
  end(2);
}

TEST_CASE_FIXTURE(Fixture, "a prompt in host memory that others leave half-way is cut there, and stays known") {
  const std::string first = "a prompt of some length, and what follows it";
  const auto leave_half_way = [&](std::string_view text, std::size_t known) {
    tree->shrink_idle(0);
    REQUIRE(tree->cells() == 0);
    const auto all = tokens(text);
    CHECK(run(1, all) == known);  // too little in common to be brought back for
    CHECK(tree->give(1, all, /*room=*/0) == all.size());
    CHECK(held(1) == all);
    end(1);
  };
  run_and_keep(first);
  leave_half_way("a prompt, but another", 0);
  leave_half_way("a prompt of no length", 8);
  tree->shrink_idle(0);

  CHECK(run(2, tokens(first)) == first.size());
  CHECK(held(2) == tokens(first));
  CHECK(tree->cells() == first.size());
  CHECK(run(3, tokens("a prompt of no length")) == 21);
  CHECK(held(3) == tokens("a prompt of no length"));
  CHECK(tree->totals().dropped == 0);
  end(2);
  end(3);
  tree->clear();
  CHECK(tree->cells() == 0);
  CHECK(tree->host_bytes() == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a tree that keeps the order of cells drops a prompt in host memory that another leaves half-way") {
  tree = std::make_unique<PromptTree>(
      *context, PromptTree::Limits{.first_sequence = 4, .sequences = 8, .host_bytes = 1 << 20, .joins = false});
  run_and_keep("a prompt of some length, and what follows it");
  tree->shrink_idle(0);
  run_and_keep("a prompt, but another");
  CHECK(tree->totals().dropped == 44);
}

TEST_CASE_FIXTURE(Fixture, "a pinned prompt in host memory may give way to another that begins with it") {
  const std::string pinned = "a pinned prompt";
  tree->pin(tokens(pinned));
  run_and_keep(pinned + ", and a reply that is quite a bit longer than the prompt");
  tree->shrink_idle(0);

  run(1, tokens(pinned + "!"));
  CHECK(tree->give(1, tokens(pinned + "!"), /*room=*/0) == pinned.size() + 1);
  end(1);

  CHECK(run(2, tokens(pinned)) == pinned.size());
  end(2);
}

TEST_CASE_FIXTURE(Fixture, "without host memory idle prompts are dropped; what cannot come back is computed again") {
  start(0);
  run_and_keep("a prompt");
  tree->make_room(1);
  CHECK(tree->cells() == 0);
  CHECK(run_and_keep("a prompt") == 0);

  start();
  run_and_keep("a prompt");
  tree->shrink_idle(0);
  runtime.restores = false;
  CHECK(run(1, tokens("a prompt")) == 0);
  CHECK(held(1) == tokens("a prompt"));
}

TEST_CASE_FIXTURE(Fixture, "no more nodes are in the cells than there are sequences for them") {
  start(1 << 20, 2);
  for (const auto* text : {"one", "two", "three", "four", "one more"}) run_and_keep(text);
  CHECK(tree->cells() <= 16);

  // All in use: what is computed stays with its sequence.
  start(1 << 20, 1);
  CHECK(run(0, tokens("abc")) == 0);
  CHECK(tree->give(0, tokens("abc"), 4096) == 3);
  run(1, tokens("xyz"));
  CHECK(tree->give(1, tokens("xyz"), 4096) == 0);
  run(2, tokens("abd"));
  CHECK(tree->give(2, tokens("abd"), 4096) == 2);  // as before: it would have to be split
  CHECK(held(2) == tokens("abd"));
}

TEST_CASE_FIXTURE(Fixture, "whatever happens, a sequence holds its own tokens and every cell is counted") {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
    start(pick(3) == 0 ? 0 : 4000, 1 + pick(8), 2000);
    std::map<int, std::vector<Token>> running;
    for (int step = 0; step < 300; ++step) {
      const int sequence = pick(4);
      if (running.contains(sequence)) {
        if (pick(2) == 0)
          tree->give(sequence,
                     std::span<const Token>(running[sequence])
                         .first(1 + static_cast<std::size_t>(pick(static_cast<int>(running[sequence].size())))),
                     static_cast<std::size_t>(pick(2)) * 100);
        REQUIRE(held(sequence) == running[sequence]);
        if (pick(2) == 0) {
          end(sequence);
          running.erase(sequence);
        }
      } else {
        std::vector<Token> all;
        for (int i = 1 + pick(30); i-- > 0;) all.push_back(pick(10) < 8 ? 'a' : 'a' + pick(3));
        run(sequence, all);
        REQUIRE(held(sequence) == all);
        running[sequence] = all;
      }
      if (pick(10) == 0) tree->shrink_idle(static_cast<std::size_t>(pick(50)));
      if (pick(20) == 0) tree->make_room(static_cast<std::size_t>(pick(50)));
      if (pick(100) == 0) tree->clear();
    }
    for (const auto& [sequence, unused] : running) end(sequence);
    tree->clear();
    CHECK(tree->cells() == 0);
    CHECK(tree->host_bytes() == 0);
    // Nothing is left in the context either: all of it can be filled.
    std::vector<BatchEntry> batch;
    for (int i = 0; i < 2000; ++i) batch.push_back({.token = 1, .position = i, .sequence = 0});
    CHECK(context->decode(batch) == DecodeStatus::ok);
  }
}

}  // namespace
}  // namespace dspy::llama
