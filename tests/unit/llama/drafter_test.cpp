#include "dspy/adapters/adapter.hpp"
#include "dspy/schemes.hpp"  // IWYU pragma: keep (registers `llama:`)
#include "engine_fixture.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <format>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace dspy::llama {
namespace {

/// A model that answers as it is told, and another that guesses for it.
struct Pair : test::EngineFixture {
  test::FakeRuntime small;
  std::shared_ptr<const Model> draft = Model::load(folder / "fake.gguf", {}, {}, &small);
  const std::string saying = "Every way up is a way down, and nobody knew.";

  Pair() {
    runtime.answer = saying;
    small.answer = saying;
  }

  void start_with_draft(EngineOptions options = {}) {
    options.speculation = Speculation::on;
    options.draft_model = draft;
    start(options);
  }
};

TEST_CASE_FIXTURE(Pair, "a draft model that knows better saves steps, and the reply is the same") {
  start({.speculation = Speculation::off});
  const auto plain = ask("Say it");
  const auto steps = engine->stats().steps;

  start_with_draft();
  const auto reply = ask("Say it");

  CHECK(reply.text == plain.text);
  CHECK(reply.usage == plain.usage);
  const auto stats = engine->stats();
  CHECK(stats.accepted_tokens > saying.size() / 2);
  CHECK(stats.steps + stats.accepted_tokens == steps);
  CHECK(stats.draft_seconds > 0);
}

TEST_CASE_FIXTURE(Pair, "what a draft model guesses wrong is dropped, also where it fails") {
  const auto question = "Say it";
  SUBCASE("it says something else from the middle on") {
    small.answer = saying.substr(0, 20) + "the moon rose.";
  }
  SUBCASE("it says something else at once") {
    small.answer = "No.";
  }
  SUBCASE("it knows nothing") {
    small.all_logits = 0.0F;
  }
  SUBCASE("its scores are not numbers") {
    small.all_logits = std::numeric_limits<float>::quiet_NaN();
  }
  SUBCASE("it cannot compute") {
    small.on_decode = [] { return DecodeStatus::broken; };
  }
  SUBCASE("it throws") {
    small.on_decode = []() -> DecodeStatus { throw Error(Errc::backend_error, "the device is gone"); };
  }
  start_with_draft();
  for (int i = 0; i < 3; ++i) CHECK(ask(question).text == saying);
  CHECK(engine->stats().completed == 3);
}

TEST_CASE_FIXTURE(Pair, "a draft model reads long prompts in steps, and no more than the KV budget has room for") {
  const std::string longer(600, 'x');
  start_with_draft({.context_length = 700, .sequences = 4, .batch = 64, .kv_tokens = 800});
  std::vector<std::string> texts(8);
  {
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < texts.size(); ++i)
      callers.emplace_back(
          [&, i] { texts[i] = ask(std::format("{}{}", i, longer), {.max_tokens = 40, .temperature = 0}).text; });
  }
  for (const auto& text : texts) CHECK(text == saying.substr(0, 40));
  CHECK(small.most_cells <= 800);
  CHECK(small.largest_batch <= 64);
  CHECK(engine->stats().accepted_tokens > 50);
}

TEST_CASE_FIXTURE(Pair, "a prompt that a draft model has read is not read again") {
  start_with_draft({.sequences = 1});
  ask("Say it, and mind the way it is said");
  small.computed = 0;
  ask("Say it, and mind the way it is said");
  CHECK(small.computed < static_cast<int>(2 * saying.size()));
}

TEST_CASE_FIXTURE(Pair, "what a contract forces counts as guessed, so steps stay within their bounds") {
  const std::string reply = "First: Mara\nSecond: Tom\nThird: nobody\n";
  runtime.answer = reply;
  small.answer = reply;
  auto work = asks("List them");
  work.contract = {
      .form = OutputContract::Form::fields,
      .signature = std::make_shared<const Signature>(Signature::parse("text -> first: str, second: str, third: str"))};
  start({.speculation = Speculation::off});
  const auto plain = wait(engine->generate(work));
  start_with_draft({.sequences = 12, .draft_tokens = 5});
  std::vector<std::string> texts(24);
  {
    std::vector<std::jthread> callers;
    for (auto& text : texts) callers.emplace_back([&] { text = wait(engine->generate(work)).text; });
  }
  for (const auto& text : texts) CHECK(text == plain.text);
  const auto stats = engine->stats();
  CHECK(stats.accepted_tokens > 50);
  CHECK(stats.failed == 0);
}

TEST_CASE_FIXTURE(Pair, "a model with other tokens cannot guess, and says so") {
  test::RandomModel{.context_length = 4096, .vocabulary = 300}.write(folder / "other.gguf");
  const auto other = Model::load(folder / "other.gguf", {.gpu_layers = test::gpu_layers()});
  const auto error = test::error_of([&] { Engine(other, {.draft_model = draft}); });
  CHECK(error.code() == Errc::invalid_parameter);
  CHECK(std::string_view(error.what()).contains("cannot guess for"));
  CHECK(std::string_view(error.what()).contains("name a smaller model of the same family"));

  small.forgets_parts = false;
  const auto rigid = Model::load(folder / "fake.gguf", {}, {}, &small);
  CHECK(test::error_of([&] { Engine(model, {.draft_model = rigid}); }).code() == Errc::invalid_parameter);
}

TEST_CASE_FIXTURE(test::EmbeddedModel,
                  "a real model's replies are the same with a draft model, held or free, drawn or greedy") {
  const auto free = adapter("field")->prepare(std::make_shared<const Signature>(
      Signature::parse("text -> city, mood: Literal['good', 'bad'], people: list[str]", "Read the text.")));
  const auto choices = adapter("field")->prepare(std::make_shared<const Signature>(
      Signature::parse("text -> city: Literal['Lima', 'Oslo'], mood: Literal['good', 'bad']", "Read the text.")));
  const auto request = [&](int number, bool only_chooses = false) {
    const auto& exchange = only_chooses ? choices : free;
    const JsonObject inputs{{"text", Json(std::format("Person {} lives in Lima. {}", number, facts()))}};
    return Generation{.prompt = model->tokenize(exchange->format(inputs)),
                      .sampling = {.max_tokens = 60,
                                   .temperature = number % 2 == 0 ? 0.0 : 0.9,
                                   .seed = static_cast<std::uint64_t>(number)},
                      .contract = exchange->contract(),
                      .constrain = number % 3 == 0 && !only_chooses ? Constrain::off : Constrain::on};
  };
  Engine plain(model, {.context_length = 1024, .sequences = 1, .threads = 1, .speculation = Speculation::off});
  // It guesses for itself: as good as a draft model can be.
  Engine drafting(
      model,
      {.context_length = 1024, .sequences = 3, .threads = 1, .speculation = Speculation::on, .draft_model = model});
  for (int i = 0; i < 9; ++i) {
    CAPTURE(i);
    const auto expected = wait(plain.generate(request(i)));
    const auto reply = wait(drafting.generate(request(i)));
    CHECK(reply.text == expected.text);
    CHECK(reply.usage.completion_tokens == expected.usage.completion_tokens);
  }
  // Greedy choices at once: what is drawn may change with what shares a step, and so may free text of so small a model,
  // which is full of near ties.
  std::vector<Generated> replies(5);
  {
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < replies.size(); ++i)
      callers.emplace_back([&, i] { replies[i] = wait(drafting.generate(request(static_cast<int>(2 * i), true))); });
  }
  for (std::size_t i = 0; i < replies.size(); ++i)
    CHECK(replies[i].text == wait(plain.generate(request(static_cast<int>(2 * i), true))).text);
  const auto stats = drafting.stats();
  CHECK(stats.accepted_tokens > 50);
  CHECK(stats.accepted_tokens <= stats.drafted_tokens);
}

TEST_CASE("a draft model is named in a URI") {
  const test::TempFolder folder;
  test::RandomModel{.seed = 1}.write(folder / "large.gguf");
  test::RandomModel{.layers = 1, .seed = 2}.write(folder / "small.gguf");
  const auto uri = [&](std::string_view draft) {
    return std::format("llama:{}?gpu_layers=0&max_tokens=8&seed=3&speculation=on&draft={}", folder / "large.gguf",
                       draft);
  };
  const auto lm = dspy::lm(uri(folder / "small.gguf"));
  const auto plain = dspy::lm(std::format("llama:{}?gpu_layers=0&max_tokens=8&seed=3", folder / "large.gguf"));
  CHECK(wait(lm->complete(test::ask("Hello"))).text() == wait(plain->complete(test::ask("Hello"))).text());
  CHECK(test::error_of([&] { dspy::lm(uri(folder / "none.gguf")); }).code() == Errc::model_not_found);
}

}  // namespace
}  // namespace dspy::llama
