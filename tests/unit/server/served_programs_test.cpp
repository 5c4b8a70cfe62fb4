#include "dspy/lm/budget.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/spending.hpp"
#include "protocol_client.hpp"

using namespace dspy;
using test::parsed;
using test::ProtocolClient;

namespace {

std::shared_ptr<server::Catalog> catalog_with(server::ServedProgram program) {
  auto out = std::make_shared<server::Catalog>();
  out->put(std::move(program));
  return out;
}

std::shared_ptr<ScriptedLM> says(std::string text) {
  return std::make_shared<ScriptedLM>([text](const Request&) { return text; });
}

Json chat(std::string_view model, std::string_view content) {
  return JsonObject{{"model", model}, {"messages", JsonArray{JsonObject{{"role", "user"}, {"content", content}}}}};
}

}  // namespace

TEST_CASE("a program of one text answers a text with a text") {
  const auto lm = says("Answer: blue");
  ProtocolClient client(catalog_with(test::program_of("sky", "question -> answer", lm)));

  const auto answer = client.post("/v1/chat/completions", chat("sky", R"({"question": "which"})"));

  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  CHECK(answer.json().at("choices").at(0).at("message").at("content") == Json("blue"));
  CHECK(answer.json().at("dspy").at("outputs") == parsed(R"({"answer": "blue"})"));
  // The text is the input as it is, even where it looks like JSON.
  const auto request = lm->requests().at(0);
  CHECK(request.messages.back().text().contains(R"({"question": "which"})"));
}

TEST_CASE("a program of several inputs takes a JSON object, and answers with one") {
  const auto lm = says("Team: billing\nUrgent: yes");
  ProtocolClient client(catalog_with(test::program_of("triage", "ticket, tier: int -> team, urgent: bool", lm)));

  const auto answer = client.post("/v1/chat/completions", chat("triage", R"({"ticket": "No invoice", "tier": 2})"));
  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  const auto content = answer.json().at("choices").at(0).at("message").at("content");
  CHECK(parsed(view(content.get_string())) == parsed(R"({"team": "billing", "urgent": true})"));

  auto named = chat("triage", "");
  named.get_object()["messages"] = JsonArray();
  named.get_object()["inputs"] = parsed(R"({"ticket": "No invoice", "tier": 2})");
  CHECK(client.post("/v1/chat/completions", named).status == 200);

  const auto bare = client.post("/v1/chat/completions", chat("triage", "No invoice"));
  CHECK(bare.status == 400);
  CHECK(bare.json().at("error").at("param") == Json("messages[0]"));
  const auto wrong = client.post("/v1/chat/completions", chat("triage", R"({"ticket": "No invoice", "tier": "x"})"));
  CHECK(wrong.status == 400);
  CHECK(wrong.json().at("error").at("param") == Json("tier"));
}

TEST_CASE("a program streams its one output, and earlier turns are its history") {
  const auto lm = says("Answer: deep blue");
  ProtocolClient client(catalog_with(test::program_of("sky", "question -> answer", lm)));

  const auto answer = client.post("/v1/chat/completions", parsed(R"({"model": "sky", "stream": true, "messages": [
                                    {"role": "user", "content": "Which colour is grass?"},
                                    {"role": "assistant", "content": "green"},
                                    {"role": "user", "content": "And the sky?"}]})"));

  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  std::string said;
  std::size_t pieces = 0;
  for (const auto& event : answer.events()) {
    const auto* const content = event.at("choices").at(0).at("delta").get_object().if_contains("content");
    if (content == nullptr || content->get_string().empty()) continue;
    said += view(content->get_string());
    ++pieces;
  }
  CHECK(said == "deep blue");
  CHECK(pieces > 1);
  std::string all;
  const auto request = lm->requests().at(0);
  for (const auto& message : request.messages) all += message.text() + "\n";
  CHECK(all.contains("Which colour is grass?"));
  CHECK(all.contains("green"));
}

TEST_CASE("what a program has no place for is refused") {
  ProtocolClient client(catalog_with(test::program_of("sky", "question -> answer", says("Answer: blue"))));
  const auto param = [&](std::string_view more) {
    const auto answer =
        client.post_text("/v1/chat/completions", R"({"model": "sky", "messages": [{"role": "user", "content": "q"}])" +
                                                     std::string(more) + "}");
    CHECK_MESSAGE(answer.status == 400, answer.body);
    return answer.json().at("error").at("param");
  };

  CHECK(param(R"(, "n": 2)") == Json("n"));
  CHECK(param(R"(, "logprobs": true)") == Json("logprobs"));
  CHECK(param(R"(, "tools": [{"type": "function", "function": {"name": "f"}}])") == Json("tools"));
  const auto system =
      client.post("/v1/chat/completions", parsed(R"({"model": "sky", "messages": [{"role": "system", "content": "s"},
                                                                          {"role": "user", "content": "q"}]})"));
  CHECK(system.status == 400);
  CHECK(system.json().at("error").at("param") == Json("messages[0]"));
}

TEST_CASE("programs are models of every API") {
  ProtocolClient client(catalog_with(test::program_of("sky", "question -> answer", says("Answer: blue"))));

  const auto message = client.post(
      "/v1/messages", parsed(R"({"model": "sky", "max_tokens": 50, "messages": [{"role": "user", "content": "q"}]})"));
  CHECK(message.json().at("content").at(0).at("text") == Json("blue"));
  const auto response = client.post("/v1/responses", parsed(R"({"model": "sky", "input": "q"})"));
  CHECK(response.json().at("output").at(0).at("content").at(0).at("text") == Json("blue"));
  const auto ollama = client.post("/api/generate", parsed(R"({"model": "sky", "prompt": "q", "stream": false})"));
  CHECK(ollama.json().at("response") == Json("blue"));
  CHECK(client.get("/v1/models/sky").json().at("signature") == Json("question: str -> answer: str"));
}

TEST_CASE("turns of a program alternate, its text may come in parts, and inputs need no messages") {
  const auto lm = says("Answer: blue");
  ProtocolClient client(catalog_with(test::program_of("sky", "question -> answer", lm)));
  const auto ask = [&](std::string_view body) { return client.post_text("/v1/chat/completions", std::string(body)); };

  const auto twice = ask(R"({"model": "sky", "messages": [{"role": "user", "content": "My name is Bob"},
                                                         {"role": "user", "content": "c"}]})");
  CHECK(twice.status == 400);
  CHECK(twice.json().at("error").at("param") == Json("messages[1]"));
  const auto parts = ask(R"({"model": "sky", "messages": [{"role": "user", "content": [
                             {"type": "text", "text": "Which "}, {"type": "text", "text": "colour?"}]}]})");
  CHECK(parts.status == 200);
  CHECK(lm->requests().back().messages.back().text().contains("Which colour?"));
  CHECK(ask(R"({"model": "sky", "inputs": {"question": "q"}})").status == 200);
  CHECK(ask(R"({"model": "sky", "inputs": {"question": "q"}, "messages": [{"role": "user", "content": ""}]})").status ==
        200);
  // One of them would be passed over.
  CHECK(
      ask(R"({"model": "sky", "inputs": {"question": "q"}, "messages": [{"role": "user", "content": "r"}]})").status ==
      400);
  CHECK(client.post_text("/v1/messages", R"({"model": "sky", "max_tokens": 9, "inputs": {"question": "q"}})").status ==
        200);
  CHECK(client.post_text("/tokenize", R"({"model": "sky", "prompt": "x"})").body.contains("is a program"));
}

namespace {

/// A key of `limits`, which is for `sky` alone.
class OneKey final : public server::Spending {
 public:
  explicit OneKey(Budget::Limits limits) : budget(std::make_shared<Budget>(limits)) {}
  bool may_use(const server::Caller& /*caller*/, std::string_view name) const override { return name != "secret"; }
  std::shared_ptr<Budget> charge(const server::Caller& /*caller*/) override { return budget; }

  std::shared_ptr<Budget> budget;
};

}  // namespace

TEST_CASE("what programs and models take is set aside before, and traced") {
  const auto lm = says("Answer: blue");
  auto catalog = catalog_with(test::program_of("sky", "question -> answer", lm));
  catalog->put(server::ServedModel{.name = "model", .lm = lm});
  catalog->put(server::ServedModel{.name = "secret", .lm = lm});
  auto traced = std::make_shared<TraceLog>();
  const auto asks = [&](Budget::Limits limits, std::string_view name, int most) {
    const auto key = std::make_shared<OneKey>(limits);
    ProtocolClient client(catalog, {.spending = key, .trace = [&](const server::CallOrigin&) { return traced; }});
    auto body = chat(name, "hi");
    body.get_object()["max_tokens"] = most;
    const auto status = client.post("/v1/chat/completions", body).status;
    CHECK(key->budget->used().requests == (status == 200 ? 1 : 0));
    return status;
  };

  CHECK(asks({}, "sky", 40) == 200);
  CHECK_FALSE(traced->spans().empty());
  CHECK(asks({.tokens = 10'000}, "model", 40) == 200);
  CHECK(asks({.tokens = 30}, "model", 40) == 429);
  CHECK(asks({.tokens = 30}, "sky", 40) == 429);
  // Nobody knows what they cost.
  CHECK(asks({.nanodollars = 1'000'000'000}, "model", 40) == 429);
  CHECK(asks({.nanodollars = 1'000'000'000}, "sky", 40) == 429);
  CHECK(asks({}, "secret", 40) == 403);
}

TEST_CASE("lists tell of nothing that the key is not for") {
  const auto lm = says("x");
  auto catalog = test::catalog_of(lm);
  catalog->put(server::ServedModel{.name = "secret", .lm = lm});
  ProtocolClient client(catalog, {.spending = std::make_shared<OneKey>(Budget::Limits{})});
  CHECK_FALSE(client.get("/v1/models").body.contains("secret"));
  CHECK_FALSE(client.get("/api/tags").body.contains("secret"));
  CHECK(client.post_text("/api/show", R"({"model": "secret"})").status == 403);
}
