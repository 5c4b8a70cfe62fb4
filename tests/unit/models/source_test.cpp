#include "dspy/models/source.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/models/catalogue.hpp"
#include "models/asking.hpp"
#include "models/hub.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace dspy::models {
namespace {

template <class Work>
Error error_of(Work work) {
  const auto result = attempt(work);
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

TEST_CASE("sources are read as they are written") {
  using Kind = Source::Kind;
  struct Case {
    std::string_view text;
    Source source;
    std::string_view name;
  };
  const std::vector<Case> cases = {
      {"smollm2", {.kind = Kind::catalogue, .name = "smollm2"}, "smollm2"},
      {"hf:o/r:dir/X-Q4_K_M.gguf",
       {.kind = Kind::hugging_face, .owner = "o", .repository = "r", .file = "dir/X-Q4_K_M.gguf"},
       "X-Q4_K_M"},
      {"hf:o/r@v1:Q8_0",
       {.kind = Kind::hugging_face, .owner = "o", .repository = "r", .revision = "v1", .file = "Q8_0"},
       "r-Q8_0"},
      {"hf:o/r", {.kind = Kind::hugging_face, .owner = "o", .repository = "r"}, "r"},
      {"hf:o/r:x-00001-of-00003.gguf",
       {.kind = Kind::hugging_face, .owner = "o", .repository = "r", .file = "x-00001-of-00003.gguf"},
       "x"},
      {"ollama:qwen3", {.kind = Kind::ollama, .owner = "library", .repository = "qwen3"}, "qwen3"},
      {"ollama:me/qwen3:4b",
       {.kind = Kind::ollama, .owner = "me", .repository = "qwen3", .revision = "4b"},
       "qwen3-4b"},
      {"https://host.example/a/b.gguf?x=1", {.kind = Kind::url, .url = "https://host.example/a/b.gguf?x=1"}, "b"},
  };
  for (const auto& [text, source, name] : cases) {
    CAPTURE(text);
    CHECK(parse_source(text) == source);
    CHECK(to_text(source) == text.substr(0, text.find('?')));  // a query may be a signature
    CHECK(default_name(source) == name);
  }
  for (const auto text :
       {"", "a b", "../x", ".x", "hf:x", "hf:o/r/x", "hf:../r", "hf:o/r:../x.gguf", "hf:o/r:/x",
        "ollama:", "ollama:a/b/c", "ollama:a:../b", "https://u:p@host.example/x.gguf", "https://", "-x"}) {
    CAPTURE(text);
    const auto error = error_of([&] { parse_source(text); });
    CHECK(error.code() == Errc::invalid_parameter);
    CHECK(std::string_view(error.what()).contains("hf:owner/repository"));
    CHECK_FALSE(std::string_view(error.what()).contains("u:p"));
  }
}

TEST_CASE("the hub's own addresses are read as what they show") {
  struct Case {
    std::string_view address, source;
  };
  const std::vector<Case> cases = {
      {"https://huggingface.co/o/r", "hf:o/r"},
      {"hf.co/o/r/", "hf:o/r"},
      {"https://huggingface.co/o/r/tree/main", "hf:o/r"},
      {"https://huggingface.co/o/r/tree/v1?x=1", "hf:o/r@v1"},
      {"https://huggingface.co/o/r/blob/main/x-Q8_0.gguf", "hf:o/r:x-Q8_0.gguf"},
      {"https://huggingface.co/o/r/resolve/v1/dir/x.gguf?download=true", "hf:o/r@v1:dir/x.gguf"},
      {"hf.co/o/r:Q4_K_M", "hf:o/r:Q4_K_M"},
  };
  for (const auto& [address, source] : cases) {
    CAPTURE(address);
    CHECK(to_text(parse_source(address)) == source);
  }
  for (const auto address : {"https://huggingface.co/o", "https://huggingface.co/o/r/discussions/3",
                             "https://huggingface.co/o/r/blob/main", "https://huggingface.co/../r"}) {
    CAPTURE(address);
    CHECK(error_of([&] { parse_source(address); }).code() == Errc::invalid_parameter);
  }
}

TEST_CASE("a catalogue has ours and the user's, and says which entry is at fault") {
  auto catalogue = Catalogue::built_in();
  REQUIRE(catalogue.find("smollm2") != nullptr);
  for (const auto& entry : catalogue.entries()) CHECK(parse_source(entry.source).kind != Source::Kind::catalogue);
  const std::string digest(64, 'A');
  catalogue.read_text(
      "[models.mine]\nsource = 'hf:o/r:x.gguf'\nsha256 = '" + digest + "'\nbytes = 12\nlicense = 'MIT'\n", false,
      "m.toml");
  REQUIRE(catalogue.find("mine") != nullptr);
  CHECK(catalogue.find("mine")->bytes == 12);
  CHECK(catalogue.find("mine")->sha256 == std::string(64, 'a'));
  catalogue.read_text(R"({"models": {"smollm2": {"source": "ollama:smollm2"}}})", true, "m.json");
  CHECK(catalogue.find("smollm2")->source == "ollama:smollm2");
  for (const std::string_view text :
       {"[models.x]\n", "[models.x]\nsource = 'y'\n", "[models.x]\nsource = 3\n", "models = 1\n", "[other]\n",
        "[models.x]\nsource = 'hf:o/r'\nsha256 = 'ab'\n", "[models.x]\nsource = 'hf:o/r'\nbytes = -1\n",
        "[models.x]\nsource = 'hf:o/r'\nsize = 1\n", "[models.'../x']\nsource = 'hf:o/r'\n", "[[\n"}) {
    CAPTURE(text);
    const auto error = error_of([&] { catalogue.read_text(text, false, "m.toml"); });
    CHECK((error.code() == Errc::config_error || error.code() == Errc::invalid_parameter));
  }
}

TEST_CASE("the file that is meant, or the best start, is chosen among a repository's") {
  const std::vector<std::string> names = {"X-Q8_0.gguf", "X-Q4_K_M.gguf", "X-Q4_K_S.gguf", "mmproj-X-f16.gguf",
                                          "README.md"};
  CHECK(choose_file(names, "") == "X-Q4_K_M.gguf");
  CHECK(choose_file(names, "q8_0") == "X-Q8_0.gguf");
  CHECK(choose_file(names, "X-Q4_K_S.gguf") == "X-Q4_K_S.gguf");
  CHECK_FALSE(choose_file(names, "Q4_K").has_value());
  CHECK_FALSE(choose_file(names, "other.gguf").has_value());
  CHECK(choose_file({"a-00001-of-00002.gguf", "a-00002-of-00002.gguf"}, "") == "a-00001-of-00002.gguf");
  CHECK(choose_file({"a-00001-of-00002.gguf", "a-00002-of-00002.gguf"}, "a-00002-of-00002.gguf") ==
        "a-00001-of-00002.gguf");
  CHECK(parts_of("a-00001-of-00003.gguf") ==
        std::vector<std::string>{"a-00001-of-00003.gguf", "a-00002-of-00003.gguf", "a-00003-of-00003.gguf"});
  CHECK(parts_of("a.gguf") == std::vector<std::string>{"a.gguf"});
}

TEST_CASE("a repository's description says what is fetched, its size, digest and licence") {
  const auto json = *parse_json(R"({"sha": "c0ffee", "cardData": {"license": "apache-2.0"}, "siblings": [
      {"rfilename": "x-Q4_K_M-00001-of-00002.gguf", "size": 5, "lfs": {"sha256": "AA", "size": 6}},
      {"rfilename": "x-Q4_K_M-00002-of-00002.gguf", "lfs": {"sha256": "bb", "size": 7}},
      {"rfilename": "mmproj-model-bf16.gguf"}, {"rfilename": "mmproj-model-f16.gguf"}, {"rfilename": "README.md"}]})");
  const auto source = parse_source("hf:o/r");
  const auto offer = read_repository(source, json, "https://hub.example", true);
  REQUIRE(offer.files.size() == 3);
  CHECK(offer.files[0] == RemoteFile{.name = "x-Q4_K_M-00001-of-00002.gguf",
                                     .url = "https://hub.example/o/r/resolve/c0ffee/x-Q4_K_M-00001-of-00002.gguf",
                                     .bytes = 6,
                                     .sha256 = "aa"});
  CHECK(offer.files[2].name == "mmproj-model-f16.gguf");
  CHECK(offer.revision == "c0ffee");
  CHECK(offer.license == "apache-2.0");
  CHECK(read_repository(source, json, "https://hub.example", false).files.size() == 2);
  const auto missing =
      error_of([&] { read_repository(parse_source("hf:o/r:y.gguf"), json, "https://hub.example", true); });
  CHECK(missing.code() == Errc::model_not_found);
  CHECK(std::string_view(missing.what()).contains("x-Q4_K_M-00001-of-00002.gguf"));
  const auto cut = *parse_json(R"({"siblings": [{"rfilename": "x-00001-of-00002.gguf"}]})");
  CHECK(std::string_view(error_of([&] { read_repository(source, cut, "https://hub.example", true); }).what())
            .contains("x-00002-of-00002"));
  const auto hostile = *parse_json(R"({"siblings": [{"rfilename": "a/..gguf/.gguf"}]})");
  CHECK(error_of([&] { read_repository(source, hostile, "https://hub.example", true); }).code() ==
        Errc::model_not_found);
}

TEST_CASE("a licence's text is named by its first lines") {
  CHECK(license_name("\n   Apache License\n  Version 2.0, January 2004\n  http://…") ==
        "Apache License, Version 2.0, January 2004");
  CHECK(license_name("MIT License\r\n\r\nCopyright (c) X") == "MIT License");
  CHECK(license_name("LLAMA 3.2 COMMUNITY LICENSE\nLlama 3.2 Version Release Date") == "LLAMA 3.2 COMMUNITY LICENSE");
  CHECK(license_name("ACME Licence Version 3\nVersion of the text") == "ACME Licence Version 3");
  CHECK(license_name(" \n\t\n").empty());
  CHECK(license_name(std::string(500, 'x')).size() == 80);
}

TEST_CASE("an Ollama manifest is read by its layers") {
  const auto json = *parse_json(R"({"layers": [
      {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:11", "size": 1},
      {"mediaType": "application/vnd.ollama.image.projector", "digest": "sha256:22", "size": 2},
      {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:33", "size": 3}]})");
  const auto offer = read_manifest(parse_source("ollama:qwen3:4b"), json, "https://registry.example");
  REQUIRE(offer.files.size() == 2);
  CHECK(offer.files[0] == RemoteFile{.name = "qwen3-4b.gguf",
                                     .url = "https://registry.example/v2/library/qwen3/blobs/sha256:33",
                                     .bytes = 3,
                                     .sha256 = "33"});
  CHECK(offer.files[1].name == "mmproj-qwen3-4b.gguf");
  CHECK(offer.license_url == "https://registry.example/v2/library/qwen3/blobs/sha256:11");
  CHECK(error_of([&] {
          read_manifest(parse_source("ollama:x"), *parse_json(R"({"layers": []})"), "https://r.example");
        }).code() == Errc::model_not_found);
}

}  // namespace
}  // namespace dspy::models
