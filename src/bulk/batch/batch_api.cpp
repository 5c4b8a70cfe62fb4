#include "bulk/batch/batch_api.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/http/transport.hpp"

#include <algorithm>
#include <format>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::bulk {

const BatchApi& batch_api_of(std::string_view url) {
  const auto path = url.substr(0, url.find('?'));
  if (path.ends_with("/chat/completions") || path.ends_with("/responses")) return openai_batches;
  if (path.ends_with("/v1/messages")) return anthropic_batches;
  if (path.ends_with(":generateContent")) return gemini_batches;
  throw Error(
      Errc::unsupported,
      std::format("{} has no batch API that dspy supports; use a model of OpenAI, Anthropic or Gemini, or `dspy run`",
                  path),
      {.feature = "batch"});
}

http::Request like(const http::Request& sample, std::string_view method, std::string url, std::string body) {
  auto out = sample;
  out.method = method;
  out.url = std::move(url);
  out.body = std::move(body);
  out.headers.set("Accept", "application/json");
  return out;
}

std::string origin_of(std::string_view url) {
  const auto scheme = url.find("://");
  const auto begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  return std::string(url.substr(0, std::min(url.find('/', begin), url.size())));
}

JsonObject object_of(std::string_view text) {
  auto json = parse_json(text::trim(text));
  if (!json || !json->is_object())
    throw Error(Errc::unavailable, "the batch API sent something that is not a JSON object; check the base URL",
                {.raw = std::string(text.substr(0, 4096))});
  return std::move(json->get_object());
}

std::string text_in(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
}

const JsonObject* object_in(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr ? value->if_object() : nullptr;
}

void each_object(std::string_view lines, const std::function<void(const JsonObject& object)>& visit) {
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    const auto line = text::trim(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (!line.empty()) visit(object_of(line));
  }
}

}  // namespace dspy::bulk
