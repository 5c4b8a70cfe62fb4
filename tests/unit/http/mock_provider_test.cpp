#include "mock_provider/mock_provider.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/json_pointer.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/ndjson.hpp"
#include "dspy/http/server_sent_events.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

http::Response post(const mock::MockProvider& provider, std::string_view path, const Json& body,
                    http::Headers headers = {}) {
  return wait(http::send(http::default_transport(),
                         {.url = provider.url(path), .headers = std::move(headers), .body = to_text(body)}));
}

Json json_of(const http::Response& response) {
  const auto read = parse_json(response.body);
  REQUIRE_MESSAGE(read.has_value(), response.body);
  return *read;
}

std::string text_at(const Json& json, std::string_view pointer) {
  const auto* const found = find_at(json, pointer);
  REQUIRE_MESSAGE(found != nullptr, to_text(json));
  return found->is_string() ? std::string(view(found->get_string())) : to_text(*found);
}

struct Event {
  std::string name = {};
  std::string data = {};
};

std::vector<Event> events_of(const http::Response& response) {
  http::ServerSentEvents reader;
  reader.feed(response.body);
  std::vector<Event> out;
  while (const auto event = reader.next()) out.push_back({std::string(event->event), std::string(event->data)});
  CHECK_FALSE(reader.finish());
  return out;
}

/// All texts at `pointer` in the events' data, joined.
std::string joined(const std::vector<Event>& events, std::string_view pointer) {
  std::string out;
  for (const auto& event : events) {
    const auto json = parse_json(event.data);
    const auto* const found = json ? find_at(*json, pointer) : nullptr;
    if (found != nullptr && found->is_string()) out += view(found->get_string());
  }
  return out;
}

Json user(std::string_view text) {
  return JsonArray{JsonObject{{"role", "user"}, {"content", text}}};
}

Json person_schema() {
  return JsonObject{
      {"type", "object"},
      {"properties",
       JsonObject{{"name", JsonObject{{"type", "string"}}},
                  {"age", JsonObject{{"type", "integer"}, {"minimum", 18}}},
                  {"mood", JsonObject{{"enum", JsonArray{"good", "bad"}}}},
                  {"tags", JsonObject{{"type", "array"}, {"items", JsonObject{{"type", "string"}}}, {"minItems", 2}}},
                  {"next", JsonObject{{"anyOf", JsonArray{JsonObject{{"$ref", "#"}}, JsonObject{{"type", "null"}}}}}}}},
      {"required", JsonArray{"name", "age", "mood", "tags", "next"}},
      {"additionalProperties", false}};
}

constexpr std::string_view person = R"({"name":"mock","age":18,"mood":"good","tags":["mock","mock"],"next":null})";

}  // namespace

TEST_CASE("OpenAI's chat completions") {
  const mock::MockProvider provider;
  const Json question = JsonObject{{"model", "gpt-x"}, {"messages", user("Héllo, how are you today?")}};

  const auto whole = json_of(post(provider, "/v1/chat/completions", question));
  CHECK(text_at(whole, "/choices/0/message/content") == "Héllo, how are you today?");
  CHECK(text_at(whole, "/choices/0/finish_reason") == "stop");
  CHECK(text_at(whole, "/model") == "gpt-x");
  CHECK(text_at(whole, "/usage/total_tokens") == "14");

  auto asked = question.get_object();
  asked["stream"] = true;
  asked["stream_options"] = JsonObject{{"include_usage", true}};
  const auto response = post(provider, "/v1/chat/completions", asked);
  CHECK(response.headers.find("content-type") == "text/event-stream");
  const auto events = events_of(response);
  CHECK(joined(events, "/choices/0/delta/content") == "Héllo, how are you today?");
  REQUIRE(events.size() > 4);
  CHECK(events.back().data == "[DONE]");
  CHECK(events[events.size() - 2].data.contains("\"choices\":[]"));
  CHECK(events[events.size() - 2].data.contains("\"total_tokens\":14"));
}

TEST_CASE("OpenAI's responses") {
  const mock::MockProvider provider;
  const auto whole =
      json_of(post(provider, "/v1/responses", JsonObject{{"model", "m"}, {"input", "Hello there, you"}}));
  CHECK(text_at(whole, "/output/0/content/0/text") == "Hello there, you");
  CHECK(text_at(whole, "/status") == "completed");

  const auto events = events_of(post(provider, "/v1/responses",
                                     JsonObject{{"model", "m"}, {"input", user("Hello there, you")}, {"stream", true}},
                                     {{"X-Mock-Reasoning", "I think"}}));
  CHECK(joined(events, "/delta") == "I thinkHello there, you");
  CHECK(events.front().name == "response.created");
  CHECK(events.back().name == "response.completed");
  CHECK(text_at(parse_json(events.back().data).value(), "/response/output/1/content/0/text") == "Hello there, you");
}

TEST_CASE("Anthropic's messages") {
  const mock::MockProvider provider;
  const Json question = JsonObject{{"model", "claude-x"}, {"max_tokens", 100}, {"messages", user("Hello there, you")}};
  const auto whole = json_of(post(provider, "/v1/messages", question));
  CHECK(text_at(whole, "/content/0/text") == "Hello there, you");
  CHECK(text_at(whole, "/stop_reason") == "end_turn");

  auto asked = question.get_object();
  asked["stream"] = true;
  const auto events = events_of(post(provider, "/v1/messages", asked));
  CHECK(joined(events, "/delta/text") == "Hello there, you");
  CHECK(events.front().name == "message_start");
  CHECK(events.back().name == "message_stop");

  asked["max_tokens"] = 2;
  asked["stream"] = false;
  const auto cut = json_of(post(provider, "/v1/messages", asked));
  CHECK(text_at(cut, "/content/0/text") == "Hello th");
  CHECK(text_at(cut, "/stop_reason") == "max_tokens");
}

TEST_CASE("Gemini") {
  const mock::MockProvider provider;
  const Json question = JsonObject{
      {"contents",
       JsonArray{JsonObject{{"role", "user"}, {"parts", JsonArray{JsonObject{{"text", "Hello there, you"}}}}}}}};
  const auto whole =
      json_of(post(provider, "/v1beta/models/gemini-x:generateContent", question, {{"X-Mock-Reasoning", "hm"}}));
  CHECK(text_at(whole, "/candidates/0/content/parts/1/text") == "Hello there, you");
  CHECK(text_at(whole, "/modelVersion") == "gemini-x");
  CHECK(text_at(whole, "/usageMetadata/candidatesTokenCount") == "4");
  CHECK(text_at(whole, "/usageMetadata/thoughtsTokenCount") == "1");

  const auto events = events_of(post(provider, "/v1beta/models/gemini-x:streamGenerateContent?alt=sse", question));
  CHECK(joined(events, "/candidates/0/content/parts/0/text") == "Hello there, you");
  CHECK(events.back().data.contains("\"finishReason\":\"STOP\""));
}

TEST_CASE("Ollama") {
  const mock::MockProvider provider;
  http::Ndjson lines;
  lines.feed(post(provider, "/api/chat", JsonObject{{"model", "llama"}, {"messages", user("Hello there, you")}}).body);
  std::string text;
  std::string last;
  while (const auto line = lines.next()) {
    text += text_at(parse_json(*line).value(), "/message/content");
    last = *line;
  }
  CHECK(text == "Hello there, you");
  CHECK(last.contains("\"done\":true"));
  CHECK(last.contains("\"eval_count\":4"));
}

TEST_CASE("a schema is kept, in the form of each provider") {
  const mock::MockProvider provider;
  const auto schema = person_schema();
  const auto said = [&](std::string_view path, JsonObject body, std::string_view at) {
    return text_at(json_of(post(provider, path, body)), at);
  };
  CHECK(
      said("/v1/chat/completions",
           {{"messages", user("?")},
            {"response_format", JsonObject{{"type", "json_schema"}, {"json_schema", JsonObject{{"schema", schema}}}}}},
           "/choices/0/message/content") == person);
  CHECK(said("/v1/responses", {{"input", "?"}, {"text", JsonObject{{"format", JsonObject{{"schema", schema}}}}}},
             "/output/0/content/0/text") == person);
  CHECK(said("/v1/messages",
             {{"messages", user("?")},
              {"output_config", JsonObject{{"format", JsonObject{{"type", "json_schema"}, {"schema", schema}}}}}},
             "/content/0/text") == person);
  CHECK(said("/v1beta/models/g:generateContent", {{"generationConfig", JsonObject{{"responseJsonSchema", schema}}}},
             "/candidates/0/content/parts/0/text") == person);
  CHECK(said("/api/chat", {{"messages", user("?")}, {"stream", false}, {"format", schema}}, "/message/content") ==
        person);
}

TEST_CASE("a tool that must be called is called") {
  const mock::MockProvider provider;
  const Json parameters =
      JsonObject{{"type", "object"}, {"properties", JsonObject{{"city", JsonObject{{"type", "string"}}}}}};
  const JsonObject body{
      {"messages", user("weather?")},
      {"tools", JsonArray{JsonObject{{"type", "function"},
                                     {"function", JsonObject{{"name", "weather"}, {"parameters", parameters}}}}}},
      {"tool_choice", "required"}};

  const auto whole = json_of(post(provider, "/v1/chat/completions", body));
  CHECK(text_at(whole, "/choices/0/message/tool_calls/0/function/name") == "weather");
  CHECK(text_at(whole, "/choices/0/message/tool_calls/0/function/arguments") == "{\"city\":\"mock\"}");
  CHECK(text_at(whole, "/choices/0/message/content") == "null");
  CHECK(text_at(whole, "/choices/0/finish_reason") == "tool_calls");

  auto streamed = body;
  streamed["stream"] = true;
  const auto events = events_of(post(provider, "/v1/chat/completions", streamed));
  CHECK(joined(events, "/choices/0/delta/tool_calls/0/function/arguments") == "{\"city\":\"mock\"}");
}

TEST_CASE("embeddings and rankings") {
  const mock::MockProvider provider;
  const JsonObject two{{"model", "e"}, {"input", JsonArray{"red apple", "blue sky"}}};
  const auto openai = json_of(post(provider, "/v1/embeddings", two));
  CHECK(find_at(openai, "/data/1/embedding")->get_array().size() == 8);
  CHECK(text_at(openai, "/usage/total_tokens") == "5");
  CHECK(text_at(json_of(post(provider, "/api/embed", two)), "/embeddings/0") == text_at(openai, "/data/0/embedding"));
  const auto ranked = json_of(post(
      provider, "/v2/rerank", JsonObject{{"query", "red apple"}, {"documents", JsonArray{"blue sky", "a red apple"}}}));
  CHECK(text_at(ranked, "/results/0/index") == "1");
}

TEST_CASE("wishes come by path, query and header, and mistakes in them are told") {
  const mock::MockProvider provider;
  const Json body = JsonObject{{"messages", user("hi")}};
  CHECK(post(provider, "/mock/status=429,retry-after=2/v1/chat/completions", body).status == 429);
  const auto queried = post(provider, "/v1/chat/completions?mock-status=503&mock-retry-after=1", body);
  CHECK(queried.status == 503);
  CHECK(queried.headers.find("retry-after") == "1");
  CHECK(text_at(json_of(post(provider, "/v1/chat/completions", body, {{"X-Mock-Reply", "so%20be it"}})),
                "/choices/0/message/content") == "so be it");
  const auto wrong = post(provider, "/mock/statu=429/v1/chat/completions", body);
  CHECK(wrong.status == 400);
  CHECK(text_at(json_of(wrong), "/error/message") == "mock: nothing is called 'statu'; did you mean 'status'?");
  CHECK(post(provider, "/v1/nothing", body).status == 404);
  CHECK_THROWS_AS(mock::MockProvider({.wishes = {{"status", "soon"}}}), Error);
}

TEST_CASE("streams go wrong as they are asked to") {
  const mock::MockProvider provider;
  const Json body = JsonObject{{"messages", user("Hello there, you")}, {"stream", true}};
  const auto with = [&](std::string_view wishes) {
    return post(provider, "/mock/" + std::string(wishes) + "/v1/chat/completions", body).body;
  };
  CHECK_FALSE(with("missing-end").contains("[DONE]"));
  CHECK(with("error-after=2").ends_with("\"code\":\"server_error\"}}\n\n"));
  CHECK(with("bad-utf8").contains('\xff'));
  CHECK(with("piece-bytes=1").size() == with("piece-bytes=3").size());
  CHECK(with("line-ends=crlf").contains("[DONE]\r\n\r\n"));
  CHECK(with("comments").starts_with(": keep-alive\n\ndata: "));
  CHECK(with("bom").starts_with("\xEF\xBB\xBF"));
  CHECK_THROWS_AS(with("reset-after=40"), Error);
  CHECK_THROWS_AS(with("close-after=40"), Error);
  CHECK_THROWS_AS(with("reset"), Error);
}

TEST_CASE("replies that are scripted come in turn") {
  const test::Folder folder;
  const auto file =
      folder.write("script.json", R"(["first", {"status": 500}, {"reply": "third", "finish": "length"}])");
  mock::MockProvider provider;
  provider.load_script(file.string());
  const Json body = JsonObject{{"messages", user("echo")}};

  CHECK(text_at(json_of(post(provider, "/v1/chat/completions", body)), "/choices/0/message/content") == "first");
  CHECK(post(provider, "/v1/chat/completions", body).status == 500);
  CHECK(text_at(json_of(post(provider, "/v1/chat/completions", body)), "/choices/0/finish_reason") == "length");
  CHECK(text_at(json_of(post(provider, "/v1/chat/completions", body)), "/choices/0/message/content") == "echo");
  CHECK(provider.request_count() == 4);
  CHECK(provider.requests().size() == 4);
}

TEST_CASE("a key can be asked for") {
  const mock::MockProvider provider({.required_key = "sk-1"});
  const Json body = JsonObject{{"messages", user("hi")}};
  CHECK(post(provider, "/v1/chat/completions", body).status == 401);
  CHECK(post(provider, "/v1/chat/completions", body, {{"Authorization", "Bearer sk-1"}}).status == 200);
  CHECK(post(provider, "/v1/messages", body, {{"x-api-key", "sk-1"}}).status == 200);
}

TEST_CASE("the same seed gives the same faults") {
  int faults = 0;
  for (std::uint64_t number = 1; number <= 1000; ++number) {
    const auto drawn = mock::drawn_fault(7, number, 0.3);
    CHECK(drawn == mock::drawn_fault(7, number, 0.3));
    mock::Wishes wishes;
    mock::apply(wishes, drawn);
    faults += drawn.empty() ? 0 : 1;
  }
  CHECK(faults > 200);
  CHECK(faults < 400);
}
