#include "llama/gguf/gguf.hpp"

#include "dspy/llama/model_info.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <spanstream>
#include <string>

namespace dspy::llama {
namespace {

using test::error_of;
using test::GgufWriter;

std::string problem(std::string_view bytes) {
  std::ispanstream in{std::span(bytes.data(), bytes.size())};
  auto gguf = read_gguf(in, bytes.size());
  return gguf ? "" : gguf.error();
}

void no_data(std::span<char>) {}

GgufWriter small_file() {
  GgufWriter file;
  file.text("general.architecture", "llama");
  file.whole("answer", 42);
  file.number("half", 0.5F);
  file.flag("yes", true);
  file.texts("words", {"a", "b"});
  file.wholes("many", std::vector<std::int32_t>(100, 7));
  file.texts("tokens", std::vector<std::string>(50, "tok"));
  file.tensor("w", GgufWriter::f32, {4, 2}, no_data);
  file.tensor("q", GgufWriter::q8_0, {64}, no_data);
  return file;
}

std::string whole_file() {
  auto bytes = small_file().header();
  bytes.resize(bytes.size() + 32 + 96);
  return bytes;
}

/// `bytes` with a number written over those at `position`.
template <class T>
std::string patched(std::string bytes, std::size_t position, T value) {
  std::memcpy(&bytes[position], &value, sizeof value);
  return bytes;
}

TEST_CASE("a header is read with its values, long lists by their length, and its tensors") {
  const auto bytes = whole_file();
  std::ispanstream in{std::span(bytes.data(), bytes.size())};
  const auto gguf = read_gguf(in, bytes.size());

  REQUIRE(gguf);
  CHECK(gguf->version == 3);
  CHECK(gguf->text("general.architecture") == "llama");
  CHECK(gguf->whole("answer") == 42);
  CHECK(gguf->number("half") == 0.5);
  CHECK(gguf->number("answer") == 42);
  CHECK(gguf->find("yes")->as_bool());
  CHECK(to_text(*gguf->find("words")) == R"(["a","b"])");
  CHECK(to_text(*gguf->find("many")) == R"("int32[100]")");
  CHECK(gguf->length("words") == 2);
  CHECK(gguf->length("many") == 100);
  CHECK(gguf->length("tokens") == 50);
  CHECK_FALSE(gguf->length("answer"));
  CHECK_FALSE(gguf->length("absent"));
  CHECK_FALSE(gguf->text("answer"));
  REQUIRE(gguf->tensors.size() == 2);
  CHECK(gguf->tensors[0].bytes == 32);
  CHECK(gguf->tensors[1].bytes == 68);
  CHECK(gguf->tensors[1].offset == 32);
}

TEST_CASE("a file cut short anywhere is refused, and never read beyond its end") {
  const auto bytes = whole_file();
  // The last tensor is followed by 28 bytes of padding that nobody needs.
  for (std::size_t length = 0; length + 28 < bytes.size(); ++length) {
    CAPTURE(length);
    REQUIRE_FALSE(problem(std::string_view(bytes).substr(0, length)).empty());
  }
  CHECK(problem(bytes).empty());
}

TEST_CASE("what is wrong with a file is said in words") {
  auto twice = small_file();
  twice.whole("answer", 1);
  auto same_tensor = small_file();
  same_tensor.tensor("w", GgufWriter::f32, {1}, no_data);
  auto odd_alignment = small_file();
  odd_alignment.whole("general.alignment", 33);
  auto odd_rows = small_file();
  odd_rows.tensor("r", GgufWriter::q8_0, {33}, no_data);
  auto flat = small_file();
  flat.tensor("z", GgufWriter::f32, {4, 0}, no_data);
  auto huge = small_file();
  huge.tensor("h", GgufWriter::f32, {1ULL << 40, 1ULL << 40}, no_data);

  struct Case {
    std::string name;
    std::string bytes;
    std::string_view says;
  };
  const std::vector<Case> cases = {
      {"empty", "", "fewer than 4 bytes"},
      {"other", "PK\x03\x04 some zip file", "not a GGUF file"},
      {"old", patched(whole_file(), 4, std::uint32_t{1}), "version 1"},
      {"new", patched(whole_file(), 4, std::uint32_t{99}), "version 99"},
      {"many tensors", patched(whole_file(), 8, ~std::uint64_t{0}), "announces 18446744073709551615 tensors"},
      {"many keys", patched(whole_file(), 16, std::uint64_t{1} << 40), "announces"},
      {"long key", patched(whole_file(), 24, std::uint64_t{1} << 62), "is damaged: a key"},
      {"twice", twice.header(), "key `answer` twice"},
      {"same tensor", same_tensor.header(), "tensor `w` twice"},
      {"alignment", odd_alignment.header(), "alignment of 33"},
      {"rows", odd_rows.header(), "rows of 33 values, which Q8_0 cannot hold"},
      {"zero", flat.header(), "tensor `z` has an impossible shape"},
      {"huge", huge.header(), "tensor `h` has an impossible shape"},
      {"no data", small_file().header(), "cut short: tensor `w`"},
  };
  for (const auto& [name, bytes, says] : cases) {
    CAPTURE(name);
    CAPTURE(problem(bytes));
    CHECK(problem(bytes).contains(says));
  }
}

TEST_CASE("text that is not UTF-8 and odd strings in a header do no harm") {
  GgufWriter file;
  file.text("general.name", "caf\xE9");
  file.text("tokenizer.ggml.tokens", "x[99999999999999999999999]");
  file.text("other", "x[12");
  const auto bytes = file.header();
  std::ispanstream in{std::span(bytes.data(), bytes.size())};

  const auto gguf = read_gguf(in, bytes.size());

  REQUIRE(gguf);
  CHECK(gguf->text("general.name") == "caf\uFFFD");
  CHECK_FALSE(gguf->length("tokenizer.ggml.tokens"));
  CHECK_FALSE(gguf->length("other"));
}

TEST_CASE("inspect_model describes a file without the inference library") {
  const test::TempFolder folder;
  auto file = test::RandomModel{.width = 64, .type = GgufWriter::q8_0, .name = "Nonsense 1"}.writer();
  file.number("general.sampling.temp", 0.7F);
  file.whole("general.sampling.top_k", 20);
  file.number("general.sampling.top_p", 7);  // out of range: not advice
  file.write(folder / "x.gguf");

  const auto info = inspect_model(folder / "x.gguf");

  CHECK(info.name == "Nonsense 1");
  CHECK(info.architecture == "llama");
  CHECK(info.quantization == "Q8_0");
  CHECK(info.context_length == 512);
  CHECK(info.layers == 2);
  CHECK(info.vocabulary == 261);
  CHECK(info.tokenizer == "gpt2 (gpt-2)");
  CHECK(info.parameters == 90752);
  CHECK(info.recommended == Sampling{.temperature = 0.7, .top_k = 20});
  const auto json = to_json(info);
  CHECK(json.at("weights").as_array().size() == 2);
  CHECK(json.at("has_chat_template").as_bool());
  CHECK_FALSE(json.at("metadata").as_object().contains("tokenizer.chat_template"));
}

TEST_CASE("inspect_model names the file that is missing or no model") {
  const test::TempFolder folder;
  CHECK(error_of([&] { inspect_model(folder / "none.gguf"); }).code() == Errc::model_not_found);
  CHECK(error_of([&] { inspect_model(folder.path()); }).code() == Errc::model_not_found);
  std::ofstream(folder / "text.gguf") << "once upon a time";
  const auto error = error_of([&] { inspect_model(folder / "text.gguf"); });
  CHECK(error.code() == Errc::model_load_error);
  CHECK(std::string(error.what()).contains("text.gguf` is not a GGUF file"));
  CHECK(error.info().model == folder / "text.gguf");
}

}  // namespace
}  // namespace dspy::llama
