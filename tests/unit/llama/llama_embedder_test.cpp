#include "dspy/llama/llama_embedder.hpp"

#include "dspy/schemes.hpp"  // IWYU pragma: keep (registers `llama:`)
#include "fake_runtime.hpp"
#include "support.hpp"
#include "support/random_encoder.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace dspy {
namespace {

using namespace std::chrono_literals;
using llama::Pooling;
using test::error_of;
using test::RandomEncoder;
using test::RandomModel;

const std::vector<std::string> texts = {"A cat sleeps on the mat.", "The dog chases its tail.", "x",
                                        std::string(200, 'y'), "A cat sleeps on the mat."};

double length(const std::vector<float>& vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(squares);
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double most = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return most;
}

LlamaReadOptions on_cpu(LlamaReadOptions options = {}) {
  options.threads = 1;
  options.model.gpu_layers = test::gpu_layers();
  return options;
}

/// An embedder without arithmetic.
struct Fake {
  test::FakeRuntime runtime;
  test::TempFolder folder;
  std::shared_ptr<llama::ModelPool> pool;

  explicit Fake(std::optional<Pooling> pooling) {
    runtime.pooling = pooling;
    RandomModel{.context_length = 64}.write(folder / "fake.gguf");
    pool = std::make_shared<llama::ModelPool>(
        llama::ModelPoolOptions{.directories = {folder.path()}, .runtime = &runtime});
  }
  LlamaReadOptions options(LlamaReadOptions wanted = {}) const {
    wanted.pool = pool;
    return wanted;
  }
};

TEST_CASE("a text's vector is the same alone and in a batch, and has length 1") {
  struct Case {
    std::string name;
    bool is_encoder;
    Pooling asked;
    std::uint32_t pooling;
  };
  const test::TempFolder folder;
  for (const auto& [name, is_encoder, asked, pooling] :
       {Case{"encoder, mean", true, Pooling::model, 1}, Case{"encoder, first token", true, Pooling::cls, 1},
        Case{"decoder, last token", false, Pooling::model, 3}, Case{"decoder, asked for", false, Pooling::mean, 0}}) {
    CAPTURE(name);
    const auto file = folder / (name + ".gguf");
    if (is_encoder)
      RandomEncoder{.pooling = pooling}.write(file);
    else
      RandomModel{.architecture = "qwen2",
                  .attention_bias = true,
                  .pooling = pooling > 0 ? std::optional(pooling) : std::nullopt}
          .write(file);
    LlamaEmbedder embedder(file, on_cpu({.pooling = asked}));

    const auto together = embedder(texts);

    REQUIRE(together.size() == texts.size());
    CHECK(embedder.dimensions() == 64);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      CAPTURE(i);
      CHECK(length(together[i]) == doctest::Approx(1));
      CHECK(difference(together[i], embedder({texts[i]}).front()) < 1e-3);
    }
    CHECK(difference(together[0], together[4]) < 1e-3);
    CHECK(difference(together[0], together[1]) > 1e-2);
  }
}

TEST_CASE("vectors keep their length where they are not normalized, and their direction") {
  const test::TempFolder folder;
  RandomEncoder{}.write(folder / "encoder.gguf");
  LlamaEmbedder plain(folder / "encoder.gguf", on_cpu({.normalize = false}));
  LlamaEmbedder unit(folder / "encoder.gguf", on_cpu());

  auto vector = plain({texts[0]}).front();

  const auto size = length(vector);
  CHECK(size != doctest::Approx(1));
  for (float& value : vector) value = static_cast<float>(static_cast<double>(value) / size);
  CHECK(difference(vector, unit({texts[0]}).front()) < 1e-5);
}

TEST_CASE("a reranker orders documents by score, the same whatever shares the step, and the best on demand") {
  const test::TempFolder folder;
  RandomEncoder{.pooling = 4}.write(folder / "reranker.gguf");
  LlamaReranker reranker(folder / "reranker.gguf", on_cpu());

  const auto all = reranker("Where does the cat sleep?", texts);
  const auto best = reranker("Where does the cat sleep?", texts, 2);

  REQUIRE(all.size() == texts.size());
  CHECK(std::ranges::is_sorted(all, std::greater{}, &Ranked::score));
  REQUIRE(best.size() == 2);
  CHECK(best[0].index == all[0].index);
  for (const auto& [index, score] : all) {
    CAPTURE(index);
    const auto alone = reranker("Where does the cat sleep?", {texts[index]});
    CHECK(alone.front().score == doctest::Approx(score).epsilon(1e-3));
  }
  const auto other = reranker("Quite another question", texts);
  CHECK(other[0].score != doctest::Approx(all[0].score).epsilon(1e-6));
}

TEST_CASE("embedders and rerankers say which model is of the wrong kind and what to do") {
  struct Case {
    std::optional<Pooling> model;
    Pooling asked;
    bool ranks;
    std::string message;
  };
  for (const auto& [model, asked, ranks, message] :
       {Case{std::nullopt, Pooling::model, false, "names no pooling"},
        Case{Pooling::rank, Pooling::model, false, "is a reranker; make a LlamaReranker of it"},
        Case{std::nullopt, Pooling::rank, false, "make a LlamaReranker"},
        Case{Pooling::mean, Pooling::model, true, "is not a reranker"},
        Case{Pooling::rank, Pooling::mean, true, "do not set `pooling`"}}) {
    CAPTURE(message);
    const Fake fake(model);
    const auto error = error_of([&] {
      if (ranks)
        LlamaReranker("fake", fake.options({.pooling = asked}));
      else
        LlamaEmbedder("fake", fake.options({.pooling = asked}));
    });
    CHECK(error.code() == Errc::invalid_parameter);
    CHECK(std::string_view(error.what()).contains(message));
  }
}

TEST_CASE("texts that cannot be embedded are refused, and long ones cut where that is asked") {
  const Fake fake(Pooling::mean);
  LlamaEmbedder embedder("fake", fake.options());
  LlamaEmbedder cutting("fake", fake.options({.truncate = true}));

  const auto too_long = error_of([&] { embedder({"fine", std::string(64, 'a')}); });
  const auto no_text = error_of([&] { embedder({"\xFF"}); });

  CHECK(too_long.code() == Errc::context_too_long);
  CHECK(too_long.info().actual == 65);  // with the token that ends a text
  CHECK(too_long.info().max == 64);
  CHECK(std::string_view(too_long.what()).starts_with("text 2 has 65 tokens and `"));
  CHECK(no_text.code() == Errc::invalid_parameter);
  CHECK(embedder(std::vector<std::string>{}).empty());
  CHECK(cutting({std::string(64, 'a')}) == cutting({std::string(63, 'a')}));
}

TEST_CASE("a reranker refuses a query that leaves no room, and cuts documents where that is asked") {
  const Fake fake(Pooling::rank);
  LlamaReranker reranker("fake", fake.options());
  LlamaReranker cutting("fake", fake.options({.truncate = true}));

  CHECK(error_of([&] { reranker(std::string(64, 'q'), {"a"}); }).code() == Errc::context_too_long);
  CHECK(error_of([&] { reranker("question", {"a", std::string(64, 'd')}); }).code() == Errc::context_too_long);
  CHECK(cutting("question", {"a", std::string(64, 'd')}).size() == 2);
  CHECK(reranker("question", {}).empty());
}

TEST_CASE("a blank text is refused, whatever marks the model puts around it") {
  const Fake encoder(Pooling::mean);
  LlamaEmbedder embedder("fake", encoder.options());
  for (const auto* blank : {"", " ", "\t\n", "\u00A0", "\u3000 "}) {
    CAPTURE(blank);
    const auto error = error_of([&] { embedder({"fine", blank}); });
    CHECK(error.code() == Errc::invalid_parameter);
    CHECK(std::string_view(error.what()) == "text 2 is blank, so there is nothing to embed; omit it");
  }

  const Fake ranking(Pooling::rank);
  LlamaReranker reranker("fake", ranking.options());
  CHECK(std::string_view(error_of([&] { reranker(" ", {"a"}); }).what()) ==
        "the query is blank, so there is nothing to rank by; give a query");
  CHECK(std::string_view(error_of([&] { reranker("q", {"a", ""}); }).what()) ==
        "document 2 is blank, so there is nothing to rank; omit it");
}

TEST_CASE("what an embedder or reranker returned can be awaited when it has gone") {
  const Fake encoder(Pooling::mean);
  auto embedder = std::make_optional<LlamaEmbedder>("fake", encoder.options({.normalize = false}));
  const auto wanted = (*embedder)({"a"});
  auto embeds = embedder->embed({.texts = {"a"}});
  embedder.reset();
  CHECK(wait(std::move(embeds)).vectors == wanted);

  const Fake ranking(Pooling::rank);
  auto reranker = std::make_optional<LlamaReranker>("fake", ranking.options());
  auto ranks = reranker->rank({.query = "q", .documents = {"a", "b"}});
  reranker.reset();
  CHECK(wait(std::move(ranks)).documents.size() == 2);
}

TEST_CASE("a short call does not wait for a long one that came before") {
  Fake fake(Pooling::mean);
  fake.runtime.step_time = 2ms;
  LlamaEmbedder embedder("fake", fake.options({.batch = 64}));
  std::atomic<bool> is_done = false;
  std::jthread long_call([&] {
    CHECK(embedder(std::vector<std::string>(300, std::string(60, 'x'))).size() == 300);
    is_done = true;
  });
  while (fake.runtime.decodes < 3) std::this_thread::sleep_for(1ms);

  const int before = fake.runtime.decodes;
  const auto vectors = embedder({"a", "b"});

  CHECK(vectors.size() == 2);
  CHECK_FALSE(is_done);
  CHECK(fake.runtime.decodes - before < 20);
}

TEST_CASE("texts of several calls keep their places, whatever shares their steps") {
  const Fake fake(Pooling::mean);
  LlamaEmbedder embedder("fake", fake.options({.normalize = false, .batch = 64, .sequences = 3}));
  std::vector<std::jthread> callers;
  for (std::size_t caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      std::vector<std::string> own;
      for (std::size_t i = 0; i < 20; ++i)
        own.emplace_back(1 + (i * 7 + caller) % 50, static_cast<char>('a' + caller % 7));
      const auto vectors = embedder(own);
      for (std::size_t i = 0; i < own.size(); ++i) {
        const auto byte = static_cast<std::size_t>(own[i].front() % 8);
        CHECK(vectors[i][byte] == static_cast<float>(own[i].size()) + (byte == 258 % 8 ? 1.5F : 0.5F));
      }
    });
  }
}

TEST_CASE("the first token of a causal model is not a pooling: it has read nothing of the text") {
  const test::TempFolder folder;
  RandomModel{.architecture = "qwen2", .attention_bias = true}.write(folder / "causal.gguf");

  const auto error = error_of([&] { LlamaEmbedder(folder / "causal.gguf", on_cpu({.pooling = Pooling::cls})); });

  CHECK(error.code() == Errc::invalid_parameter);
  CHECK(std::string_view(error.what()) ==
        "`random` reads text from left to right, so its first token (pooling cls) carries no information about the "
        "rest; use last "
        "or mean");
}

TEST_CASE("a context length that leaves no room for a text, or is beyond the model's, is refused") {
  const Fake fake(Pooling::mean);

  const auto small = error_of([&] { LlamaEmbedder("fake", fake.options({.context_length = 1})); });
  const auto large = error_of([&] { LlamaEmbedder("fake", fake.options({.context_length = 100'000})); });

  CHECK(small.code() == Errc::invalid_parameter);
  CHECK(std::string_view(small.what()) ==
        "context_length is 1, and `random` puts 1 token of its own around each text; make it at least 2");
  CHECK(large.code() == Errc::invalid_parameter);
  CHECK(std::string_view(large.what()) ==
        "context_length is 100000, and `random` was trained for 64 tokens; make it at most 64, or leave it automatic "
        "(0)");
  CHECK(LlamaEmbedder("fake", fake.options({.context_length = 2}))({"a"}).size() == 1);
  CHECK(LlamaEmbedder("fake", fake.options({.context_length = 64})).context_length() == 64);
}

TEST_CASE("a longer context is advised only where the model has one") {
  const Fake fake(Pooling::rank);
  LlamaReranker full("fake", fake.options());
  LlamaReranker narrow("fake", fake.options({.context_length = 32}));
  const auto message = [](LlamaReranker& reranker) {
    return std::string(error_of([&] { reranker("question", {std::string(64, 'd')}); }).what());
  };

  CHECK_FALSE(message(full).contains("context_length"));
  CHECK(message(narrow).contains("or raise context_length"));
}

TEST_CASE("texts of many threads share steps") {
  Fake fake(Pooling::mean);
  fake.runtime.step_time = 2ms;
  LlamaEmbedder embedder("fake", fake.options());

  {
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < 16; ++caller) {
      callers.emplace_back([&, caller] {
        for (int i = 0; i < 4; ++i) {
          const auto text = std::string(static_cast<std::size_t>(caller + 1), 'a');
          CHECK(embedder({text, "b"}).size() == 2);
        }
      });
    }
  }

  CHECK(fake.runtime.decodes < 64);
}

TEST_CASE("embedding ends when it is cancelled, late, or fails, and goes on for others") {
  Fake fake(Pooling::mean);
  LlamaEmbedder embedder("fake", fake.options());
  std::stop_source stopped;
  stopped.request_stop();
  int failures = 1;
  fake.runtime.on_decode = [&] { return failures-- > 0 ? llama::DecodeStatus::broken : llama::DecodeStatus::ok; };

  CHECK(error_of([&] { embedder({"a"}); }).code() == Errc::inference_failed);
  CHECK(error_of([&] { wait(embedder.embed({.texts = {"a"}, .stop = stopped.get_token()})); }).code() ==
        Errc::cancelled);
  CHECK(error_of([&] {
          wait(embedder.embed({.texts = {"a"}, .deadline = std::chrono::steady_clock::now() - 1s}));
        }).code() == Errc::deadline_exceeded);
  CHECK(embedder({"a"}).size() == 1);
}

TEST_CASE("embedders and rerankers come from `llama:` URIs") {
  const test::TempFolder folder;
  RandomEncoder{}.write(folder / "encoder.gguf");
  RandomEncoder{.pooling = 4}.write(folder / "reranker.gguf");

  const auto made = embedder(std::format("llama:{}?pooling=cls&normalize=false&threads=1", folder / "encoder.gguf"));
  const auto ranks = reranker(std::format("llama:{}?context_length=100", folder / "reranker.gguf"));

  CHECK(made->model() == "random encoder");
  CHECK((*made)({"a"}).front().size() == made->dimensions());
  CHECK((*ranks)("a", {"b", "c"}).size() == 2);
  CHECK(std::string_view(error_of([&] { embedder("llama:x?poling=cls"); }).what()).contains("did you mean"));
  CHECK(error_of([&] { embedder("llama:x?pooling=max"); }).code() == Errc::config_error);
  CHECK(error_of([&] { reranker("lama:x"); }).code() == Errc::config_error);
}

TEST_CASE("a model that only reads cannot be run by an engine, and the message says what can") {
  const test::TempFolder folder;
  RandomEncoder{}.write(folder / "encoder.gguf");

  const auto error = error_of([&] { LlamaLM(folder / "encoder.gguf", {.model = {.gpu_layers = test::gpu_layers()}}); });

  CHECK(error.code() == Errc::invalid_parameter);
  CHECK(std::string_view(error.what()).contains("make a LlamaEmbedder or LlamaReranker of this one"));
}

}  // namespace
}  // namespace dspy
