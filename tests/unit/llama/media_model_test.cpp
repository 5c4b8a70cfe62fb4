// Pictures and sounds through the installed libraries, with encoders of random weights: what they see means nothing,
// but every way to compute it must give the same.
#include "dspy/llama/llama_lm.hpp"
#include "llama/media/senses.hpp"
#include "support.hpp"
#include "support/pictures.hpp"
#include "support/random_senses.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace dspy::llama {
namespace {

using Kind = test::RandomSenses::Kind;
using test::error_of;

Bytes bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

/// Whether libmtmd was there when the plug-in was built.
bool has_library() {
  static const bool has = [] {
    const test::TempFolder folder;
    const test::RandomSenses senses;
    senses.language_model().write(folder / "text.gguf");
    senses.write(folder / "mmproj-text.gguf");
    const auto model = Model::load(folder / "text.gguf", {.gpu_layers = test::gpu_layers()});
    const auto picture = test::picture(8, 8, 1);
    const auto read = attempt([&] { return model->senses()->read(std::as_bytes(std::span(picture)), false, "it"); });
    return read || read.error().code() != Errc::unsupported;
  }();
  if (!has) MESSAGE("skipped: this build has no libmtmd");
  return has;
}

struct Random {
  test::TempFolder folder;
  std::shared_ptr<ModelPool> pool = std::make_shared<ModelPool>();
  Kind kind;

  explicit Random(Kind which) : kind(which) {
    const test::RandomSenses senses{.kind = kind};
    senses.language_model().write(folder / "text.gguf");
    senses.write(folder / "mmproj-text.gguf");
  }

  LlamaLM lm(EngineOptions engine = {}) {
    engine.threads = 1;
    return LlamaLM(folder / "text.gguf",
                   {.sampling = {.max_tokens = 6, .temperature = 0, .logprobs = 3}, .engine = engine, .pool = pool});
  }
  MediaPart medium(unsigned seed) const {
    if (kind == Kind::sound)
      return {.kind = MediaPart::Kind::audio, .data = bytes_of(test::sound(0.2 * seed, 300.0 * seed * seed))};
    return {.kind = MediaPart::Kind::image, .data = bytes_of(test::picture(90, 60, seed))};
  }
  Request request(std::string before, unsigned seed, std::string after) const {
    Message message{Role::user, ""};
    message.parts = {TextPart{std::move(before)}, medium(seed), TextPart{std::move(after)}};
    return {.messages = {std::move(message)}};
  }
};

/// How far two replies' likelihoods are apart, where both say the same; infinite where they do not.
double distance(const Reply& a, const Reply& b) {
  const auto& left = a.completions.front().logprobs;
  const auto& right = b.completions.front().logprobs;
  if (a.text() != b.text() || left.size() != right.size()) return HUGE_VAL;
  double most = 0;
  for (std::size_t i = 0; i < left.size(); ++i) most = std::max(most, std::abs(left[i].logprob - right[i].logprob));
  return most;
}

constexpr double rounding = 5e-4;

void check_kind(Kind kind) {
  if (!has_library()) return;
  Random random(kind);
  auto fresh = random.lm({.sequences = 1, .reuse = false});
  auto lm = random.lm();
  const auto alone = wait(fresh.complete(random.request("What is this? ", 1, " Say it.")));
  CHECK_FALSE(alone.text().empty());

  // The same again, computed, known and in other company.
  CHECK(distance(alone, wait(fresh.complete(random.request("What is this? ", 1, " Say it.")))) <=
        (test::on_card() ? rounding : 0));
  CHECK(distance(alone, wait(lm.complete(random.request("What is this? ", 1, " Say it.")))) < rounding);
  const auto known = wait(lm.complete(random.request("What is this? ", 1, " Say it.")));
  CHECK(distance(alone, known) < rounding);
  CHECK(known.usage.cache_read_tokens == *known.usage.prompt_tokens - 1);

  // Another picture is another prompt.
  const auto other = wait(fresh.complete(random.request("What is this? ", 2, " Say it.")));
  CHECK(distance(alone, other) > 2 * rounding);
  CHECK(distance(other, wait(lm.complete(random.request("What is this? ", 2, " Say it.")))) < rounding);

  // Many at a time, alike and not.
  std::vector<Request> requests;
  for (unsigned i = 0; i < 8; ++i)
    requests.push_back(
        random.request(i % 4 < 2 ? "What is this? " : "Look: ", 1 + i % 2, i < 4 ? " Say it." : " Why?"));
  std::vector<Reply> together(requests.size());
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < requests.size(); ++i)
    callers.emplace_back([&, i] { together[i] = wait(lm.complete(requests[i])); });
  for (auto& caller : callers) caller.join();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    CAPTURE(i);
    CHECK(distance(wait(fresh.complete(requests[i])), together[i]) < rounding);
  }
  CHECK(lm.engine().model().senses()->stats().encoded == 2);
}

TEST_CASE("a picture gives the same reply alone, known or in a batch, and another picture another one") {
  check_kind(Kind::plain);
}

TEST_CASE("so does a picture whose rows look at each other") {
  check_kind(Kind::pooled);
}

TEST_CASE("so does a picture whose rows have places in two dimensions") {
  check_kind(Kind::grid);
}

TEST_CASE("so does a sound") {
  check_kind(Kind::sound);
}

TEST_CASE("a known picture comes back from host memory as it was, also where its rows share a position") {
  if (!has_library()) return;
  for (const auto kind : {Kind::plain, Kind::grid}) {
    CAPTURE(static_cast<int>(kind));
    Random random(kind);
    auto fresh = random.lm({.sequences = 1, .reuse = false});
    // Room for one prompt at a time, so that the others wait in host memory.
    auto small = random.lm({.context_length = 256, .sequences = 1, .kv_tokens = 256});
    const std::vector<Request> requests = {
        random.request("First of all, what is this? ", 1, " Say it."),
        random.request("First of all, what is this? ", 2, " Say it."),
        random.request(std::string(100, 'x'), 3, " Say it."),
        random.request("First of all, what is this? ", 1, " Say why."),
    };
    for (int round = 0; round < 2; ++round) {
      for (const auto& request : requests) {
        CHECK(distance(wait(fresh.complete(request)), wait(small.complete(request))) < rounding);
      }
    }
    CHECK(small.engine().stats().restored_tokens > 0);
  }
}

TEST_CASE("the rest of a prompt that another left half-way behind a picture comes back with its positions") {
  if (!has_library()) return;
  for (const auto kind : {Kind::plain, Kind::grid}) {
    CAPTURE(static_cast<int>(kind));
    Random random(kind);
    auto fresh = random.lm({.sequences = 1, .reuse = false});
    auto lm = random.lm({.sequences = 1});
    const auto first = random.request("What is this? ", 1, std::string(400, 'x'));
    wait(lm.complete(first));
    // Two more, the second of which moves the first one out of the cells.
    for (const char letter : {'y', 'z'}) wait(lm.complete(test::ask(std::string(100, letter))));
    const auto second = random.request("What is this? ", 1, "Say it.");
    CHECK(distance(wait(fresh.complete(second)), wait(lm.complete(second))) < rounding);
    const auto again = wait(lm.complete(first));
    CHECK(distance(wait(fresh.complete(first)), again) < rounding);
    CHECK(*again.usage.cache_read_tokens == *again.usage.prompt_tokens - 1);
    CHECK(lm.engine().stats().evicted_tokens == 0);
  }
}

TEST_CASE("positions go on after a picture as the model counts them: what follows differs only by what it shows") {
  if (!has_library()) return;
  Random random(Kind::grid);
  auto lm = random.lm();
  const auto tokens = lm.prompt_for(random.request("a", 1, "b").messages);
  const auto& piece = *lm.engine().model().senses()->find(*std::ranges::find_if(tokens, is_media)).piece;
  CHECK(piece.count > piece.positions);
  CHECK(piece.places.size() == 4 * static_cast<std::size_t>(piece.count));
  CHECK(*std::ranges::max_element(piece.places) + 1 == piece.positions);
}

TEST_CASE("an image part of another model is refused when it is first needed") {
  if (!has_library()) return;
  Random random(Kind::plain);
  test::RandomSenses{.width = 128}.write(random.folder / "mmproj-text.gguf");
  auto lm = random.lm();
  const auto error = error_of([&] { wait(lm.complete(random.request("a", 1, "b"))); });
  CHECK(error.code() == Errc::model_load_error);
  CHECK(std::string(error.what()).contains("mmproj-text.gguf"));
  CHECK_FALSE(wait(lm.complete(test::ask("No picture."))).completions.empty());
}

TEST_CASE("a damaged picture is refused, and the next one is read") {
  if (!has_library()) return;
  Random random(Kind::plain);
  auto lm = random.lm();
  auto request = random.request("a", 1, "b");
  auto* const part = std::get_if<MediaPart>(&request.messages[0].parts[1].content);
  part->data =
      bytes_of("\x89PNG\r\n\x1A\n" + std::string("\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10", 16) + "junk and more junk");
  CHECK(error_of([&] { wait(lm.complete(request)); }).code() == Errc::bad_input);
  CHECK_FALSE(wait(lm.complete(random.request("a", 1, "b"))).completions.empty());
}

}  // namespace
}  // namespace dspy::llama
