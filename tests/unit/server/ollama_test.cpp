#include "protocol_client.hpp"

using namespace dspy;
using test::parsed;
using test::ProtocolClient;

namespace {

std::shared_ptr<ScriptedLM> says(Reply reply) {
  return std::make_shared<ScriptedLM>([reply](const Request&) { return reply; });
}

}  // namespace

TEST_CASE("Ollama's chat becomes a request; calls without ids are matched with their results") {
  const auto lm = says(Reply(Completion{.text = "blue"}));
  ProtocolClient client(test::catalog_of(lm));

  const auto answer = client.post("/api/chat", parsed(R"({
    "model": "model:latest", "stream": false, "keep_alive": "5m", "think": false, "format": "json",
    "messages": [
      {"role": "system", "content": "Be brief."},
      {"role": "user", "content": "What?", "images": ["aGk="]},
      {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "find", "arguments": {"q": 1}}},
                                                         {"function": {"name": "find", "arguments": {"q": 2}}}]},
      {"role": "tool", "tool_name": "find", "content": "one"},
      {"role": "tool", "tool_name": "find", "content": "two"}
    ],
    "options": {"temperature": 0, "num_predict": 9, "seed": 3, "num_ctx": 4096, "stop": ["x"], "repeat_penalty": 1.0}
  })"));

  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  const auto request = lm->requests().at(0);
  REQUIRE(request.messages.size() == 5);
  CHECK(request.messages[1].parts.at(1).get<MediaPart>()->kind == MediaPart::Kind::image);
  const auto id = [&](std::size_t message, std::size_t part) {
    return request.messages[message].parts.at(part).get<ToolCallPart>()->id;
  };
  CHECK(request.messages[3].parts.at(0).get<ToolResultPart>()->id == id(2, 0));
  CHECK(request.messages[4].parts.at(0).get<ToolResultPart>()->id == id(2, 1));
  CHECK(id(2, 0) != id(2, 1));
  CHECK(request.sampling == Sampling{.max_tokens = 9, .temperature = 0, .repeat_penalty = 1, .seed = 3, .stop = {"x"}});
  CHECK(request.contract.form == OutputContract::Form::schema);
  const auto body = answer.json();
  CHECK(body.at("message").at("content") == Json("blue"));
  CHECK(body.at("done") == Json(true));
  CHECK(body.at("done_reason") == Json("stop"));
}

TEST_CASE("Ollama streams unless told otherwise, a line each, and ends with counts") {
  ProtocolClient client(test::catalog_of(std::make_shared<ScriptedLM>(std::deque<std::string>{"one two", "one two"})));

  const auto chat =
      client.post("/api/chat", parsed(R"({"model": "model", "messages": [{"role": "user", "content": "q"}]})"));
  const auto generated = client.post("/api/generate", parsed(R"({"model": "model", "prompt": "q"})"));

  CHECK(chat.headers.find("Content-Type") == "application/x-ndjson");
  std::string said;
  for (const auto& line : chat.lines()) said += view(line.at("message").at("content").get_string());
  CHECK(said == "one two");
  CHECK(chat.lines().size() > 2);
  CHECK(chat.lines().back().at("eval_count") == Json(2));
  said.clear();
  for (const auto& line : generated.lines()) said += view(line.at("response").get_string());
  CHECK(said == "one two");
  CHECK(generated.lines().back().at("done") == Json(true));
}

TEST_CASE("Ollama's errors, and its lists") {
  ProtocolClient client(test::catalog_of(says(Reply(Completion{.text = "x"}))));

  const auto refused = client.post("/api/generate", parsed(R"({"model": "model", "prompt": "q", "raw": true})"));
  CHECK(refused.status == 400);
  CHECK(std::string(refused.json().at("error").as_string()).contains("`raw`"));
  CHECK(client.post("/api/show", parsed(R"({"model": "nobody"})")).status == 404);
  CHECK(client.get("/api/tags").json().at("models").at(0).at("name") == Json("model"));
  CHECK(client.post("/api/show", parsed(R"({"model": "model"})")).json().at("capabilities") ==
        parsed(R"(["completion"])"));
}
