#include "dspy/providers/provider_lm.hpp"

#include "dspy/adapters/chat_adapter.hpp"
#include "dspy/adapters/json_adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/providers/schemes.hpp"
#include "support.hpp"

#include <cstdlib>

using namespace dspy;
using namespace dspy::test;

namespace {

const Request question{.messages = {{Role::user, "q"}}};

http::SimulatedReply chat_reply(std::string_view text) {
  return {.headers = type_of(Api::chat, false),
          .body = to_text(JsonObject{
              {"id", "r"},
              {"model", "m"},
              {"choices", JsonArray{JsonObject{{"index", 0},
                                               {"message", JsonObject{{"role", "assistant"}, {"content", text}}},
                                               {"finish_reason", "stop"}}}},
              {"usage", JsonObject{{"prompt_tokens", 3}, {"completion_tokens", 2}}}})};
}

Error failure_of(const Remote& remote, const Request& request = question) {
  const auto result = attempt([&] { return wait(remote.lm->complete(request)); });
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

/// Takes variables out of the environment, and puts them back.
class WithoutVariables {
 public:
  explicit WithoutVariables(std::vector<std::string> names) {
    for (auto& name : names) {
      const char* const value = std::getenv(name.c_str());
      before_.emplace_back(name, value != nullptr ? std::optional<std::string>(value) : std::nullopt);
      ::unsetenv(name.c_str());
    }
  }
  WithoutVariables(const WithoutVariables&) = delete;
  WithoutVariables& operator=(const WithoutVariables&) = delete;
  ~WithoutVariables() {
    for (const auto& [name, value] : before_) {
      if (value)
        ::setenv(name.c_str(), value->c_str(), 1);
      else
        ::unsetenv(name.c_str());
    }
  }

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

std::string complaint_about(std::string_view provider, RemoteOptions options) {
  const auto result = attempt([&] { return remote(provider, std::move(options)); });
  return result ? std::string() : std::string(result.error().what());
}

struct Triage {
  struct Input {
    std::string ticket;
  };
  struct Output {
    std::string team;
    int urgency = 0;
  };
};

}  // namespace

TEST_CASE("A request goes to the provider's address with its key, and the reply says all it took") {
  const Remote remote("openai", {.model = "gpt-4.1", .sampling = {.temperature = 0.5}, .organization = "org"});
  remote.transport->reply(chat_reply("hi"));
  const auto reply = wait(remote.lm->complete({.messages = {{Role::user, "q"}}, .sampling = {.top_k = 3}}));
  CHECK(reply.text() == "hi");
  CHECK(reply.usage == Usage{.requests = 1, .prompt_tokens = 3, .completion_tokens = 2});
  REQUIRE(reply.adaptations.size() == 1);
  CHECK(reply.adaptations[0].field == "sampling.top_k");

  const auto sent = remote.transport->requests().at(0);
  CHECK(sent.url == "https://api.openai.com/v1/chat/completions");
  CHECK(sent.headers.find("OpenAI-Organization") == "org");
  CHECK(sent.headers.find("content-type") == "application/json");
  REQUIRE(sent.credentials.size() == 1);
  CHECK(sent.credentials[0].header == "Authorization");
  CHECK(sent.credentials[0].value.reveal() == "sk-canary-0123456789");
  CHECK(parse_json(sent.body)->as_object().at("temperature") == Json(0.5));
  CHECK_FALSE(remote.lm->fingerprint().contains("canary"));
}

TEST_CASE("Fingerprints tell apart what answers otherwise") {
  const auto print = [](std::string_view provider, RemoteOptions options) {
    return Remote(provider, std::move(options)).lm->fingerprint();
  };
  const auto first = print("openai", {.model = "a"});
  CHECK(first == print("openai", {.model = "a"}));
  CHECK(first != print("openai", {.model = "b"}));
  CHECK(first != print("openai", {.model = "a", .api = Api::responses}));
  CHECK(first != print("openai", {.model = "a", .base_url = "https://example.org/v1"}));
  CHECK(first != print("openai", {.model = "a", .sampling = {.temperature = 0}}));
  CHECK(first != print("openai", {.model = "a", .provider = {.reasoning = {.summary = "auto"}}}));
  CHECK(first != print("groq", {.model = "a"}));
}

TEST_CASE("Addresses come from options, the environment, then the provider") {
  const WithoutVariables guard({"OPENAI_BASE_URL", "OPENAI_API_BASE", "OLLAMA_HOST", "OLLAMA_API_BASE",
                                "AZURE_API_VERSION", "OPENAI_API_VERSION"});
  CHECK(Remote("openai").lm->base_url() == "https://api.openai.com/v1");
  ::setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1/", 1);
  CHECK(Remote("openai").lm->base_url() == "http://127.0.0.1:9/v1");
  CHECK(Remote("openai", {.base_url = "http://localhost:1"}).lm->base_url() == "http://localhost:1");
  CHECK(Remote("ollama").lm->base_url() == "http://localhost:11434");
  ::setenv("OLLAMA_HOST", "0.0.0.0", 1);
  CHECK(Remote("ollama").lm->base_url() == "http://127.0.0.1:11434");
  ::setenv("OLLAMA_HOST", "box:8080", 1);
  CHECK(Remote("ollama").lm->base_url() == "http://box:8080");
  CHECK(Remote("anthropic", {.base_url = "https://example.org/v1"}).lm->base_url() == "https://example.org");
  CHECK(Remote("azure", {.base_url = "https://n.openai.azure.com"}).lm->base_url() ==
        "https://n.openai.azure.com/openai/v1");

  const Remote azure("azure", {.model = "d", .base_url = "https://n.openai.azure.com/", .api_version = "2024-10-21"});
  azure.transport->reply(chat_reply("hi"));
  wait(azure.lm->complete(question));
  const auto sent = azure.transport->requests().at(0);
  CHECK(sent.url == "https://n.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21");
  CHECK(sent.credentials.at(0).header == "api-key");
}

TEST_CASE("What is wrong with a model's name or place is said before anything is sent") {
  const WithoutVariables guard({"OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "GROQ_API_KEY", "MY_KEY",
                                "HOSTED_VLLM_API_BASE", "AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE"});
  CHECK(complaint_about("openai", {.model = "m"}).contains("`OPENAI_API_KEY`"));
  CHECK(complaint_about("anthropic", {.model = "m"}).contains("`ANTHROPIC_API_KEY`"));
  CHECK(complaint_about("openai", {.model = "m", .api_key_env = "MY_KEY"}).contains("`MY_KEY`"));
  CHECK(complaint_about("openai", {.model = "m", .base_url = "http://127.0.0.1:1/v1"}).empty());
  CHECK(complaint_about("openai", {}).contains("which model"));
  CHECK(complaint_about("opnai", {.model = "m"}).contains("did you mean `openai`?"));
  CHECK(complaint_about("zzz", {.model = "m"}).contains("`anthropic`"));
  CHECK(complaint_about("vllm", {.model = "m"}).contains("`HOSTED_VLLM_API_BASE`"));
  CHECK(complaint_about("anthropic", {.model = "m", .api = Api::responses, .api_key = Secret("k")})
            .contains("does not speak"));
  CHECK(complaint_about("openai", {.model = "m", .base_url = "ftp://x", .api_key = Secret("k")}).contains("base URL"));
  CHECK(complaint_about("openai", {.model = "m", .base_url = "https://u:p@x", .api_key = Secret("k")})
            .contains("password"));
  CHECK(complaint_about("openai", {.model = "m", .base_url = "http://example.org", .api_key = Secret("k")})
            .contains("plain HTTP"));
  CHECK(complaint_about("openai", {.model = "m", .sampling = {.temperature = -1}, .api_key = Secret("k")})
            .contains("temperature"));
}

TEST_CASE("Model strings make the same as options") {
  ::setenv("DSPY_TEST_KEY", "k", 1);
  const auto made = [](std::string_view name) {
    const auto lm = lm_from_model_string(
        {.scheme = "openai",
         .path = std::string(name),
         .options = {
             {"api_key_env", "DSPY_TEST_KEY"}, {"temperature", "0"}, {"reasoning_effort", "low"}, {"timeout", "2.5"}}});
    return std::dynamic_pointer_cast<ProviderLM>(lm);
  };
  CHECK(made("gpt-5.4-mini")->model() == "gpt-5.4-mini");
  CHECK(made("responses/gpt-5.4-mini")->model() == "gpt-5.4-mini");
  CHECK(made("responses/gpt-5.4-mini")->fingerprint() != made("gpt-5.4-mini")->fingerprint());
  const auto complaint = [](std::string_view name, std::string_view value) {
    const auto result = attempt([&] {
      return lm_from_model_string(
          {.scheme = "openai", .path = "m", .options = {{std::string(name), std::string(value)}}});
    });
    return result ? std::string() : std::string(result.error().what());
  };
  CHECK(complaint("temprature", "0").contains("did you mean `temperature`?"));
  CHECK(complaint("temperature", "warm").contains("needs a number"));
  CHECK(complaint("api_key", "sk-canary").contains("api_key_env"));
  CHECK_FALSE(complaint("api_key", "sk-canary").contains("canary"));
  CHECK(complaint("reasoning_effort", "much").contains("`minimal`"));
  CHECK(complaint("timeout", "-1").contains("seconds"));
  CHECK(complaint("api", "soap").contains("`responses`"));
}

TEST_CASE("One completion a request: several are asked for one by one, with seeds of their own") {
  const Remote remote("openai", {.api = Api::responses});
  for (const auto* const text : {"a", "b", "c"})
    remote.transport->reply(
        {.headers = type_of(Api::chat, false),
         .body = std::format(
             R"({{"id": "r", "status": "completed", "output": [{{"type": "message", "content": [{{"type": "output_text", "text": "{}"}}]}}], "usage": {{"input_tokens": 2, "output_tokens": 1}}}})",
             text)});
  const auto reply = wait(remote.lm->complete({.messages = {{Role::user, "q"}}, .n = 3}));
  REQUIRE(reply.completions.size() == 3);
  CHECK(reply.completions[2].text == "c");
  CHECK(reply.usage.requests == 3);
  CHECK(reply.usage.prompt_tokens == 6U);
  CHECK(reply.adaptations.back().field == "n");

  const Remote ollama("ollama");
  for (int i = 0; i < 2; ++i)
    ollama.transport->reply(
        {.headers = type_of(Api::chat, false), .body = R"({"model": "m", "message": {"content": "x"}, "done": true})"});
  wait(ollama.lm->complete({.messages = {{Role::user, "q"}}, .sampling = {.seed = 7}, .n = 2}));
  CHECK(ollama.transport->requests().at(0).body.contains("\"seed\":7"));
  CHECK(ollama.transport->requests().at(1).body.contains("\"seed\":8"));
}

TEST_CASE("Stop texts that a provider does not take end the reply here, streamed or not") {
  for (const bool stream : {false, true}) {
    for (const std::size_t piece : {1, 5, 0}) {
      CAPTURE(stream);
      CAPTURE(piece);
      const Remote remote("openai", {.model = "gpt-5"});
      auto reply = chat_reply("one STOP two");
      if (stream)
        reply = {.headers = type_of(Api::chat, true),
                 .body =
                     "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one ST\"}}]}\n\ndata: "
                     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"OP "
                     "two\"},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n",
                 .piece_bytes = piece};
      remote.transport->reply(reply);
      const Request request{.messages = {{Role::user, "q"}}, .sampling = {.stop = {"STOP", "never"}}};
      std::string seen;
      const auto got = stream ? wait(remote.lm->stream(request,
                                                       [&](const StreamEvent& event) {
                                                         if (event.kind == StreamEvent::Kind::text) seen += event.text;
                                                       }))
                              : wait(remote.lm->complete(request));
      CHECK(got.text() == "one ");
      CHECK(got.completion().finish == FinishReason::stop);
      if (stream) CHECK(seen == "one ");
    }
  }
}

TEST_CASE("A server that answers a stream with a whole body is understood") {
  const Remote remote("openai");
  remote.transport->reply(chat_reply("hi"));
  Told told;
  const auto reply = wait(remote.lm->stream(question, [&](const StreamEvent& event) { told.take(event); }));
  CHECK(reply.text() == "hi");
  CHECK(told.text == "hi");
}

TEST_CASE("A key that an error repeats is not told") {
  const Remote remote("openai");
  remote.transport->reply(
      {.status = 401,
       .body =
           R"({"error": {"message": "Incorrect API key provided: sk-canary-0123456789.", "code": "invalid_api_key"}})"});
  const auto error = failure_of(remote);
  CHECK(error.code() == Errc::authentication_failed);
  CHECK(std::string_view(error.what()).contains("Incorrect API key provided"));
  CHECK_FALSE(to_text(to_json(error)).contains("canary"));
}

TEST_CASE("Requests that make no sense are refused without being sent") {
  const Remote remote("openai");
  CHECK(failure_of(remote, {}).code() == Errc::invalid_parameter);
  CHECK(failure_of(remote, {.messages = {{Role::user, "\xFF"}}}).code() == Errc::invalid_parameter);
  CHECK(failure_of(remote, {.messages = {{Role::user, "q"}}, .n = 0}).code() == Errc::invalid_parameter);
  const Request film{.messages = {{Role::user, {MediaPart{.kind = MediaPart::Kind::video, .url = "https://x"}}}}};
  CHECK(failure_of(remote, film).info().feature == "messages[0].parts[0]");
  CHECK(remote.transport->requests().empty());
}

TEST_CASE("A typed program gets from a remote model what it gets from a script") {
  for (const bool json : {false, true}) {
    CAPTURE(json);
    const std::string said = json ? R"({"team": "billing", "urgency": 4})"
                                  : "[[ ## team ## ]]\nbilling\n\n[[ ## urgency ## ]]\n4\n\n[[ ## completed ## ]]";
    const Remote remote("openai");
    remote.transport->reply(chat_reply(said));
    const auto scripted = std::make_shared<ScriptedLM>(std::deque<std::string>{said});
    std::shared_ptr<const Adapter> adapter;
    if (json)
      adapter = std::make_shared<JsonAdapter>();
    else
      adapter = std::make_shared<ChatAdapter>();
    const Predict<Triage> far({.lm = remote.lm, .adapter = adapter});
    const Predict<Triage> near({.lm = scripted, .adapter = adapter});
    const auto a = far({.ticket = "Charged twice"});
    const auto b = near({.ticket = "Charged twice"});
    CHECK(a.team == b.team);
    CHECK(a.urgency == b.urgency);
    CHECK(a.urgency == 4);
    CHECK(a.usage().prompt_tokens == 3U);
    const auto sent = parse_json(remote.transport->requests().at(0).body)->as_object();
    CHECK(sent.contains("response_format") == json);
    // What is sent is what the script saw.
    const auto seen = scripted->requests().at(0).messages;
    REQUIRE(sent.at("messages").as_array().size() == seen.size());
    for (std::size_t i = 0; i < seen.size(); ++i)
      CHECK(view(sent.at("messages").as_array()[i].as_object().at("content").as_string()) == seen[i].text());
  }
}
