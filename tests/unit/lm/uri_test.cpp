#include "lm/uri.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

using namespace dspy;

namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

std::string complaint(std::string_view uri) {
  const auto result = attempt([&] { parse_lm_uri(uri); });
  if (result) return "";
  CHECK(result.error().code() == Errc::config_error);
  CHECK(result.error().info().position.has_value());
  return result.error().what();
}

}  // namespace

TEST_CASE("An LM URI is taken apart and its percent signs decoded") {
  struct Case {
    std::string_view uri;
    std::string scheme;
    std::string path;
    Options options;
  };
  const std::vector<Case> cases = {
      {"llama:models/x.gguf", "llama", "models/x.gguf", {}},
      {"LLaMa:x", "llama", "x", {}},
      {"llama:models/x.gguf?temperature=0&seed=1", "llama", "models/x.gguf", {{"temperature", "0"}, {"seed", "1"}}},
      {"llama:C:/models/x.gguf?", "llama", "C:/models/x.gguf", {}},
      {"llama:my%20model.gguf?stop=%0A%0A", "llama", "my model.gguf", {{"stop", "\n\n"}}},
      {"llama:what%3Fnow", "llama", "what?now", {}},
      {"llama:m?a=1&&b=2&", "llama", "m", {{"a", "1"}, {"b", "2"}}},
      {"llama:m?a=&a=x=y", "llama", "m", {{"a", ""}, {"a", "x=y"}}},
      {"llama:größe%e2%82%ac+1", "llama", "größe€+1", {}},
      {"openai/gpt-5.4-mini", "openai", "gpt-5.4-mini", {}},
      {"OpenAI/gpt-5.4-mini?temperature=0", "openai", "gpt-5.4-mini", {{"temperature", "0"}}},
      {"openai/responses/o3", "openai", "responses/o3", {}},
      {"ollama_chat/llama3.2:1b", "ollama_chat", "llama3.2:1b", {}},
      {"openrouter/meta-llama/llama-3.1:free", "openrouter", "meta-llama/llama-3.1:free", {}},
      {"hosted_vllm/m?base_url=http://localhost:8000/v1",
       "hosted_vllm",
       "m",
       {{"base_url", "http://localhost:8000/v1"}}},
  };
  for (const auto& [uri, scheme, path, options] : cases) {
    CAPTURE(uri);
    const auto parts = parse_lm_uri(uri);
    CHECK(parts.scheme == scheme);
    CHECK(parts.path == path);
    CHECK(parts.options == options);
  }
}

TEST_CASE("An LM URI that cannot be read says what is wrong, and where") {
  struct Case {
    std::string_view uri;
    std::string_view message;
  };
  const std::vector<Case> cases = {
      {"", "at byte 0: a language model is named by `provider/model` or `scheme:path`"},
      {"gpt-5.4-mini", "such as `openai/gpt-5.4-mini`"},
      {"claude-sonnet-5?temperature=0", "such as `anthropic/claude-sonnet-5`"},
      {"/models/x.gguf?seed=1", "did you mean `llama:/models/x.gguf?seed=1`?"},
      {"/x", "`` is neither a provider nor a scheme"},
      {"openai/", "at byte 7: the path is empty"},
      {"models/x.gguf", "did you mean `llama:models/x.gguf`?"},
      {":x", "`` is neither a provider nor a scheme"},
      {"my models/x: y", "`my models` is neither a provider nor a scheme"},
      {"llama:", "at byte 6: the path is empty"},
      {"llama:?seed=1", "at byte 6: the path is empty"},
      {"llama:m?seed", "at byte 8: the option `seed` is not written `name=value`"},
      {"llama:m?a=1&=2", "at byte 12: the option `=2` is not written `name=value`"},
      {"llama:50%", "at byte 8: `%` needs two hexadecimal digits"},
      {"llama:50%4", "at byte 8: `%` needs two hexadecimal digits"},
      {"llama:%zz", "at byte 6: `%` needs two hexadecimal digits"},
      {"llama:m?a=%FF", "at byte 10: percent signs stand for bytes that are not text"},
      {"llama:a%00b", "percent signs stand for bytes that are not text"},
      {"llama:\xFF", "this is not UTF-8"},
  };
  for (const auto& [uri, message] : cases) {
    CAPTURE(uri);
    const auto text = complaint(uri);
    CAPTURE(text);
    CHECK(text.contains(message));
  }
}
