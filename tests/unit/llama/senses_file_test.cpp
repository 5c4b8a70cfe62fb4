#include "llama/media/senses_file.hpp"

#include "dspy/llama/model_info.hpp"
#include "support.hpp"
#include "support/random_senses.hpp"

#include <doctest/doctest.h>

namespace dspy::llama {
namespace {

using test::error_of;

std::string found(const std::string& model, const MediaOptions& options = {}) {
  const auto file = find_senses(inspect_model(model), options);
  return file ? file->path.filename().string() : "";
}

TEST_CASE("an image part beside a model is found by its name, whatever the format of its weights") {
  const test::TempFolder folder;
  test::RandomModel{}.write(folder / "Fox-VL-3B-Q4_K_M.gguf");
  test::RandomModel{}.write(folder / "other.gguf");
  CHECK(found(folder / "Fox-VL-3B-Q4_K_M.gguf").empty());

  test::RandomSenses{}.write(folder / "mmproj-Fox-VL-3B-f16.gguf");
  CHECK(found(folder / "Fox-VL-3B-Q4_K_M.gguf") == "mmproj-Fox-VL-3B-f16.gguf");
  CHECK(found(folder / "other.gguf").empty());
  CHECK(found(folder / "Fox-VL-3B-Q4_K_M.gguf", {.mmproj = "none"}).empty());
  CHECK(found(folder / "other.gguf", {.mmproj = folder / "mmproj-Fox-VL-3B-f16.gguf"}) == "mmproj-Fox-VL-3B-f16.gguf");

  test::RandomSenses{}.write(folder / "Fox-VL-3B.mmproj.gguf");
  CHECK(found(folder / "Fox-VL-3B-Q4_K_M.gguf").empty());  // which of two?
}

TEST_CASE("an image part that names no model belongs to the only one in its folder") {
  const test::TempFolder folder;
  test::RandomModel{}.write(folder / "fox-Q8_0.gguf");
  test::RandomSenses{}.write(folder / "mmproj-model-f16.gguf");
  CHECK(found(folder / "fox-Q8_0.gguf") == "mmproj-model-f16.gguf");

  test::RandomModel{}.write(folder / "fox-F16.gguf");  // the same model
  CHECK(found(folder / "fox-Q8_0.gguf") == "mmproj-model-f16.gguf");
  test::RandomModel{}.write(folder / "hare.gguf");
  CHECK(found(folder / "fox-Q8_0.gguf").empty());
}

TEST_CASE("what an image part reads is told by its header") {
  const test::TempFolder folder;
  test::RandomModel{}.write(folder / "fox.gguf");
  test::RandomSenses{.kind = test::RandomSenses::Kind::sound}.write(folder / "ear.gguf");
  const auto ear = find_senses(inspect_model(folder / "fox.gguf"), {.mmproj = folder / "ear.gguf"});
  REQUIRE(ear);
  CHECK(ear->hears);
  CHECK_FALSE(ear->sees);
  CHECK(ear->projector == "ultravox");

  const auto error =
      error_of([&] { find_senses(inspect_model(folder / "fox.gguf"), {.mmproj = folder / "fox.gguf"}); });
  CHECK(error.code() == Errc::model_load_error);
  CHECK(std::string(error.what()).contains("is not an image or audio part"));
  CHECK(error_of([&] { find_senses(inspect_model(folder / "fox.gguf"), {.mmproj = folder / "none.gguf"}); }).code() ==
        Errc::model_not_found);
}

}  // namespace
}  // namespace dspy::llama
