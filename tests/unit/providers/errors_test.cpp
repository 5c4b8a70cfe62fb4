#include "providers/errors.hpp"

#include "dspy/base/wait.hpp"
#include "support.hpp"

#include <chrono>
#include <optional>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace {

const std::chrono::system_clock::time_point now = std::chrono::sys_days(std::chrono::year(2026) / 8 / 21);

Error error_of(std::string_view provider, int status, std::string body, http::Headers headers = {}) {
  return providers::status_error(*find_dialect(provider), "m",
                                 {.status = status, .headers = std::move(headers), .body = std::move(body)}, now);
}

}  // namespace

TEST_CASE("Each provider's errors by what can be done about them") {
  struct Case {
    std::string_view provider;
    int status;
    std::string body;
    Errc code;
  };
  const std::vector<Case> cases = {
      {"openai", 400,
       R"({"error": {"message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.", "type": "invalid_request_error", "code": "context_length_exceeded"}})",
       Errc::context_too_long},
      {"openai", 400, R"({"error": {"message": "bad", "type": "invalid_request_error", "param": "x"}})", Errc::refused},
      {"openai", 400, R"({"error": {"message": "no", "code": "unsupported_parameter", "param": "temperature"}})",
       Errc::unsupported},
      {"openai", 401, R"({"error": {"message": "no key", "code": "invalid_api_key"}})", Errc::authentication_failed},
      {"openai", 403, R"({"error": {"message": "country"}})", Errc::authentication_failed},
      {"openai", 404, R"({"error": {"message": "The model `x` does not exist", "code": "model_not_found"}})",
       Errc::model_not_found},
      {"openai", 404, "", Errc::refused},
      {"openai", 408, "", Errc::timeout},
      {"openai", 409, "", Errc::unavailable},
      {"openai", 422, R"({"detail": [{"loc": ["body"], "msg": "x"}]})", Errc::refused},
      {"openai", 429, R"({"error": {"message": "slow", "type": "requests", "code": "rate_limit_exceeded"}})",
       Errc::rate_limit_exceeded},
      {"openai", 429,
       R"({"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}})",
       Errc::billing_error},
      {"openai", 429,
       R"({"error": {"message": "x", "type": "insufficient_quota", "code": "credit_balance_exhausted"}})",
       Errc::billing_error},
      {"openai", 500, "<html>oops</html>", Errc::unavailable},
      {"openai", 503, R"({"error": {"code": "server_is_overloaded"}})", Errc::unavailable},
      {"openai", 504, "", Errc::timeout},
      {"mistral", 422,
       R"({"object": "error", "message": "Extra inputs are not permitted", "type": "invalid_request_error", "code": "3"})",
       Errc::refused},
      {"openrouter", 402, R"({"error": {"code": 402, "message": "Insufficient credits"}})", Errc::billing_error},
      {"groq", 498, R"({"error": {"message": "no capacity"}})", Errc::unavailable},
      {"anthropic", 400,
       R"({"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"}, "request_id": "req_1"})",
       Errc::context_too_long},
      {"anthropic", 402, R"({"type": "error", "error": {"type": "billing_error", "message": "m"}})",
       Errc::billing_error},
      {"anthropic", 404, R"({"type": "error", "error": {"type": "not_found_error", "message": "model: x"}})",
       Errc::model_not_found},
      {"anthropic", 413, R"({"type": "error", "error": {"type": "request_too_large", "message": "m"}})", Errc::refused},
      {"anthropic", 429, R"({"type": "error", "error": {"type": "enforced_spend_limit_reached", "message": "m"}})",
       Errc::billing_error},
      {"anthropic", 429, R"({"type": "error", "error": {"type": "rate_limit_error", "message": "m"}})",
       Errc::rate_limit_exceeded},
      {"anthropic", 529, R"({"type": "error", "error": {"type": "overloaded_error", "message": "m"}})",
       Errc::unavailable},
      {"gemini", 400,
       R"({"error": {"code": 400, "message": "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).", "status": "INVALID_ARGUMENT"}})",
       Errc::context_too_long},
      {"gemini", 404, R"({"error": {"code": 404, "message": "models/x is not found", "status": "NOT_FOUND"}})",
       Errc::model_not_found},
      {"gemini", 429,
       R"([{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": [{"@type": "t", "retryDelay": "46.5s"}]}}])",
       Errc::rate_limit_exceeded},
      {"gemini", 503, R"({"error": {"code": 503, "status": "UNAVAILABLE", "message": "m"}})", Errc::unavailable},
      {"ollama", 404, R"({"error": "model \"x\" not found, try pulling it first"})", Errc::model_not_found},
      {"ollama", 503, R"({"error": "server busy, please try again. maximum pending requests exceeded"})",
       Errc::unavailable},
      {"vllm", 400, R"({"message": "This model's maximum context length is 4096 tokens", "code": 400})",
       Errc::context_too_long},
  };
  for (const auto& [provider, status, body, code] : cases) {
    CAPTURE(body);
    CAPTURE(status);
    const auto error = error_of(provider, status, body);
    CHECK(to_string(error.code()) == to_string(code));
    CHECK(error.info().status == status);
    CHECK(error.info().provider == provider);
    CHECK(error.info().model == "m");
    CHECK(std::string_view(error.what()).starts_with(find_dialect(provider)->title));
    CHECK(std::string_view(error.what()).contains("; "));  // a remedy
  }
}

TEST_CASE("Errors keep what is told beside them") {
  const auto context = error_of(
      "anthropic", 400,
      R"({"error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"}, "request_id": "req_1"})");
  CHECK(context.info().actual == 210000U);
  CHECK(context.info().max == 200000U);
  CHECK(context.info().request_id == "req_1");
  CHECK(error_of("openai", 400,
                 R"({"error": {"message": "no", "code": "unsupported_parameter", "param": "temperature"}})")
            .info()
            .feature == "temperature");
  CHECK(error_of("openai", 500, "", {{"x-request-id", "r"}}).info().request_id == "r");
  CHECK(error_of("openai", 500, "<html>").info().raw == "<html>");
  const auto wild =
      error_of("openai", 400, "{\"error\": {\"message\": \"a\\nb\\u0007" + std::string(5000, 'x') + "\"}}");
  CHECK_FALSE(std::string_view(wild.what()).contains('\n'));
  CHECK(std::string_view(wild.what()).size() < 2200);
}

TEST_CASE("How long to wait is known in all its forms") {
  const auto after = [](http::Headers headers, std::string body = "{}", std::string_view provider = "openai") {
    return error_of(provider, 429, std::move(body), std::move(headers)).info().retry_after;
  };
  CHECK(after({{"retry-after-ms", "1500"}}) == 1500ms);
  CHECK(after({{"Retry-After", "2"}}) == 2000ms);
  CHECK(after({{"Retry-After", "Fri, 21 Aug 2026 00:00:30 GMT"}}) == 30s);
  CHECK(after({{"Retry-After", "-5"}}) == std::nullopt);
  CHECK(after({}) == std::nullopt);
  CHECK(after({}, R"({"error": {"details": [{"retryDelay": "46s"}]}})", "gemini") == 46s);
  CHECK(
      after(
          {},
          R"({"error": {"details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]}, {"retryDelay": "46s"}]}})",
          "gemini") == 24h);
}

TEST_CASE("An error within a reply of status 200, or within a stream, is an error") {
  struct Case {
    std::string_view provider;
    std::string stream;
    Errc code;
  };
  const std::vector<Case> cases = {
      {"openai",
       "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\ndata: "
       "{\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}\n\n",
       Errc::unavailable},
      {"openrouter",
       "data: "
       "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"},\"finish_reason\":\"error\"}],\"error\":{\"code\":"
       "429,\"message\":\"m\"}}\n\n",
       Errc::rate_limit_exceeded},
      {"anthropic",
       "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n",
       Errc::unavailable},
      {"gemini",
       "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hel\"}]}}]}\n\n{\"error\": {\"code\": 503, "
       "\"message\": \"m\", \"status\": \"UNAVAILABLE\"}}\n",
       Errc::unavailable},
      {"ollama", "{\"message\":{\"content\":\"Hel\"},\"done\":false}\n{\"error\":\"an error was encountered\"}\n",
       Errc::unavailable},
  };
  for (const auto& [provider, stream, code] : cases) {
    CAPTURE(provider);
    const Remote remote(provider);
    remote.transport->reply({.headers = type_of(find_dialect(provider)->api, true), .body = stream, .piece_bytes = 9});
    const auto result = attempt([&] { return wait(remote.lm->stream({.messages = {{Role::user, "q"}}}, {})); });
    REQUIRE_FALSE(result.has_value());
    CHECK(to_string(result.error().code()) == to_string(code));
    if (stream.contains("Hel") && provider != "openrouter") CHECK(result.error().info().raw == "Hel");
  }
  const Remote remote("openrouter");
  remote.transport->reply(
      {.headers = type_of(Api::chat, false), .body = R"({"error": {"code": 402, "message": "credits"}})"});
  const auto result = attempt([&] { return wait(remote.lm->complete({.messages = {{Role::user, "q"}}})); });
  CHECK(result.error().code() == Errc::billing_error);
}

TEST_CASE("Blank lines before a body, and comments in a stream, are waited through") {
  const std::string body = R"({"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]})";
  const Remote remote("deepseek");
  remote.transport->reply({.headers = type_of(Api::chat, false), .body = "\n\n\n" + body});
  CHECK(wait(remote.lm->complete({.messages = {{Role::user, "q"}}})).text() == "hi");
  remote.transport->reply(
      {.headers = type_of(Api::chat, true),
       .body = ": keep-alive\n\n: keep-alive\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":"
               "\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata:[DONE]\n\n"});
  CHECK(wait(remote.lm->stream({.messages = {{Role::user, "q"}}}, {})).text() == "hi");
}

TEST_CASE("Bodies that are not an answer are errors, not empty replies") {
  for (const auto* const body :
       {"", "[]", "<html>", "{}", R"({"choices": []})", R"({"choices": [1]})", "{\"choices\": [{\"index\": 0}]"}) {
    CAPTURE(body);
    const Remote remote("openai");
    remote.transport->reply({.headers = type_of(Api::chat, false), .body = body});
    const auto result = attempt([&] { return wait(remote.lm->complete({.messages = {{Role::user, "q"}}})); });
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code() == Errc::unavailable);
  }
  const Remote blocked("gemini");
  blocked.transport->reply(
      {.headers = type_of(Api::chat, false), .body = R"({"promptFeedback": {"blockReason": "SAFETY"}})"});
  CHECK(attempt([&] { return wait(blocked.lm->complete({.messages = {{Role::user, "q"}}})); }).error().code() ==
        Errc::refused);
  const Remote broken("openai");
  broken.transport->reply(
      {.headers = type_of(Api::chat, false),
       .body =
           R"({"choices": [{"message": {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{\"q\": "}}]}, "finish_reason": "length"}]})"});
  const auto error = attempt([&] { return wait(broken.lm->complete({.messages = {{Role::user, "q"}}})); }).error();
  CHECK(error.code() == Errc::parse_error);
  CHECK(error.info().raw == "{\"q\": ");
}
