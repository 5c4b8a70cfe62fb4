// Pictures in prompts, over a library without arithmetic: what is encoded, shared, refused and given back.
#include "dspy/base/base64.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/signature/signature.hpp"
#include "engine_fixture.hpp"
#include "llama/media/pdf_pages.hpp"
#include "llama/media/senses.hpp"
#include "support/pictures.hpp"
#include "support/random_senses.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <format>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace dspy::llama {
namespace {

using test::error_of;

Bytes bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

MediaPart picture(unsigned seed) {
  return {.kind = MediaPart::Kind::image, .data = bytes_of(test::picture(8, 8, seed))};
}

Message shows(std::vector<Part> parts) {
  Message message{Role::user, ""};
  message.parts = std::move(parts);
  return message;
}

/// An LM that sees, over the fake library.
struct Seeing {
  test::FakeRuntime runtime;
  test::TempFolder folder;
  std::shared_ptr<ModelPool> pool;

  Seeing() {
    test::RandomModel{.context_length = 4096}.write(folder / "fake.gguf");
    test::RandomSenses{}.write(folder / "mmproj-fake.gguf");
    pool = std::make_shared<ModelPool>(ModelPoolOptions{.runtime = &runtime});
  }
  LlamaLM lm(LlamaOptions options = {}) {
    options.pool = pool;
    return LlamaLM(folder / "fake.gguf", std::move(options));
  }
};

TEST_CASE("a model with an image part says that it sees") {
  Seeing seeing;
  const auto lm = seeing.lm();
  CHECK(lm.capabilities().images);
  CHECK_FALSE(lm.capabilities().audio);
  CHECK(lm.fingerprint().contains("mmproj-fake.gguf"));
  CHECK_FALSE(seeing.lm({.model = {.media = {.mmproj = "none"}}}).capabilities().images);
}

TEST_CASE("a picture stands in the prompt where its message shows it, and is read by the model") {
  Seeing seeing;
  std::string prompt;
  seeing.runtime.answers = [&](std::string_view all) {
    prompt = all;
    return std::string("ok");
  };
  auto lm = seeing.lm();
  const auto reply = wait(lm.complete({.messages = {shows({TextPart{"before "}, picture(1), TextPart{" after"}})}}));
  CHECK(reply.text() == "ok");
  CHECK(prompt.contains("before ("));
  CHECK(prompt.contains(") after"));
  CHECK(seeing.runtime.row_decodes == 1);
  const auto tokens = lm.prompt_for({shows({TextPart{"before "}, picture(1), TextPart{" after"}})});
  CHECK(std::ranges::count_if(tokens, is_media) == 20);
  CHECK(reply.usage.prompt_tokens == tokens.size());
}

TEST_CASE("an Image and an Audio input of a program reach a local model as they reach a provider") {
  Seeing seeing;
  test::RandomSenses{.kind = test::RandomSenses::Kind::sound}.write(seeing.folder / "ear.gguf");
  std::string prompt;
  seeing.runtime.answers = [&](std::string_view all) {
    prompt = all;
    return std::string("Answer: a cat");
  };
  const auto bytes = test::picture(8, 8, 1);
  std::ofstream(seeing.folder / "cat.bmp", std::ios::binary) << bytes;
  const auto lm = std::make_shared<LlamaLM>(seeing.folder / "fake.gguf",
                                            LlamaOptions{.constrain = Constrain::off, .pool = seeing.pool});
  const Predictor look(Signature::parse("picture: Image, question -> answer"), {.lm = lm});
  const auto prediction =
      look({{"picture", JsonObject{{"path", seeing.folder / "cat.bmp"}}}, {"question", "What is it?"}});
  CHECK(prediction.at("answer") == "a cat");
  CHECK(prompt.contains("("));
  CHECK(seeing.runtime.row_decodes == 1);

  const auto ear = std::make_shared<LlamaLM>(seeing.folder / "fake.gguf",
                                             LlamaOptions{.model = {.media = {.mmproj = seeing.folder / "ear.gguf"}},
                                                          .constrain = Constrain::off,
                                                          .pool = seeing.pool});
  CHECK(ear->capabilities().audio);
  std::ofstream(seeing.folder / "cat.wav", std::ios::binary) << test::sound(0.2, 440);
  const Predictor listen(Signature::parse("sound: Audio, question -> answer"), {.lm = ear});
  CHECK(
      listen({{"sound", JsonObject{{"path", seeing.folder / "cat.wav"}}}, {"question", "What is it?"}}).at("answer") ==
      "a cat");
  CHECK(seeing.runtime.row_decodes == 2);
}

TEST_CASE("the same picture is encoded and computed once, however many ask about it at a time") {
  Seeing seeing;
  auto lm = seeing.lm();
  wait(lm.complete({.messages = {shows({picture(1), TextPart{"What is it?"}})}}));
  std::vector<std::thread> callers;
  for (int i = 0; i < 32; ++i) {
    callers.emplace_back(
        [&, i] { wait(lm.complete({.messages = {shows({picture(1), TextPart{std::format("Question {}?", i)}})}})); });
  }
  for (auto& caller : callers) caller.join();
  CHECK(seeing.runtime.encoded == 1);
  CHECK(seeing.runtime.row_decodes == 1);
  const auto stats = lm.engine().model().senses()->stats();
  CHECK(stats.encoded == 1);
  CHECK(stats.reused == 32);

  wait(lm.complete({.messages = {shows({picture(2), TextPart{"What is it?"}})}}));
  CHECK(seeing.runtime.encoded == 2);
  CHECK(seeing.runtime.row_decodes == 2);
}

TEST_CASE("a picture that nobody holds any more is encoded again, and known by the same tokens") {
  Seeing seeing;
  auto lm = seeing.lm({.model = {.media = {.cache_bytes = 0}}});
  const Chat chat = {shows({picture(1), TextPart{"What is it?"}})};
  const auto first = lm.prompt_for(chat);
  CHECK(lm.prompt_for(chat) == first);
  CHECK(seeing.runtime.encoded == 2);
  // Without its rows such a prompt is refused, since they may have to be computed.
  const auto error = error_of([&] { wait(lm.engine().generate({.prompt = first})); });
  CHECK(error.code() == Errc::invalid_parameter);
  CHECK(std::string(error.what()).contains("build the prompt again"));
}

TEST_CASE("a picture larger than a step is computed as a whole, beside replies that go on") {
  Seeing seeing;
  seeing.runtime.rows_of_picture = 300;
  auto lm = seeing.lm({.engine = {.batch = 32, .prefill_chunk = 16}});
  seeing.runtime.answer = std::string(200, 'x');
  std::thread other([&] { wait(lm.complete(test::ask("Go on."))); });
  const auto reply =
      wait(lm.complete({.messages = {shows({TextPart{"See:"}, picture(1), picture(3), TextPart{"!"}})}}));
  other.join();
  CHECK(reply.text() == std::string(200, 'x'));
  CHECK(seeing.runtime.row_decodes == 2);
}

TEST_CASE("a picture whose rows look at each other must fit in a step") {
  Seeing seeing;
  seeing.runtime.rows_of_picture = 300;
  seeing.runtime.causal_pictures = false;
  auto lm = seeing.lm({.engine = {.batch = 256}});
  const Request request{.messages = {shows({picture(1), TextPart{"?"}})}};
  CHECK(std::string(error_of([&] { wait(lm.complete(request)); }).what()).contains("raise batch to 300 or more"));
  auto larger = seeing.lm({.engine = {.batch = 320}});
  CHECK(wait(larger.complete(request)).text() == "Hello!");
}

TEST_CASE("what a model cannot read is refused with the remedy") {
  Seeing seeing;
  auto lm = seeing.lm({.model = {.media = {.most_media = 2, .max_bytes = 100'000, .max_pixels = 10'000}}});
  auto blind = seeing.lm({.model = {.media = {.mmproj = "none"}}});
  const auto refused = [](LlamaLM& model, MediaPart part) {
    return error_of([&] { wait(model.complete({.messages = {shows({std::move(part), TextPart{"?"}})}})); });
  };
  const auto says = [](const Error& error, std::string_view text) {
    return std::string_view(error.what()).contains(text);
  };

  auto error = refused(blind, picture(1));
  CHECK(error.code() == Errc::unsupported);
  CHECK(says(error, "mmproj=FILE"));
  error = refused(lm, {.kind = MediaPart::Kind::audio, .data = bytes_of(test::sound(0.1, 440))});
  CHECK(error.code() == Errc::unsupported);
  CHECK(says(error, "reads text and pictures"));
  error = refused(lm, {.kind = MediaPart::Kind::image, .data = bytes_of("no picture at all")});
  CHECK(error.code() == Errc::bad_input);
  CHECK(says(error, "messages[0].parts[0]"));
  error = refused(lm, {.kind = MediaPart::Kind::image, .data = bytes_of(test::picture(110, 100, 1))});
  CHECK(says(error, "110 × 100 pixels"));
  error = refused(lm, {.kind = MediaPart::Kind::image, .data = bytes_of(test::picture(300, 300, 1))});
  CHECK(says(error, "max_media_bytes"));
  error = refused(lm, {.kind = MediaPart::Kind::image, .url = "https://example.org/cat.png"});
  CHECK(error.code() == Errc::unsupported);
  CHECK(says(error, "fetches nothing"));
  error = refused(lm, {.kind = MediaPart::Kind::image, .path = seeing.folder / "absent.png"});
  CHECK(error.code() == Errc::io_error);
  error =
      error_of([&] { wait(lm.complete({.messages = {shows({picture(1), picture(2), picture(3), TextPart{"?"}})}})); });
  CHECK(says(error, "more than 2 pictures"));
  CHECK(seeing.runtime.row_decodes == 0);

  auto exact = seeing.lm({.engine = {.reproducible = true}});
  CHECK(refused(exact, picture(1)).code() == Errc::unsupported);
}

TEST_CASE("text that looks like a mark of a picture stays text") {
  Seeing seeing;
  std::string prompt;
  seeing.runtime.answers = [&](std::string_view all) {
    prompt = all;
    return std::string("ok");
  };
  auto lm = seeing.lm();
  wait(lm.complete({.messages = {shows({TextPart{"\uFDD00:0\uFDD1"}, picture(1), TextPart{"?"}})}}));
  CHECK(prompt.contains("\uFDD00:0\uFDD1("));
  CHECK(seeing.runtime.row_decodes == 1);
}

TEST_CASE("a picture from a file or a data URL is the same picture") {
  Seeing seeing;
  const auto bytes = test::picture(8, 8, 1);
  std::ofstream(seeing.folder / "cat.bmp", std::ios::binary) << bytes;
  auto lm = seeing.lm();
  const auto tokens = [&](MediaPart part) { return lm.prompt_for({shows({std::move(part), TextPart{"?"}})}); };
  const auto given = tokens(picture(1));
  CHECK(tokens({.kind = MediaPart::Kind::image, .path = seeing.folder / "cat.bmp"}) == given);
  CHECK(tokens({.kind = MediaPart::Kind::image,
                .url = "data:image/bmp;base64," + base64::encode(std::as_bytes(std::span(bytes)))}) == given);
  CHECK(seeing.runtime.encoded == 1);
}

/// So many empty pages, without the table of places that readers make anew.
std::string pdf(int pages) {
  std::string kids, objects;
  for (int i = 0; i < pages; ++i) {
    kids += std::format("{} 0 R ", i + 3);
    objects += std::format("{} 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 {} 300]>>\nendobj\n", i + 3, 200 + 10 * i);
  }
  return std::format(
      "%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[{}]/Count "
      "{}>>\nendobj\n{}trailer\n<</Root 1 0 R>>\n%%EOF\n",
      kids, pages, objects);
}

TEST_CASE("the pages of a PDF are pictures, as many as may be sent") {
  if (!has_pdf_pages()) {
    MESSAGE("skipped: there is no pdftoppm");
    return;
  }
  Seeing seeing;
  auto lm = seeing.lm({.model = {.media = {.most_media = 3}}});
  CHECK(lm.capabilities().documents);
  const auto document = [](const std::string& bytes) {
    return MediaPart{.kind = MediaPart::Kind::document, .data = bytes_of(bytes), .name = "paper.pdf"};
  };
  CHECK(wait(lm.complete({.messages = {shows({document(pdf(3)), TextPart{"?"}})}})).text() == "Hello!");
  CHECK(seeing.runtime.encoded == 3);

  const auto refused = [&](std::vector<Part> parts) {
    return std::string(error_of([&] { wait(lm.complete({.messages = {shows(std::move(parts))}})); }).what());
  };
  CHECK(refused({document(pdf(4)), TextPart{"?"}}).contains("`paper.pdf` has too many pages: 3 pictures"));
  CHECK(refused({picture(1), document(pdf(3)), TextPart{"?"}}).contains("2 pictures may still be sent"));
  CHECK(refused({document("%PDF-1.4 and nothing more"), TextPart{"?"}}).contains("is damaged, empty or locked"));
  CHECK(refused({document("plain text"), TextPart{"?"}}).contains("is not a PDF"));
}

TEST_CASE("a step that fails with a picture in it fails its requests, and the next one is answered") {
  Seeing seeing;
  auto lm = seeing.lm();
  const Request request{.messages = {shows({TextPart{"a"}, picture(1), TextPart{"?"}})}};
  int calls = 0;
  seeing.runtime.on_decode = [&] { return ++calls == 2 ? DecodeStatus::invalid : DecodeStatus::ok; };
  CHECK(error_of([&] { wait(lm.complete(request)); }).code() == Errc::inference_failed);
  CHECK(wait(lm.complete(request)).text() == "Hello!");
}

}  // namespace
}  // namespace dspy::llama
